//! Tokens as they come, and tokens with a good signature over any claims.
#![no_main]

use std::sync::LazyLock;

use portcullis_auth::{
    OriginPolicy, Verify, credential,
    jwt::{Algorithm, Issuer, Key, Signer, SigningKey, Verifier},
};
use portcullis_time::UnixTime;
use serde_json::Value;

const SECRET: [u8; 32] = [7; 32];
const ISSUER: &str = "https://issuer";
const AUDIENCE: &str = "portcullis";
const NOW: UnixTime = UnixTime::from_secs(1_753_000_000);
const LEEWAY_SECS: u64 = 30;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let keys = vec![Key::hmac(Algorithm::HS256, &SECRET).expect("it is long enough")];
    let verifier = Verifier::new(AUDIENCE, vec![Issuer { name: ISSUER.to_owned(), keys }]);
    assert!(verifier.verify(NOW, GOOD).is_ok(), "a verifier that refuses everything would prove nothing");
    verifier
});

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    Signer::new(SigningKey::hmac(Algorithm::HS256, &SECRET).expect("it is long enough"), ISSUER, AUDIENCE)
});

/// The one good token that is among the seeds. Nothing else that was not signed here may pass.
const GOOD: &[u8] = include_bytes!("../seeds/token/good").split_at(1).1;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((way, data)) = data.split_first() else { return };
    match way % 3 {
        0 => forged(data),
        1 => signed(data),
        _ => carried(data),
    }
});

/// Bytes that nobody signed.
fn forged(data: &[u8]) {
    if VERIFIER.verify(NOW, data).is_ok() {
        assert_eq!(data, GOOD, "a second form of a good token passes");
    }
}

/// Any claims at all, signed well: what passes must have every claim with its type.
fn signed(data: &[u8]) {
    let Ok(claims) = serde_json::from_slice::<Value>(data) else { return };
    let Ok(token) = SIGNER.sign(&claims) else { return };
    let Ok(verified) = VERIFIER.verify(NOW, token.as_bytes()) else { return };
    assert_eq!(claims["sub"].as_str(), Some(verified.subject()));
    assert_eq!(claims["iss"].as_str(), Some(ISSUER));
    let audience = &claims["aud"];
    let listed =
        audience.as_array().is_some_and(|list| list.iter().any(|one| one.as_str() == Some(AUDIENCE)));
    assert!(audience.as_str() == Some(AUDIENCE) || listed);
    let limit = (NOW.as_secs() - LEEWAY_SECS) as f64;
    assert!(claims["exp"].as_f64().expect("it is a number") >= limit);
    for claim in ["nbf", "iat"] {
        if let Some(time) = claims.get(claim) {
            assert!(time.as_f64().expect("it is a number") < (NOW.as_secs() + LEEWAY_SECS + 1) as f64);
        }
    }
}

/// What carries a token, and what names an origin.
fn carried(data: &[u8]) {
    if let Ok(token) = credential::from_authorization(data) {
        assert!(token.len() <= credential::TOKEN_LEN_MAX && token.iter().all(u8::is_ascii_graphic));
    }
    if let Ok(text) = core::str::from_utf8(data) {
        let _ = credential::from_subprotocols(text.split(','));
        let _ = OriginPolicy::allow_list([text]);
    }
    let policy = OriginPolicy::same_host();
    if policy.check(Some(data), b"a.example:8443", true).is_ok() {
        assert!(data.eq_ignore_ascii_case(b"https://a.example:8443"), "another origin passes");
    }
}
