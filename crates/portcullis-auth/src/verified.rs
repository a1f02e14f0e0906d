//! The proof that a credential is good, and what it says.

use alloc::{boxed::Box, vec::Vec};

use portcullis_time::UnixTime;

use crate::error::AuthError;

/// What a credential allows: a set of names, such as `chat:write`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Box<[Box<str>]>);

/// The most scopes of one credential.
pub const SCOPES_MAX: usize = 64;

impl Scopes {
    /// From names in any order; duplicates count once.
    ///
    /// # Errors
    /// They are more than [`SCOPES_MAX`], or one is empty, longer than 128 bytes, or not plain printable ASCII.
    pub fn new<'s>(names: impl Iterator<Item = &'s str>) -> Result<Self, AuthError> {
        let mut scopes = Vec::<Box<str>>::new();
        for name in names {
            let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
            if name.is_empty() || name.len() > 128 || !plain || scopes.len() >= SCOPES_MAX {
                return Err(AuthError::Claim);
            }
            scopes.push(name.into());
        }
        scopes.sort_unstable();
        scopes.dedup();
        Ok(Self(scopes.into_boxed_slice()))
    }

    /// Whether `name` is among them. O(log n).
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.binary_search_by(|scope| (**scope).cmp(name)).is_ok()
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }
}

/// The proof that a credential was checked and is good. Only a verifier of this crate makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub(crate) subject: Box<str>,
    pub(crate) expires_at: UnixTime,
    pub(crate) scopes: Scopes,
    pub(crate) id: Option<Box<str>>,
    pub(crate) issued_at: Option<UnixTime>,
}

impl Verified {
    /// The user.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When the credential's time is over.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// What it allows.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Its own name (`jti`), by which it can be withdrawn.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// When it was issued.
    #[must_use]
    pub const fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }
}

/// The longest `sub` and `jti`, in bytes.
const NAME_LEN_MAX: usize = 128;

/// Whether `name` can be a `sub` or a `jti`: 1 to 128 bytes that neither break a line nor turn it around. A name is
/// shown to other users and written to logs.
pub(crate) fn is_name(name: &str) -> bool {
    let is_plain =
        |c: char| !c.is_control() && !matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    (1..=NAME_LEN_MAX).contains(&name.len()) && name.chars().all(is_plain)
}

/// The one way from bytes to a [`Verified`]. Every door goes through it.
pub trait Verify: Send + Sync {
    /// Checks a credential at `now`.
    ///
    /// # Errors
    /// It is not accepted.
    fn verify(&self, now: UnixTime, token: &[u8]) -> Result<Verified, AuthError>;
}
