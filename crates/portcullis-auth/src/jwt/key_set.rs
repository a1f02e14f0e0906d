//! Key sets as issuers publish them (RFC 7517 §5).

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde_json::{Map, Value};

use super::key::{Algorithm, Key, KeyError};

/// The longest key set that is read, in bytes.
pub const KEY_SET_LEN_MAX: usize = 256 * 1_024;
/// The most keys of one set.
pub const KEYS_MAX: usize = 64;

/// A key set that cannot be used. Its issuer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is longer than [`KEY_SET_LEN_MAX`].
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        len_max: usize,
    },
    /// It has more keys than [`KEYS_MAX`].
    TooMany {
        /// How many it has.
        keys: usize,
        /// The limit.
        keys_max: usize,
    },
    /// It is no JSON object with an array `keys` of objects.
    Format,
    /// It publishes a secret: whoever reads it can sign.
    Secret,
    /// A key for signatures that is too weak, or is not what it says.
    Key {
        /// Its place in the set, from 0.
        index: usize,
        /// What is wrong with it.
        error: KeyError,
    },
    /// None of its keys is for signatures that are known here.
    Empty,
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, len_max } => {
                write!(f, "the key set has {len} bytes, the limit is {len_max}")
            }
            Self::TooMany { keys, keys_max } => {
                write!(f, "the key set has {keys} keys, the limit is {keys_max}")
            }
            Self::Format => f.write_str("not a key set: an object with an array `keys`"),
            Self::Secret => f.write_str("the key set publishes a symmetric or a private key"),
            Self::Key { index, error } => write!(f, "key {index} of the set: {error}"),
            Self::Empty => f.write_str("the key set has no key for signatures that are known here"),
        }
    }
}

impl core::error::Error for KeySetError {}

/// The keys of a set that verify signatures. Each is pinned to the algorithm that it names; one that names none to the
/// usual one of its kind: RS256, or that of its curve. Keys for encryption and of kinds that are not known here are left
/// out (RFC 7517 §5).
///
/// # Errors
/// It cannot be used; see [`KeySetError`].
pub fn key_set(json: &[u8]) -> Result<Vec<Key>, KeySetError> {
    if json.len() > KEY_SET_LEN_MAX {
        return Err(KeySetError::TooLong { len: json.len(), len_max: KEY_SET_LEN_MAX });
    }
    let set: Value = serde_json::from_slice(json).map_err(|_| KeySetError::Format)?;
    let published = set.get("keys").and_then(Value::as_array).ok_or(KeySetError::Format)?;
    if published.len() > KEYS_MAX {
        return Err(KeySetError::TooMany { keys: published.len(), keys_max: KEYS_MAX });
    }
    let mut keys = Vec::new();
    for (index, key) in published.iter().enumerate() {
        let key = key.as_object().ok_or(KeySetError::Format)?;
        // RFC 7518 §6: "d" is the private part of each kind, "k" that of a symmetric key.
        if key.contains_key("d") || key.contains_key("k") || text(key, "kty") == Some("oct") {
            return Err(KeySetError::Secret);
        }
        let Some(algorithm) = algorithm(key) else { continue };
        let made = public_key(algorithm, key).map_err(|error| KeySetError::Key { index, error })?;
        keys.push(match text(key, "kid") {
            Some(id) => made.with_id(id),
            None => made,
        });
    }
    if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(keys) }
}

fn text<'k>(key: &'k Map<String, Value>, name: &str) -> Option<&'k str> {
    key.get(name)?.as_str()
}

/// What a key verifies; `None` when that is nothing that is known here.
fn algorithm(key: &Map<String, Value>) -> Option<Algorithm> {
    // What says that it is for something else than signatures (`use`, `key_ops`) is not used for them.
    if key.contains_key("use") && text(key, "use") != Some("sig") {
        return None;
    }
    if let Some(operations) = key.get("key_ops") {
        let verifies = operations.as_array()?.iter().any(|operation| operation.as_str() == Some("verify"));
        if !verifies {
            return None;
        }
    }
    let usual = match (text(key, "kty")?, text(key, "crv")) {
        ("RSA", _) => Algorithm::RS256,
        ("EC", Some("P-256")) => Algorithm::ES256,
        ("EC", Some("P-384")) => Algorithm::ES384,
        ("OKP", Some("Ed25519")) => Algorithm::EdDSA,
        _ => return None,
    };
    let Some(named) = key.get("alg") else { return Some(usual) };
    // RFC 9864 names the curve in place of the family.
    let named = named.as_str().map(|name| if name == "Ed25519" { "EdDSA" } else { name })?;
    Algorithm::parse(named)
}

/// The key of a kind that fits `algorithm`.
fn public_key(algorithm: Algorithm, key: &Map<String, Value>) -> Result<Key, KeyError> {
    let part = |name| text(key, name).ok_or(KeyError::Format);
    match text(key, "kty") {
        Some("RSA") => Key::rsa_components(algorithm, part("n")?, part("e")?),
        Some("EC") => Key::ec_components(algorithm, part("x")?, part("y")?),
        _ => Key::ed_components(algorithm, part("x")?),
    }
}
