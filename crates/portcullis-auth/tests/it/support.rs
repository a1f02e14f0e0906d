//! Keys made for one run, tokens with any header and any claims, and one verifier.
use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    hmac, rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    },
};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use portcullis_auth::{
    AuthError, Verified, Verify,
    jwt::{Algorithm, Issuer, Key, Signer, SigningKey, Verifier},
};
use portcullis_time::UnixTime;

pub(crate) const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "portcullis";
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_753_000_000);

/// All that a key can be pinned to.
pub(crate) const ALGORITHMS: [Algorithm; 12] = [
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// A key pair in PEM.
pub(crate) struct Pair {
    pub(crate) private: String,
    pub(crate) public: String,
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in Base64::encode_string(der).as_bytes().chunks(64) {
        text.push_str(core::str::from_utf8(line).unwrap());
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

fn pair(private: &[u8], public: &[u8]) -> Pair {
    Pair { private: pem("PRIVATE KEY", private), public: pem("PUBLIC KEY", public) }
}

pub(crate) static RSA: LazyLock<Pair> = LazyLock::new(|| {
    let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap();
    pair(private.as_ref(), public.as_ref())
});

fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> Pair {
    let key = EcdsaKeyPair::generate(algorithm).unwrap();
    let private = key.to_pkcs8v1().unwrap();
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap();
    pair(private.as_ref(), public.as_ref())
}

pub(crate) static P256: LazyLock<Pair> = LazyLock::new(|| ec(&ECDSA_P256_SHA256_FIXED_SIGNING));
pub(crate) static P384: LazyLock<Pair> = LazyLock::new(|| ec(&ECDSA_P384_SHA384_FIXED_SIGNING));

pub(crate) static ED25519: LazyLock<Pair> = LazyLock::new(|| {
    let key = Ed25519KeyPair::generate().unwrap();
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap();
    pair(private.as_ref(), public.as_ref())
});

/// The key pair that an algorithm works with; none for HMAC.
pub(crate) fn pair_of(algorithm: Algorithm) -> Option<&'static Pair> {
    match algorithm.name() {
        "ES256" => Some(&P256),
        "ES384" => Some(&P384),
        "EdDSA" => Some(&ED25519),
        _ if algorithm.is_hmac() => None,
        _ => Some(&RSA),
    }
}

pub(crate) fn key(algorithm: Algorithm) -> Key {
    match pair_of(algorithm) {
        None => Key::hmac(algorithm, SECRET).unwrap(),
        Some(pair) => Key::public_pem(algorithm, pair.public.as_bytes()).unwrap(),
    }
}

pub(crate) fn signing_key(algorithm: Algorithm) -> SigningKey {
    match pair_of(algorithm) {
        None => SigningKey::hmac(algorithm, SECRET).unwrap(),
        Some(pair) => SigningKey::private_pem(algorithm, pair.private.as_bytes()).unwrap(),
    }
}

pub(crate) fn signer(algorithm: Algorithm) -> Signer {
    Signer::new(signing_key(algorithm), ISSUER, AUDIENCE)
}

pub(crate) fn issuer(name: &str, keys: Vec<Key>) -> Issuer {
    Issuer { name: name.to_owned(), keys }
}

pub(crate) fn verifier(keys: Vec<Key>) -> Verifier {
    Verifier::new(AUDIENCE, vec![issuer(ISSUER, keys)])
}

/// One that knows `SECRET` for HS256.
pub(crate) static HS256: LazyLock<Verifier> = LazyLock::new(|| verifier(vec![key(Algorithm::HS256)]));

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// A token of exactly this header and these claims, signed with HMAC-SHA-256.
pub(crate) fn forge(header: &str, claims: &str, secret: &[u8]) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", encode(tag))
}

/// Good claims, with one replaced by `value` (JSON text), or left out.
pub(crate) fn claims_with(name: &str, value: Option<&str>) -> String {
    let now = NOW.as_secs();
    let mut claims = vec![
        ("iss", format!("\"{ISSUER}\"")),
        ("aud", format!("\"{AUDIENCE}\"")),
        ("sub", "\"alice\"".to_owned()),
        ("exp", (now + 60).to_string()),
    ];
    claims.retain(|(claim, _)| *claim != name);
    if let Some(value) = value {
        claims.push((name, value.to_owned()));
    }
    let members: Vec<_> = claims.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// What the verifier says of well-signed claims.
pub(crate) fn judge(claims: &str) -> Result<Verified, AuthError> {
    HS256.verify(NOW, forge(r#"{"alg":"HS256"}"#, claims, SECRET).as_bytes())
}

/// What the verifier says when one claim is `value` (JSON text).
pub(crate) fn judge_with(name: &str, value: &str) -> Result<Verified, AuthError> {
    judge(&claims_with(name, Some(value)))
}
