//! RFC 7517: key sets as issuers publish them.
use core::time::Duration;

use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use portcullis_auth::{
    AuthError, Verify as _,
    jwt::{
        Algorithm, Issuer, KEY_SET_LEN_MAX, KEYS_MAX, Key, KeyError, KeySetError, Mint, Signer, SigningKey,
        Verifier, key_set,
    },
};

use super::support::{AUDIENCE, ISSUER, NOW, pem};

/// The example of RFC 7517 appendix A.1, whose second key is of the very set.
const RFC_7517_A_1: &str = r#"{"keys":[
  {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},
  {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}"#;

fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn set(keys: &[String]) -> String {
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

/// A signing key, and the public one as its issuer would publish it.
fn ec(kid: &str, more: &str) -> (SigningKey, String) {
    let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let public = pair.public_key().as_ref();
    let (x, y) = (base64(&public[1..33]), base64(&public[33..]));
    let private = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
    let key = SigningKey::private_pem(Algorithm::ES256, private.as_bytes()).unwrap().with_id(kid);
    (key, format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","kid":"{kid}"{more}}}"#))
}

fn ed(kid: &str) -> (SigningKey, String) {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = base64(pair.public_key().as_ref());
    let private = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
    let key = SigningKey::private_pem(Algorithm::EdDSA, private.as_bytes()).unwrap().with_id(kid);
    (key, format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{kid}","use":"sig","alg":"EdDSA"}}"#))
}

fn rsa(kid: &str, algorithm: Algorithm) -> (SigningKey, String) {
    let pair = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let n = base64(public.modulus().big_endian_without_leading_zero());
    let e = base64(public.exponent().big_endian_without_leading_zero());
    let private = pem("PRIVATE KEY", pair.as_der().unwrap().as_ref());
    let key = SigningKey::private_pem(algorithm, private.as_bytes()).unwrap().with_id(kid);
    let alg = algorithm.name();
    (key, format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}","kid":"{kid}","alg":"{alg}","key_ops":["verify"]}}"#))
}

fn verifier(keys: Vec<Key>) -> Verifier {
    Verifier::new(AUDIENCE, vec![Issuer { name: ISSUER.into(), keys }])
}

fn token(key: SigningKey) -> String {
    let mint = Mint::new("alice", NOW, Duration::from_secs(60));
    Signer::new(key, ISSUER, AUDIENCE).mint(&mint).unwrap()
}

#[test]
fn published_keys_verify_what_their_issuer_signs() {
    let _ = SystemRandom::new();
    let made = [ec("ec", ""), ed("ed"), rsa("rsa", Algorithm::RS256), rsa("pss", Algorithm::PS384)];
    let published = set(&made.iter().map(|(_, public)| public.clone()).collect::<Vec<_>>());
    let verifier = verifier(key_set(published.as_bytes()).unwrap());
    for (key, _) in made {
        let token = token(key);
        assert_eq!(verifier.verify(NOW, token.as_bytes()).unwrap().subject(), "alice");
    }
    let (stranger, _) = ec("ec", "");
    assert_eq!(verifier.verify(NOW, token(stranger).as_bytes()), Err(AuthError::Signature));
}

#[test]
fn rfc_7517_a_1_and_the_algorithms_are_pinned() {
    let keys = key_set(RFC_7517_A_1.as_bytes()).unwrap();
    let told: Vec<_> = keys.iter().map(|key| (key.id(), key.algorithm())).collect();
    assert_eq!(told, [(Some("2011-04-29"), Algorithm::RS256)], "a key for encryption verifies nothing");
    // Without a word the usual algorithm of the kind.
    let unnamed = RFC_7517_A_1.replace(r#""alg":"RS256","#, "").replace(r#""use":"enc","#, "");
    let keys = key_set(unnamed.as_bytes()).unwrap();
    assert_eq!(keys.iter().map(Key::algorithm).collect::<Vec<_>>(), [Algorithm::ES256, Algorithm::RS256]);
}

#[test]
fn what_is_not_for_signatures_is_left_out() {
    let (_, good) = ec("good", "");
    for other in [
        r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
        r#"{"kty":"new"}"#,
        r#"{}"#,
        r#"{"kty":"RSA","n":"AA","e":"AQAB","use":"enc"}"#,
        r#"{"kty":"RSA","n":"AA","e":"AQAB","use":7}"#,
        r#"{"kty":"RSA","n":"AA","e":"AQAB","key_ops":["encrypt"]}"#,
        r#"{"kty":"RSA","n":"AA","e":"AQAB","alg":"RSA-OAEP"}"#,
        r#"{"kty":"RSA","n":"AA","e":"AQAB","alg":"none"}"#,
    ] {
        let keys = key_set(set(&[other.into(), good.clone()]).as_bytes()).unwrap();
        assert_eq!(keys.iter().map(Key::id).collect::<Vec<_>>(), [Some("good")], "{other}");
        assert_eq!(key_set(set(&[other.into()]).as_bytes()).unwrap_err(), KeySetError::Empty, "{other}");
    }
}

#[test]
fn a_set_with_a_secret_is_refused_whole() {
    let (_, good) = ec("good", "");
    for secret in [
        r#"{"kty":"oct","k":"AAAA"}"#,
        r#"{"kty":"oct"}"#,
        r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}"#,
        r#"{"kty":"RSA","n":"AA","e":"AQAB","d":"AA","use":"enc"}"#,
    ] {
        let error = key_set(set(&[good.clone(), secret.into()]).as_bytes()).unwrap_err();
        assert_eq!(error, KeySetError::Secret, "{secret}");
    }
}

#[test]
fn weak_and_broken_keys_are_refused_with_their_place() {
    let (_, good) = ec("good", "");
    let short = base64(&[0xFF; 128]);
    for (key, error) in [
        (
            format!(r#"{{"kty":"RSA","n":"{short}","e":"AQAB"}}"#),
            KeyError::RsaTooShort { bits: 1_024, bits_min: 2_048 },
        ),
        (r#"{"kty":"RSA","e":"AQAB"}"#.into(), KeyError::Format),
        (r#"{"kty":"RSA","n":7,"e":"AQAB"}"#.into(), KeyError::Format),
        (r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#.into(), KeyError::Format),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.into(), KeyError::Format),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"AA","alg":"ES256"}"#.into(), KeyError::Family),
        // A public key is never an HMAC secret.
        (r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","alg":"HS256"}"#.into(), KeyError::Family),
    ] {
        let told = key_set(set(&[good.clone(), key.clone()]).as_bytes()).unwrap_err();
        assert_eq!(told, KeySetError::Key { index: 1, error }, "{key}");
    }
}

#[test]
fn what_is_no_key_set_is_refused() {
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[7]}"#, r#"{"keys":[]} x"#, "null"] {
        assert_eq!(key_set(text.as_bytes()).unwrap_err(), KeySetError::Format, "{text}");
    }
    assert_eq!(key_set(br#"{"keys":[]}"#).unwrap_err(), KeySetError::Empty);
    let long = vec![b' '; KEY_SET_LEN_MAX + 1];
    assert!(matches!(key_set(&long), Err(KeySetError::TooLong { .. })));
    let many = set(&vec![String::from("{}"); KEYS_MAX + 1]);
    assert!(matches!(key_set(many.as_bytes()), Err(KeySetError::TooMany { .. })));
}

#[test]
fn keys_are_added_to_an_issuer_that_is_known() {
    let ((old, old_public), (new, new_public)) = (ec("old", ""), ec("new", ""));
    let before = verifier(key_set(set(&[old_public]).as_bytes()).unwrap());
    let new = token(new);
    assert_eq!(before.verify(NOW, new.as_bytes()), Err(AuthError::UnknownKey));
    let published = || key_set(set(core::slice::from_ref(&new_public)).as_bytes()).unwrap();
    let after = before.with_keys(ISSUER, published());
    assert!(after.verify(NOW, new.as_bytes()).is_ok() && after.verify(NOW, token(old).as_bytes()).is_ok());
    let elsewhere = before.with_keys("https://other.example", published());
    assert!(elsewhere.verify(NOW, new.as_bytes()).is_err(), "nobody's keys are somebody else's");
}

/// Two entries of one name are one issuer: neither set of keys is lost.
#[test]
fn an_issuer_that_stands_twice_has_the_keys_of_both() {
    let ((one, one_public), (two, two_public)) = (ec("one", ""), ec("two", ""));
    let issuer =
        |public: String| Issuer { name: ISSUER.into(), keys: key_set(set(&[public]).as_bytes()).unwrap() };
    let verifier = Verifier::new(AUDIENCE, vec![issuer(one_public), issuer(two_public)]);
    for key in [one, two] {
        assert!(verifier.verify(NOW, token(key).as_bytes()).is_ok());
    }
}
