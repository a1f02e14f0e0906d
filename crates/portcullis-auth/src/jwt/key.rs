//! Keys, each pinned to one algorithm.

use core::fmt;
use std::string::String;

use jsonwebtoken::{self as jwt, DecodingKey, EncodingKey};

/// An algorithm that a key can be pinned to. There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names of RFC 7518 §3.1 and RFC 8037 §3.1")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// From its registered name, in exactly this case; `None` for any other.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::HS256,
            "HS384" => Self::HS384,
            "HS512" => Self::HS512,
            "RS256" => Self::RS256,
            "RS384" => Self::RS384,
            "RS512" => Self::RS512,
            "PS256" => Self::PS256,
            "PS384" => Self::PS384,
            "PS512" => Self::PS512,
            "ES256" => Self::ES256,
            "ES384" => Self::ES384,
            "EdDSA" => Self::EdDSA,
            _ => return None,
        })
    }

    pub(super) const fn inner(self) -> jwt::Algorithm {
        match self {
            Self::HS256 => jwt::Algorithm::HS256,
            Self::HS384 => jwt::Algorithm::HS384,
            Self::HS512 => jwt::Algorithm::HS512,
            Self::RS256 => jwt::Algorithm::RS256,
            Self::RS384 => jwt::Algorithm::RS384,
            Self::RS512 => jwt::Algorithm::RS512,
            Self::PS256 => jwt::Algorithm::PS256,
            Self::PS384 => jwt::Algorithm::PS384,
            Self::PS512 => jwt::Algorithm::PS512,
            Self::ES256 => jwt::Algorithm::ES256,
            Self::ES384 => jwt::Algorithm::ES384,
            Self::EdDSA => jwt::Algorithm::EdDSA,
        }
    }

    /// The output of the hash, for HMAC; `None` for the others.
    const fn hmac_len(self) -> Option<usize> {
        match self {
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            Self::RS256
            | Self::RS384
            | Self::RS512
            | Self::PS256
            | Self::PS384
            | Self::PS512
            | Self::ES256
            | Self::ES384
            | Self::EdDSA => None,
        }
    }

    /// Whether this is an HMAC: the key that verifies also signs.
    #[must_use]
    pub const fn is_hmac(self) -> bool {
        self.hmac_len().is_some()
    }
}

/// A key that cannot be used. The configuration is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// An HMAC secret shorter than the hash's output (RFC 7518 §3.2).
    SecretTooShort {
        /// Its length in bytes.
        len: usize,
        /// What is needed, in bytes.
        len_min: usize,
    },
    /// An RSA key of fewer bits than RFC 7518 §3.3 asks for.
    RsaTooShort {
        /// Its length in bits.
        bits: usize,
        /// What is needed, in bits.
        bits_min: usize,
    },
    /// It is no key of the algorithm's family in PEM.
    Format,
    /// A secret for an algorithm with a key pair, or a key pair for HMAC.
    Family,
    /// The token could not be signed.
    Signing,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretTooShort { len, len_min } => {
                write!(f, "the HMAC secret has {len} bytes, the algorithm needs {len_min}")
            }
            Self::RsaTooShort { bits, bits_min } => {
                write!(f, "the RSA key has {bits} bits, {bits_min} are needed")
            }
            Self::Format => f.write_str("not a PEM key of the algorithm's family"),
            Self::Family => f.write_str("the kind of key does not fit the algorithm"),
            Self::Signing => f.write_str("the token cannot be signed with this key"),
        }
    }
}

impl core::error::Error for KeyError {}

/// The fewest bits of an RSA key (RFC 7518 §3.3).
const RSA_BITS_MIN: usize = 2_048;

/// A key that verifies, pinned to its algorithm.
pub struct Key {
    algorithm: Algorithm,
    id: Option<String>,
    decoding: DecodingKey,
}

impl Key {
    /// An HMAC secret.
    ///
    /// # Errors
    /// It is shorter than the hash's output, or the algorithm is no HMAC.
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        check_secret(algorithm, secret)?;
        Ok(Self { algorithm, id: None, decoding: DecodingKey::from_secret(secret) })
    }

    /// A public key in PEM.
    ///
    /// # Errors
    /// It is no public key of the algorithm's family, or too short.
    pub fn public_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyError> {
        let decoding = match algorithm.inner() {
            jwt::Algorithm::ES256 | jwt::Algorithm::ES384 => DecodingKey::from_ec_pem(pem),
            jwt::Algorithm::EdDSA => DecodingKey::from_ed_pem(pem),
            _ if algorithm.is_hmac() => return Err(KeyError::Family),
            _ => DecodingKey::from_rsa_pem(pem),
        };
        let key = Self { algorithm, id: None, decoding: decoding.map_err(|_| KeyError::Format)? };
        key.check_rsa()?;
        Ok(key)
    }

    /// The same with a key id, which a token's `kid` must then equal.
    #[must_use]
    pub fn with_id(self, id: &str) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// The algorithm that it is pinned to.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its key id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    fn check_rsa(&self) -> Result<(), KeyError> {
        if !matches!(self.decoding.family(), jwt::AlgorithmFamily::Rsa) {
            return Ok(());
        }
        let der = self.decoding.try_get_as_bytes().map_err(|_| KeyError::Format)?;
        let bits = modulus_bits(der).ok_or(KeyError::Format)?;
        if bits < RSA_BITS_MIN {
            return Err(KeyError::RsaTooShort { bits, bits_min: RSA_BITS_MIN });
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A key that signs, for the programs that mint tokens.
pub struct SigningKey {
    pub(super) algorithm: Algorithm,
    pub(super) id: Option<String>,
    pub(super) encoding: EncodingKey,
}

impl SigningKey {
    /// An HMAC secret.
    ///
    /// # Errors
    /// It is shorter than the hash's output, or the algorithm is no HMAC.
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        check_secret(algorithm, secret)?;
        Ok(Self { algorithm, id: None, encoding: EncodingKey::from_secret(secret) })
    }

    /// A private key in PEM (PKCS#8).
    ///
    /// # Errors
    /// It is no private key of the algorithm's family.
    pub fn private_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyError> {
        let encoding = match algorithm.inner() {
            jwt::Algorithm::ES256 | jwt::Algorithm::ES384 => EncodingKey::from_ec_pem(pem),
            jwt::Algorithm::EdDSA => EncodingKey::from_ed_pem(pem),
            _ if algorithm.is_hmac() => return Err(KeyError::Family),
            _ => EncodingKey::from_rsa_pem(pem),
        };
        Ok(Self { algorithm, id: None, encoding: encoding.map_err(|_| KeyError::Format)? })
    }

    /// The same with a key id, which goes into the header of each token.
    #[must_use]
    pub fn with_id(self, id: &str) -> Self {
        Self { id: Some(id.into()), ..self }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// RFC 7518 §3.2: "A key of the same size as the hash output (for instance, 256 bits for "HS256") or larger MUST be used
/// with this algorithm."
fn check_secret(algorithm: Algorithm, secret: &[u8]) -> Result<(), KeyError> {
    let len_min = algorithm.hmac_len().ok_or(KeyError::Family)?;
    if secret.len() < len_min { Err(KeyError::SecretTooShort { len: secret.len(), len_min }) } else { Ok(()) }
}

/// The bits of the modulus of an RSA public key in DER (RFC 8017 §A.1.1: a sequence that starts with the modulus).
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let (sequence, _) = element(der, 0x30)?;
    let (modulus, _) = element(sequence, 0x02)?;
    let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
    let modulus = modulus.get(zeros..)?;
    let first = modulus.first()?;
    Some(modulus.len() * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

/// The content of the DER element that `der` starts with, if it has the tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (len, rest) = match short {
        0..=0x7F => (usize::from(short), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7F))?;
            (
                digits
                    .iter()
                    .try_fold(0_usize, |len, &digit| len.checked_mul(256)?.checked_add(digit.into()))?,
                rest,
            )
        }
        _ => return None,
    };
    if found == tag { rest.split_at_checked(len) } else { None }
}
