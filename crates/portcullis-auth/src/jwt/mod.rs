//! JSON Web Tokens (RFC 7519), signed (RFC 7515), with the algorithm pinned to the key.

mod claims;
mod key;
mod signer;

use std::vec::Vec;

use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::crypto;
use portcullis_time::UnixTime;
use serde_json::{Map, Value};

use core::time::Duration;

use crate::{AuthError, Verified, Verify, credential};
use claims::Claims;
pub use key::{Algorithm, Key, KeyError, SigningKey};
pub use signer::{Mint, Signer};

/// Keys that are tried for one token: more than this many of one issuer that share algorithm and key id are a mistake
/// of the configuration, and each costs a signature check.
const CANDIDATES_MAX: usize = 4;

/// Who may issue tokens, and with which keys.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the configuration")]
pub struct Issuer {
    /// The `iss` claim, compared whole.
    pub name: std::string::String,
    /// Its keys. A key of one issuer never verifies a token of another, whatever their key ids.
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
#[derive(Debug)]
pub struct Verifier {
    audience: std::string::String,
    issuers: Vec<Issuer>,
    leeway: Duration,
}

impl Verifier {
    /// For tokens meant for `audience`, with 30 seconds of leeway.
    #[must_use]
    pub fn new(audience: &str, issuers: Vec<Issuer>) -> Self {
        Self { audience: audience.into(), issuers, leeway: Duration::from_secs(30) }
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
        let payload = object(payload)?;
        // The issuer is read before the signature is checked, for one purpose: to choose among the configured keys.
        let issuer = claims::text(&payload, "iss").map_err(|_| AuthError::Issuer)?;
        let issuer = self.issuers.iter().find(|known| known.name == issuer).ok_or(AuthError::Issuer)?;
        check_signature(issuer, &header, signed, signature)?;
        Claims::check(&payload, &self.audience, now, self.leeway)
    }
}

/// What a token's header says (RFC 7515 §4.1).
struct Header {
    algorithm: Algorithm,
    key_id: Option<std::string::String>,
}

impl Header {
    fn parse(segment: &str) -> Result<Self, AuthError> {
        let header = object(segment)?;
        // RFC 7515 §4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the
        // recipient, then the JWS is invalid."
        if header.contains_key("crit") {
            return Err(AuthError::Malformed);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(AuthError::Algorithm)?;
        let algorithm = Algorithm::parse(algorithm).ok_or(AuthError::Algorithm)?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) if id.len() <= 128 => Some(id.clone()),
            Some(_) => return Err(AuthError::Malformed),
        };
        Ok(Self { algorithm, key_id })
    }
}

/// Tries the keys of `issuer` that the header can mean. A key is meant when its own algorithm is the header's, so that
/// a public key never serves as an HMAC secret, and when the key ids agree or one of the two has none.
fn check_signature(issuer: &Issuer, header: &Header, signed: &str, signature: &str) -> Result<(), AuthError> {
    let mut fault = AuthError::Algorithm;
    let mut tried = 0;
    for key in issuer.keys.iter().filter(|key| key.algorithm() == header.algorithm) {
        if let (Some(wanted), Some(id)) = (&header.key_id, key.id())
            && wanted != id
        {
            if tried == 0 {
                fault = AuthError::UnknownKey;
            }
            continue;
        }
        tried += 1;
        let verdict = crypto::verify(signature, signed.as_bytes(), key.decoding(), key.algorithm().inner());
        if matches!(verdict, Ok(true)) {
            return Ok(());
        }
        fault = AuthError::Signature;
        if tried == CANDIDATES_MAX {
            break;
        }
    }
    Err(fault)
}

/// A segment of a token as a JSON object.
fn object(segment: &str) -> Result<Map<std::string::String, Value>, AuthError> {
    let bytes = Base64UrlUnpadded::decode_vec(segment).map_err(|_| AuthError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| AuthError::Malformed)
}
