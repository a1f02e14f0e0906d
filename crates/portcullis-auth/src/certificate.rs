//! A client certificate as a credential.

use portcullis_time::UnixTime;

use crate::{
    error::AuthError,
    verified::{Scopes, Verified, is_name},
};

/// What a client certificate says whose chain the TLS library has verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the driver for each connection")]
pub struct Certificate<'c> {
    /// The user that it is taken to name: 1 to 128 bytes, under the rule for `sub`.
    pub name: &'c str,
    /// Its own name, such as a fingerprint, by which it can be withdrawn as a token is by its `jti`.
    pub id: Option<&'c str>,
    /// From when on it is good. It counts as issued then: what revokes the credentials from before a time means it too.
    pub not_before: UnixTime,
    /// Until when it is good.
    pub not_after: UnixTime,
}

/// The credential of a client with a certificate.
///
/// Its time is checked once more, since a resumed TLS session brings back a certificate that was verified earlier.
/// Whether it has been revoked is for [`crate::Revocations`] to say.
///
/// # Errors
/// [`AuthError::NotYetValid`], [`AuthError::Expired`], or [`AuthError::Claim`]: the name cannot be a user's.
///
/// ```
/// use portcullis_auth::{AuthError, Scopes, certificate};
/// use portcullis_time::UnixTime;
///
/// let found = certificate::Certificate {
///     name: "spiffe://example.org/billing",
///     id: None,
///     not_before: UnixTime::from_secs(1_753_000_000),
///     not_after: UnixTime::from_secs(1_760_000_000),
/// };
/// let verified = certificate::verified(UnixTime::from_secs(1_753_043_200), &found, Scopes::default())?;
/// assert_eq!(verified.subject(), "spiffe://example.org/billing");
/// let late = certificate::verified(UnixTime::from_secs(1_760_000_001), &found, Scopes::default());
/// assert_eq!(late, Err(AuthError::Expired));
/// # Ok::<(), AuthError>(())
/// ```
pub fn verified(now: UnixTime, certificate: &Certificate<'_>, scopes: Scopes) -> Result<Verified, AuthError> {
    let Certificate { name, id, not_before, not_after } = *certificate;
    if !is_name(name) {
        return Err(AuthError::Claim);
    }
    if now < not_before {
        return Err(AuthError::NotYetValid);
    }
    if now >= not_after {
        return Err(AuthError::Expired);
    }
    Ok(Verified {
        subject: name.into(),
        expires_at: not_after,
        scopes,
        id: id.map(Into::into),
        issued_at: Some(not_before),
    })
}
