//! A client certificate as a credential.

use portcullis_time::UnixTime;

use crate::{
    error::AuthError,
    verified::{Scopes, Verified, is_name},
};

/// The credential of a client whose certificate the TLS library has verified, chain, time and usage.
///
/// `name` is what the certificate is taken to name: 1 to 128 bytes, under the rule for `sub`. It counts as issued at `now`,
/// since a certificate is checked anew with each connection, and until `expires_at`.
///
/// # Errors
/// The name cannot be a user's.
///
/// ```
/// use portcullis_auth::{Scopes, certificate};
/// use portcullis_time::UnixTime;
///
/// let (now, end) = (UnixTime::from_secs(1_753_000_000), UnixTime::from_secs(1_753_043_200));
/// let verified = certificate::verified("spiffe://example.org/billing", now, end, Scopes::default())?;
/// assert_eq!(verified.subject(), "spiffe://example.org/billing");
/// assert!(certificate::verified("", now, end, Scopes::default()).is_err());
/// # Ok::<(), portcullis_auth::AuthError>(())
/// ```
pub fn verified(
    name: &str,
    now: UnixTime,
    expires_at: UnixTime,
    scopes: Scopes,
) -> Result<Verified, AuthError> {
    if !is_name(name) {
        return Err(AuthError::Claim);
    }
    Ok(Verified { subject: name.into(), expires_at, scopes, id: None, issued_at: Some(now) })
}
