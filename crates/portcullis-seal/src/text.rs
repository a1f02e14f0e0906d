//! Sealed messages as text: base64url without padding, for `{"sealed": text, "generation": number}`.

use base64ct::{Base64UrlUnpadded, Encoding as _};

use crate::error::OpenError;

/// The characters of a sealed message of `len` bytes.
#[must_use]
pub const fn encoded_len(len: usize) -> usize {
    // Four characters for three bytes; two and three for a rest of one and two.
    len / 3 * 4
        + match len % 3 {
            0 => 0,
            rest => rest + 1,
        }
}

/// Writes a sealed message as text. O(n), constant in time for its length.
///
/// Returns `None` when `out` is shorter than [`encoded_len`].
///
/// ```
/// use portcullis_seal::text;
///
/// let mut out = [0; text::encoded_len(4)];
/// assert_eq!(text::encode(&[0xFB, 0xFF, 0, 1], &mut out), Some("-_8AAQ"));
/// assert_eq!(text::decode(b"-_8AAQ", &mut [0; 4])?, [0xFB, 0xFF, 0, 1]);
/// # Ok::<(), portcullis_seal::OpenError>(())
/// ```
pub fn encode<'o>(sealed: &[u8], out: &'o mut [u8]) -> Option<&'o str> {
    Base64UrlUnpadded::encode(sealed, out).ok()
}

/// Reads a sealed message from its text into `out`, which is long enough when it is as long as the text.
///
/// # Errors
/// It is no base64url in its one canonical form, or `out` is too short.
pub fn decode<'o>(text: &[u8], out: &'o mut [u8]) -> Result<&'o mut [u8], OpenError> {
    let len = Base64UrlUnpadded::decode(text, &mut *out).map_err(|_| OpenError::Malformed)?.len();
    out.get_mut(..len).ok_or(OpenError::Malformed)
}
