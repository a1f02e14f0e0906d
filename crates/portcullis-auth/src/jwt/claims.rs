//! Claims: required, and of their own JSON types. A claim of another type is not a claim that is absent.

use core::time::Duration;

use portcullis_time::UnixTime;
use serde_json::Value;

use super::object::Object;
use crate::{AuthError, Scopes, Verified, verified::is_name};

/// Seconds beyond this are not exact in JSON readers that use doubles.
pub(super) const SECONDS_MAX: u64 = 1 << 53;

/// The checks of a token whose signature is good.
pub(super) struct Claims;

impl Claims {
    pub(super) fn check(
        claims: &Object,
        audience: &str,
        now: UnixTime,
        leeway: Duration,
    ) -> Result<Verified, AuthError> {
        let subject = name(claims, "sub")?.ok_or(AuthError::Claim)?;
        check_audience(claims, audience)?;
        let expires_at = time(claims, "exp")?.ok_or(AuthError::Claim)?;
        let (not_before, issued_at) = (time(claims, "nbf")?, time(claims, "iat")?);
        let id = name(claims, "jti")?;
        let scopes = scopes(claims)?;
        if now >= expires_at.saturating_add(leeway) {
            return Err(AuthError::Expired);
        }
        if [not_before, issued_at].into_iter().flatten().any(|from| from > now.saturating_add(leeway)) {
            return Err(AuthError::NotYetValid);
        }
        Ok(Verified { subject: subject.into(), expires_at, scopes, id: id.map(Into::into), issued_at })
    }
}

/// A string claim that must be there.
pub(super) fn text<'c>(claims: &'c Object, claim: &str) -> Result<&'c str, AuthError> {
    claims.get(claim).and_then(Value::as_str).ok_or(AuthError::Claim)
}

/// A name that may be there.
fn name<'c>(claims: &'c Object, claim: &str) -> Result<Option<&'c str>, AuthError> {
    match claims.get(claim) {
        None => Ok(None),
        Some(Value::String(name)) if is_name(name) => Ok(Some(name)),
        Some(_) => Err(AuthError::Claim),
    }
}

/// A `NumericDate` (RFC 7519 §2): whole seconds that are written as a number.
fn time(claims: &Object, claim: &str) -> Result<Option<UnixTime>, AuthError> {
    match claims.get(claim) {
        None => Ok(None),
        Some(value) => {
            let seconds = value.as_u64().filter(|&seconds| seconds <= SECONDS_MAX).ok_or(AuthError::Claim)?;
            Ok(Some(UnixTime::from_secs(seconds)))
        }
    }
}

/// RFC 7519 §4.1.3: "If the principal processing the claim does not identify itself with a value in the "aud" claim
/// when this claim is present, then the JWT MUST be rejected."
fn check_audience(claims: &Object, audience: &str) -> Result<(), AuthError> {
    let is_meant = match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) if several.iter().all(Value::is_string) => {
            several.iter().any(|one| one.as_str() == Some(audience))
        }
        Some(_) => return Err(AuthError::Claim),
        None => false,
    };
    if is_meant { Ok(()) } else { Err(AuthError::Audience) }
}

/// `scope` as RFC 8693 §4.2 writes it (one string with spaces), or as an array of strings.
fn scopes(claims: &Object) -> Result<Scopes, AuthError> {
    match claims.get("scope") {
        None => Ok(Scopes::default()),
        Some(Value::String(text)) => Scopes::new(text.split(' ').filter(|name| !name.is_empty())),
        Some(Value::Array(names)) if names.iter().all(Value::is_string) => {
            Scopes::new(names.iter().filter_map(Value::as_str))
        }
        Some(_) => Err(AuthError::Claim),
    }
}
