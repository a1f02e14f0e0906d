//! The grammar of channel names.

/// The longest channel name, in bytes.
pub const CHANNEL_LEN_MAX: usize = 128;

/// What a user's own channel is called: this, then the user.
pub const USER_PREFIX: &str = "user:";

/// Whether `name` can be a channel: 1 to 128 bytes, letters, digits and `_ - . : @ / +`. O(n).
///
/// ```
/// use portcullis_session::is_channel_name;
///
/// assert!(is_channel_name("chat:lobby"));
/// assert!(!is_channel_name("chat lobby"));
/// assert!(!is_channel_name(""));
/// ```
#[must_use]
pub fn is_channel_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:@/+".contains(&byte);
    (1..=CHANNEL_LEN_MAX).contains(&name.len()) && name.bytes().all(plain)
}

/// Whether `name` is some user's own channel, where only the server puts things.
#[cfg(feature = "alloc")]
pub(crate) fn is_user_channel(name: &str) -> bool {
    name.starts_with(USER_PREFIX)
}
