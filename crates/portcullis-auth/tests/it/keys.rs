//! Keys: pinned, checked when they are loaded, never shown.
use portcullis_auth::{
    AuthError, Verify,
    jwt::{Algorithm, Key, KeyError, Mint, Signer, SigningKey},
};

use crate::support::{
    ALGORITHMS, AUDIENCE, ED25519, ISSUER, NOW, P256, P384, Pair, RSA, SECRET, claims_with, forge, key,
    pair_of, pem, signer, signing_key, verifier,
};

fn mint() -> Mint {
    Mint::new("alice", NOW, core::time::Duration::from_secs(60))
}

#[test]
fn every_algorithm_signs_and_verifies() {
    for algorithm in ALGORITHMS {
        assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
        let token = signer(algorithm).mint(&mint()).unwrap();
        assert!(verifier(vec![key(algorithm)]).verify(NOW, token.as_bytes()).is_ok(), "{algorithm:?}");
    }
}

#[test]
fn one_verifier_holds_several_keys() {
    let keys = ALGORITHMS.map(|algorithm| key(algorithm).with_id(algorithm.name()));
    let verifier = verifier(keys.into());
    for algorithm in ALGORITHMS {
        let named = Signer::new(signing_key(algorithm).with_id(algorithm.name()), ISSUER, AUDIENCE);
        assert!(verifier.verify(NOW, named.mint(&mint()).unwrap().as_bytes()).is_ok(), "{algorithm:?}");
        let nameless = signer(algorithm);
        assert!(verifier.verify(NOW, nameless.mint(&mint()).unwrap().as_bytes()).is_ok(), "{algorithm:?}");
        let wrong = Signer::new(signing_key(algorithm).with_id("other"), ISSUER, AUDIENCE);
        let verdict = verifier.verify(NOW, wrong.mint(&mint()).unwrap().as_bytes());
        assert_eq!(verdict, Err(AuthError::UnknownKey), "{algorithm:?}");
    }
}

#[test]
fn a_key_id_of_another_type_is_malformed() {
    let verifier = verifier(vec![key(Algorithm::HS256)]);
    for id in ["null", "7", "[]", "{}"] {
        let token = forge(&format!(r#"{{"alg":"HS256","kid":{id}}}"#), &claims_with("", None), SECRET);
        assert_eq!(verifier.verify(NOW, token.as_bytes()), Err(AuthError::Malformed), "{id}");
    }
}

/// While keys are rotated, the old and the new one are there.
#[test]
fn rotated_keys_work_side_by_side() {
    let secrets: Vec<_> = (1..=5).map(|byte| [byte; 32]).collect();
    let nameless = |secret: &[u8; 32]| Key::hmac(Algorithm::HS256, secret).unwrap();
    let token = |secret: &[u8; 32], id: Option<&str>| {
        let key = SigningKey::hmac(Algorithm::HS256, secret).unwrap();
        let key = if let Some(id) = id { key.with_id(id) } else { key };
        Signer::new(key, ISSUER, AUDIENCE).mint(&mint()).unwrap()
    };
    let by_trial = verifier(secrets.iter().map(nameless).collect());
    let verdict = |index: usize| by_trial.verify(NOW, token(&secrets[index], None).as_bytes()).map(|_| ());
    assert_eq!((verdict(0), verdict(3)), (Ok(()), Ok(())));
    assert_eq!(verdict(4), Err(AuthError::Signature), "only so many are tried");
    let ids = ["a", "b", "c", "d", "e"];
    let by_name =
        verifier(secrets.iter().zip(ids).map(|(secret, id)| nameless(secret).with_id(id)).collect());
    for (secret, id) in secrets.iter().zip(ids) {
        assert!(by_name.verify(NOW, token(secret, Some(id)).as_bytes()).is_ok(), "{id}");
    }
}

#[test]
fn a_key_of_another_kind_or_curve_is_refused_when_it_is_loaded() {
    let pairs: [(&str, &Pair); 4] =
        [("RSA", &RSA), ("P-256", &P256), ("P-384", &P384), ("Ed25519", &ED25519)];
    for algorithm in ALGORITHMS {
        for (name, pair) in pairs {
            let fits = pair_of(algorithm).is_some_and(|own| core::ptr::eq(own, pair));
            let public = Key::public_pem(algorithm, pair.public.as_bytes());
            let private = SigningKey::private_pem(algorithm, pair.private.as_bytes());
            assert_eq!(public.is_ok(), fits, "{name} for {algorithm:?}");
            assert_eq!(private.is_ok(), fits, "private {name} for {algorithm:?}");
            // Each in the other's place.
            assert!(Key::public_pem(algorithm, pair.private.as_bytes()).is_err(), "{name} for {algorithm:?}");
            assert!(
                SigningKey::private_pem(algorithm, pair.public.as_bytes()).is_err(),
                "{name} for {algorithm:?}"
            );
        }
        if !algorithm.is_hmac() {
            assert_eq!(Key::hmac(algorithm, SECRET).unwrap_err(), KeyError::Family);
            assert_eq!(SigningKey::hmac(algorithm, SECRET).unwrap_err(), KeyError::Family);
        }
    }
}

#[test]
fn what_is_no_key_is_refused() {
    for text in [
        "",
        "hello",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n",
        &pem("PUBLIC KEY", &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]),
        &pem("RSA PUBLIC KEY", &[0x30, 0x03, 0x02, 0x01, 0x00]),
        &pem("RSA PUBLIC KEY", &[0x30, 0x00]),
        &pem("EC PRIVATE KEY", &[0x30, 0x00]),
    ] {
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert_eq!(Key::public_pem(algorithm, text.as_bytes()).unwrap_err(), KeyError::Format, "{text}");
            assert_eq!(
                SigningKey::private_pem(algorithm, text.as_bytes()).unwrap_err(),
                KeyError::Format,
                "{text}"
            );
        }
    }
}

/// A DER element.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut bytes = match content.len() {
        0..128 => vec![tag, len[1]],
        128..256 => vec![tag, 0x81, len[1]],
        _ => vec![tag, 0x82, len[0], len[1]],
    };
    bytes.extend_from_slice(content);
    bytes
}

/// An RSA public key (RFC 8017 §A.1.1) with a modulus of so many bits, alone and wrapped (RFC 5280 §4.1).
fn rsa_of(bits: usize) -> [String; 2] {
    let mut modulus = vec![0xFF; bits.div_ceil(8)];
    modulus[0] >>= modulus.len() * 8 - bits;
    if modulus[0] >= 0x80 {
        modulus.insert(0, 0);
    }
    let key = der(0x30, &[der(0x02, &modulus), der(0x02, &[1, 0, 1])].concat());
    let name = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00];
    let wrapped = der(0x30, &[der(0x30, &name), der(0x03, &[&[0], &key[..]].concat())].concat());
    [pem("RSA PUBLIC KEY", &key), pem("PUBLIC KEY", &wrapped)]
}

/// RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used with these algorithms."
#[test]
fn an_rsa_key_has_2048_to_8192_bits() {
    let is_rsa = |name: &str| name.starts_with("RS") || name.starts_with("PS");
    for algorithm in ALGORITHMS.into_iter().filter(|algorithm| is_rsa(algorithm.name())) {
        for bits in [512, 1_024, 2_040, 2_047] {
            for text in rsa_of(bits) {
                let error = KeyError::RsaTooShort { bits, bits_min: 2_048 };
                assert_eq!(Key::public_pem(algorithm, text.as_bytes()).unwrap_err(), error);
            }
        }
        for bits in [2_048, 2_049, 3_072, 4_096, 8_192] {
            for text in rsa_of(bits) {
                assert!(Key::public_pem(algorithm, text.as_bytes()).is_ok(), "{bits}");
            }
        }
        for text in rsa_of(8_193) {
            let error = KeyError::RsaTooLong { bits: 8_193, bits_max: 8_192 };
            assert_eq!(Key::public_pem(algorithm, text.as_bytes()).unwrap_err(), error);
        }
    }
}

/// A private key that is too short is refused with the same words as a public one.
#[test]
fn a_short_rsa_key_does_not_sign() {
    let numbers: Vec<_> = [[0].as_slice(), &[0x7F; 128], &[1, 0, 1], &[1], &[1], &[1], &[1], &[1], &[1]]
        .iter()
        .map(|number| der(0x02, number))
        .collect();
    let text = pem("RSA PRIVATE KEY", &der(0x30, &numbers.concat()));
    let error = SigningKey::private_pem(Algorithm::RS256, text.as_bytes()).unwrap_err();
    assert_eq!(error, KeyError::RsaTooShort { bits: 1_023, bits_min: 2_048 });
    assert_eq!(error.to_string(), "the RSA key has 1023 bits, 2048 are needed");
}

#[test]
fn keys_are_not_shown() {
    let secret = String::from_utf8(SECRET.to_vec()).unwrap();
    let hmac = format!("{:?} {:?}", key(Algorithm::HS256), signer(Algorithm::HS256));
    let listed = format!("{:?}", verifier(vec![key(Algorithm::HS256).with_id("k1")]));
    let bytes = format!("{SECRET:?}");
    for text in [&hmac, &listed] {
        assert!(!text.contains(&secret[..8]) && !text.contains(bytes.trim_matches(['[', ']'])), "{text}");
    }
    assert!(listed.contains("HS256") && listed.contains("k1"), "what is no secret is shown: {listed}");
}
