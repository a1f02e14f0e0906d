//! JSON Web Tokens (RFC 7519), signed (RFC 7515), with the algorithm pinned to the key.

mod claims;
mod key;
mod key_set;
mod object;
mod signer;
#[cfg(test)]
mod vectors;

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use portcullis_time::UnixTime;
use serde_json::Value;

use crate::{AuthError, Verified, Verify, credential};
use claims::Claims;
use object::Object;

pub use key::{Algorithm, Key, KeyError, SigningKey};
pub use key_set::{KEY_SET_LEN_MAX, KEYS_MAX, KeySetError, key_set};
pub use signer::{Mint, Signer};

/// Keys that are tried for one token, because each costs a signature check.
const CANDIDATES_MAX: usize = 4;

/// Who may issue tokens, and with which keys.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the configuration")]
pub struct Issuer {
    /// The `iss` claim, compared whole.
    pub name: String,
    /// Its keys. A key of one issuer never verifies a token of another, whatever their key ids.
    ///
    /// A token that names a key id (`kid`) is checked with the keys of that id and with those that have none; a token
    /// that names none is checked with all. Among those that are pinned to the token's algorithm the first four are
    /// tried, so that a forged token costs no more than four signatures.
    pub keys: Vec<Key>,
}

/// Verifies tokens: one audience, several issuers, an algorithm pinned to every key.
///
/// `exp`, `aud`, `iss` and `sub` are required and must have their JSON types; `nbf` and `iat` are honoured when there.
///
/// ```
/// use portcullis_auth::{Verify, jwt::{Algorithm, Issuer, Key, Mint, Signer, SigningKey, Verifier}};
/// use portcullis_time::UnixTime;
///
/// let secret = [7; 32];
/// let now = UnixTime::from_secs(1_753_000_000);
/// let signer = Signer::new(SigningKey::hmac(Algorithm::HS256, &secret)?, "https://issuer", "portcullis");
/// let token = signer.mint(&Mint::new("alice", now, core::time::Duration::from_secs(60)))?;
///
/// let issuer = Issuer { name: "https://issuer".into(), keys: vec![Key::hmac(Algorithm::HS256, &secret)?] };
/// let verifier = Verifier::new("portcullis", vec![issuer]);
/// assert_eq!(verifier.verify(now, token.as_bytes()).unwrap().subject(), "alice");
/// # Ok::<(), portcullis_auth::jwt::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    audience: String,
    issuers: Vec<Issuer>,
    leeway: Duration,
}

impl Verifier {
    /// For tokens meant for `audience`, with 30 seconds of leeway. An issuer that stands twice has the keys of both.
    #[must_use]
    pub fn new(audience: &str, issuers: Vec<Issuer>) -> Self {
        let mut merged = Vec::<Issuer>::with_capacity(issuers.len());
        for issuer in issuers {
            match merged.iter_mut().find(|known| known.name == issuer.name) {
                Some(known) => known.keys.extend(issuer.keys),
                None => merged.push(issuer),
            }
        }
        Self { audience: audience.into(), issuers: merged, leeway: Duration::from_secs(30) }
    }

    /// The same with more keys of an issuer that it knows, such as those that the issuer publishes now. An issuer that
    /// it does not know stays unknown.
    #[must_use]
    pub fn with_keys(&self, issuer: &str, keys: Vec<Key>) -> Self {
        let mut verifier = self.clone();
        if let Some(known) = verifier.issuers.iter_mut().find(|known| known.name == issuer) {
            known.keys.extend(keys);
        }
        verifier
    }

    /// The same with another leeway for clocks that differ.
    #[must_use]
    pub fn with_leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }
}

impl Verify for Verifier {
    fn verify(&self, now: UnixTime, token: &[u8]) -> Result<Verified, AuthError> {
        let token = credential::check_form(token)?;
        let token = core::str::from_utf8(token).map_err(|_| AuthError::Malformed)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(AuthError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(AuthError::Malformed)?;
        let header = Header::parse(header)?;
        let payload = Object::parse(payload)?;
        let signature = Base64UrlUnpadded::decode_vec(signature).map_err(|_| AuthError::Malformed)?;
        // The issuer is read before the signature is checked, for one purpose: to choose among the configured keys.
        let issuer = claims::text(&payload, "iss").map_err(|_| AuthError::Issuer)?;
        let issuer = self.issuers.iter().find(|known| known.name == issuer).ok_or(AuthError::Issuer)?;
        check_signature(issuer, &header, signed, &signature)?;
        Claims::check(&payload, &self.audience, now, self.leeway)
    }
}

/// What a token's header says (RFC 7515 §4.1).
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Header {
    fn parse(segment: &str) -> Result<Self, AuthError> {
        let header = Object::parse(segment)?;
        // RFC 7515 §4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the
        // recipient, then the JWS is invalid."
        if header.get("crit").is_some() {
            return Err(AuthError::Malformed);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(AuthError::Algorithm)?;
        let algorithm = Algorithm::parse(algorithm).ok_or(AuthError::Algorithm)?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(AuthError::Malformed),
        };
        Ok(Self { algorithm, key_id })
    }
}

/// Tries the keys of `issuer` that the header can mean. A key is meant when its own algorithm is the header's, so that
/// a public key never serves as an HMAC secret, and when the key ids agree or one of the two has none.
fn check_signature(
    issuer: &Issuer,
    header: &Header,
    signed: &str,
    signature: &Vec<u8>,
) -> Result<(), AuthError> {
    let is_meant = |key: &&Key| match (&header.key_id, key.id()) {
        (Some(wanted), Some(id)) => wanted == id,
        (None, _) | (_, None) => true,
    };
    let pinned = issuer.keys.iter().filter(|key| key.algorithm() == header.algorithm);
    let mut meant = pinned.clone().filter(is_meant).take(CANDIDATES_MAX).peekable();
    if meant.peek().is_none() {
        let is_known = pinned.count() > 0;
        return Err(if is_known { AuthError::UnknownKey } else { AuthError::Algorithm });
    }
    if meant.any(|key| key.fits(signed.as_bytes(), signature)) { Ok(()) } else { Err(AuthError::Signature) }
}
