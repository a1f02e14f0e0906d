//! Keys, each pinned to one algorithm.

use alloc::{string::String, vec::Vec};
use core::fmt;

// The provider is named, not left to the features that the rest of a program turns on in the same library: with two of
// them on, its own choice is to panic at the first token.
use jsonwebtoken::{self as jwt, DecodingKey, EncodingKey, crypto::aws_lc::DEFAULT_PROVIDER};

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

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    const fn inner(self) -> jwt::Algorithm {
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

    const fn family(self) -> Family {
        match self {
            Self::HS256 => Family::Hmac { hash_len: 32 },
            Self::HS384 => Family::Hmac { hash_len: 48 },
            Self::HS512 => Family::Hmac { hash_len: 64 },
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => Family::Rsa,
            Self::ES256 => Family::Ec { coordinate_len: 32 },
            Self::ES384 => Family::Ec { coordinate_len: 48 },
            Self::EdDSA => Family::Ed,
        }
    }

    /// Whether this is an HMAC: the key that verifies also signs.
    #[must_use]
    pub const fn is_hmac(self) -> bool {
        matches!(self.family(), Family::Hmac { .. })
    }
}

/// The kind of key that an algorithm works with; lengths in bytes.
#[derive(Clone, Copy)]
enum Family {
    Hmac { hash_len: usize },
    Rsa,
    Ec { coordinate_len: usize },
    Ed,
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
    /// An RSA key of more bits than the cryptography here works with.
    RsaTooLong {
        /// Its length in bits.
        bits: usize,
        /// The limit in bits.
        bits_max: usize,
    },
    /// It is no key of the algorithm's family, or of its curve, in PEM.
    Format,
    /// A secret for an algorithm with a key pair, or a key pair for HMAC.
    Family,
    /// The token could not be signed.
    Signing,
    /// A token with these claims would not be accepted: see [`super::Signer::mint`].
    Claims,
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
            Self::RsaTooLong { bits, bits_max } => {
                write!(f, "the RSA key has {bits} bits, the limit is {bits_max}")
            }
            Self::Format => f.write_str("not a PEM key of the algorithm's family"),
            Self::Family => f.write_str("the kind of key does not fit the algorithm"),
            Self::Signing => f.write_str("the token cannot be signed with this key"),
            Self::Claims => f.write_str("no verifier would accept a token with these claims"),
        }
    }
}

impl core::error::Error for KeyError {}

/// The fewest bits of an RSA key (RFC 7518 §3.3).
const RSA_BITS_MIN: usize = 2_048;
/// The most. The time that a signature takes grows with the square of them.
const RSA_BITS_MAX: usize = 8_192;

/// A key that verifies, pinned to its algorithm.
#[derive(Clone)]
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
        let decoding = match algorithm.family() {
            Family::Hmac { .. } => return Err(KeyError::Family),
            Family::Rsa => DecodingKey::from_rsa_pem(pem),
            Family::Ec { .. } => DecodingKey::from_ec_pem(pem),
            Family::Ed => DecodingKey::from_ed_pem(pem),
        };
        let decoding = decoding.map_err(|_| KeyError::Format)?;
        check_public(algorithm, decoding.try_get_as_bytes().map_err(|_| KeyError::Format)?)?;
        Ok(Self { algorithm, id: None, decoding })
    }

    /// An RSA key by its modulus and exponent, each as an unpadded base64url number (RFC 7518 §6.3.1).
    pub(super) fn rsa_components(
        algorithm: Algorithm,
        modulus: &str,
        exponent: &str,
    ) -> Result<Self, KeyError> {
        if !matches!(algorithm.family(), Family::Rsa) {
            return Err(KeyError::Family);
        }
        check_rsa(Some(&decoded(modulus)?))?;
        decoded(exponent)?;
        let decoding = DecodingKey::from_rsa_components(modulus, exponent).map_err(|_| KeyError::Format)?;
        Ok(Self { algorithm, id: None, decoding })
    }

    /// A point of a curve by its coordinates (RFC 7518 §6.2.1).
    pub(super) fn ec_components(algorithm: Algorithm, x: &str, y: &str) -> Result<Self, KeyError> {
        let Family::Ec { coordinate_len } = algorithm.family() else { return Err(KeyError::Family) };
        if decoded(x)?.len() != coordinate_len || decoded(y)?.len() != coordinate_len {
            return Err(KeyError::Format);
        }
        let decoding = DecodingKey::from_ec_components(x, y).map_err(|_| KeyError::Format)?;
        Ok(Self { algorithm, id: None, decoding })
    }

    /// An Edwards point (RFC 8037 §2).
    pub(super) fn ed_components(algorithm: Algorithm, x: &str) -> Result<Self, KeyError> {
        if !matches!(algorithm.family(), Family::Ed) {
            return Err(KeyError::Family);
        }
        if decoded(x)?.len() != 32 {
            return Err(KeyError::Format);
        }
        let decoding = DecodingKey::from_ed_components(x).map_err(|_| KeyError::Format)?;
        Ok(Self { algorithm, id: None, decoding })
    }

    /// The same with a key id. A token that names another one (`kid`) is then not checked with this key.
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

    /// Whether `signature` is this key's over `signed`. HMACs are compared in constant time.
    pub(super) fn fits(&self, signed: &[u8], signature: &Vec<u8>) -> bool {
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm.inner(), &self.decoding)
            .is_ok_and(|verifier| verifier.verify(signed, signature).is_ok())
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

    /// A private key in PEM: PKCS#8, for RSA also PKCS#1. One signature is made with it, so that a key of the wrong
    /// kind shows here and not at the first token.
    ///
    /// # Errors
    /// It is no private key of the algorithm's family and curve, or too short.
    pub fn private_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyError> {
        let encoding = match algorithm.family() {
            Family::Hmac { .. } => return Err(KeyError::Family),
            Family::Rsa => EncodingKey::from_rsa_pem(pem),
            Family::Ec { .. } => EncodingKey::from_ec_pem(pem),
            Family::Ed => EncodingKey::from_ed_pem(pem),
        };
        let key = Self { algorithm, id: None, encoding: encoding.map_err(|_| KeyError::Format)? };
        if matches!(algorithm.family(), Family::Rsa) {
            check_rsa(private_modulus(key.encoding.as_bytes()))?;
        }
        key.sign(b"probe").map_err(|_| KeyError::Format)?;
        Ok(key)
    }

    /// The signature over `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm.inner(), &self.encoding);
        signer.map_err(|_| KeyError::Signing)?.try_sign(message).map_err(|_| KeyError::Signing)
    }

    /// The same with a key id, which goes into the header of each token.
    #[must_use]
    pub fn with_id(self, id: &str) -> Self {
        Self { id: Some(id.into()), ..self }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A number of a published key.
fn decoded(text: &str) -> Result<Vec<u8>, KeyError> {
    use base64ct::Encoding as _;
    base64ct::Base64UrlUnpadded::decode_vec(text).map_err(|_| KeyError::Format)
}

/// RFC 7518 §3.2: "A key of the same size as the hash output (for instance, 256 bits for "HS256") or larger MUST be used
/// with this algorithm."
fn check_secret(algorithm: Algorithm, secret: &[u8]) -> Result<(), KeyError> {
    let Family::Hmac { hash_len: len_min } = algorithm.family() else { return Err(KeyError::Family) };
    if secret.len() < len_min { Err(KeyError::SecretTooShort { len: secret.len(), len_min }) } else { Ok(()) }
}

/// Looks at the bytes of a public key: the PEM reader compares families and not curves, and a key of another curve
/// would refuse every token without a word.
fn check_public(algorithm: Algorithm, key: &[u8]) -> Result<(), KeyError> {
    let fits = match algorithm.family() {
        Family::Hmac { .. } => return Err(KeyError::Family),
        Family::Rsa => return check_rsa(public_modulus(key)),
        // SEC 1 §2.3.3: 4, then both coordinates.
        Family::Ec { coordinate_len } => key.len() == 1 + 2 * coordinate_len && key.first() == Some(&4),
        Family::Ed => key.len() == 32,
    };
    if fits { Ok(()) } else { Err(KeyError::Format) }
}

// RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used with these algorithms."
fn check_rsa(modulus: Option<&[u8]>) -> Result<(), KeyError> {
    let bits = modulus.and_then(bits).ok_or(KeyError::Format)?;
    if bits < RSA_BITS_MIN {
        return Err(KeyError::RsaTooShort { bits, bits_min: RSA_BITS_MIN });
    }
    if bits > RSA_BITS_MAX {
        return Err(KeyError::RsaTooLong { bits, bits_max: RSA_BITS_MAX });
    }
    Ok(())
}

/// The bits of a big-endian number; `None` for zero.
fn bits(number: &[u8]) -> Option<usize> {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let number = number.get(zeros..)?;
    Some(number.len() * 8 - usize::try_from(number.first()?.leading_zeros()).ok()?)
}

/// The modulus of an RSA public key in DER (RFC 8017 §A.1.1: a sequence that starts with it).
fn public_modulus(der: &[u8]) -> Option<&[u8]> {
    let (sequence, _) = element(der, 0x30)?;
    Some(element(sequence, 0x02)?.0)
}

/// The modulus of an RSA private key in DER (RFC 8017 §A.1.2: the same after a version).
fn private_modulus(der: &[u8]) -> Option<&[u8]> {
    let (sequence, _) = element(der, 0x30)?;
    let (_, rest) = element(sequence, 0x02)?;
    Some(element(rest, 0x02)?.0)
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
