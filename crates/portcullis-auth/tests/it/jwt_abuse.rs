//! The rows on tokens of the abuse list, and the usual tutorial's mistakes 8 and 9.
//!
//! Not here: keys fetched from an address that an unverified token names (CVE-2026-32301) — nothing is fetched, and the
//! crate has no way to; the test below shows that such addresses in a token are not even read.
use core::time::Duration;

use base64ct::Encoding as _;
use portcullis_auth::{
    AuthError, Lease, Renewal, Verify,
    jwt::{Algorithm, Key, KeyError, Mint, Signer, SigningKey, Verifier},
};
use portcullis_time::{Instant, UnixTime};

use crate::support::{
    ALGORITHMS, AUDIENCE, HS256, ISSUER, NOW, RSA, SECRET, claims_with, encode, forge, issuer, judge_with,
    key, signer, signing_key, verifier,
};

fn good_claims() -> String {
    claims_with("", None)
}

/// CVE-2022-23540 (node jsonwebtoken): `none` was taken.
#[test]
fn cve_2022_23540_there_is_no_none() {
    for name in
        ["none", "None", "NONE", "nOnE", "", " HS256", "hs256", "HS256\\u0000", "HS1", "RSA-OAEP", "dir"]
    {
        let header = format!(r#"{{"alg":"{name}"}}"#);
        let unsigned = format!("{}.{}.", encode(&header), encode(good_claims()));
        assert_eq!(HS256.verify(NOW, unsigned.as_bytes()), Err(AuthError::Algorithm), "{name:?}");
        let signed = forge(&header, &good_claims(), SECRET);
        assert_eq!(HS256.verify(NOW, signed.as_bytes()), Err(AuthError::Algorithm), "{name:?}");
    }
    for header in ["{}", r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, r#"{"alg":256}"#, r#"{"ALG":"HS256"}"#] {
        let token = forge(header, &good_claims(), SECRET);
        assert_eq!(HS256.verify(NOW, token.as_bytes()), Err(AuthError::Algorithm), "{header}");
    }
}

/// CVE-2022-23541 (node jsonwebtoken): a public key served as the secret of an HMAC.
#[test]
fn cve_2022_23541_a_public_key_is_no_secret() {
    let verifier = verifier(vec![key(Algorithm::RS256)]);
    assert!(verifier.verify(NOW, signer(Algorithm::RS256).mint(&mint()).unwrap().as_bytes()).is_ok());
    let der = base64ct::Base64::decode_vec(
        &RSA.public.lines().filter(|line| !line.starts_with('-')).collect::<String>(),
    );
    for secret in [RSA.public.as_bytes(), RSA.public.trim().as_bytes(), &der.unwrap()] {
        let token = forge(r#"{"alg":"HS256"}"#, &good_claims(), secret);
        assert_eq!(verifier.verify(NOW, token.as_bytes()), Err(AuthError::Algorithm));
        let token = forge(r#"{"alg":"RS256"}"#, &good_claims(), secret);
        assert_eq!(verifier.verify(NOW, token.as_bytes()), Err(AuthError::Signature));
    }
    assert_eq!(Key::public_pem(Algorithm::HS256, RSA.public.as_bytes()).unwrap_err(), KeyError::Family);
}

/// CVE-2022-23539 (node jsonwebtoken): an algorithm with a key of another kind.
#[test]
fn cve_2022_23539_a_token_of_another_algorithm_is_refused_before_any_signature_is_checked() {
    for pinned in ALGORITHMS {
        let verifier = verifier(vec![key(pinned)]);
        for used in ALGORITHMS {
            let token = signer(used).mint(&mint()).unwrap();
            let expected = if used == pinned { Ok(()) } else { Err(AuthError::Algorithm) };
            assert_eq!(
                verifier.verify(NOW, token.as_bytes()).map(|_| ()),
                expected,
                "{used:?} for {pinned:?}"
            );
        }
    }
}

/// CVE-2022-23541 and RFC 7518 §3.2, §3.3: keys that are too short.
#[test]
fn cve_2022_23541_weak_keys_are_refused_when_they_are_loaded() {
    for (algorithm, len_min) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        let short = &SECRET[..len_min - 1];
        let error = KeyError::SecretTooShort { len: len_min - 1, len_min };
        assert_eq!(Key::hmac(algorithm, short).unwrap_err(), error);
        assert_eq!(SigningKey::hmac(algorithm, short).unwrap_err(), error);
        assert!(Key::hmac(algorithm, &SECRET[..len_min]).is_ok());
        assert!(Key::hmac(algorithm, b"").is_err());
    }
}

/// CVE-2026-25537 (jsonwebtoken): a claim of another type counted as absent. CVE-2026-44459 (hono): times that are
/// falsy, infinite or no numbers passed.
#[test]
fn cve_2026_25537_a_claim_of_another_json_type_is_refused() {
    let all = [
        "null",
        "true",
        "false",
        "0.5",
        "-1",
        "-0.0",
        "1e400",
        "-1e400",
        "1e308",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "1753000060.0",
        "1753000060.5",
        "1.753e9",
        "\"1753000060\"",
        "\"999\"",
        "\"\"",
        "\"Infinity\"",
        "\"NaN\"",
        "[]",
        "[1753000060]",
        "{}",
        "{\"exp\":1753000060}",
    ];
    for value in all {
        for claim in ["exp", "nbf", "iat"] {
            let verdict = judge_with(claim, value);
            // A number that no reader can hold is not JSON for ours.
            let is_refused = matches!(verdict, Err(AuthError::Claim | AuthError::Malformed));
            assert!(is_refused, "{claim}: {value} is {verdict:?}");
        }
        for claim in ["sub", "jti", "scope", "aud", "iss"] {
            let is_text = value.starts_with('"');
            if !(is_text || (claim == "scope" && value == "[]")) {
                assert!(judge_with(claim, value).is_err(), "{claim}: {value}");
            }
        }
    }
    for value in ["Infinity", "NaN", "undefined", "0x10", "+1", "01", "1_000", "''"] {
        for claim in ["exp", "nbf", "iat", "sub", "aud", "iss", "jti", "scope"] {
            assert_eq!(judge_with(claim, value), Err(AuthError::Malformed), "{claim}: {value}");
        }
    }
    assert_eq!(judge_with("exp", "0"), Err(AuthError::Expired), "zero is a time and not an absence");
    assert!(judge_with("exp", "9007199254740992").is_ok());
}

/// CVE-2026-32301 (Centrifugo): an address in an unverified token was asked for keys.
#[test]
fn cve_2026_32301_keys_and_addresses_that_a_token_brings_along_are_not_used() {
    let own = [3; 32];
    let jwk = format!(r#"{{"kty":"oct","k":"{}"}}"#, encode(own));
    for header in [
        r#"{"alg":"HS256","jku":"http://127.0.0.1:9/keys"}"#.to_owned(),
        r#"{"alg":"HS256","x5u":"http://127.0.0.1:9/cert"}"#.to_owned(),
        format!(r#"{{"alg":"HS256","jwk":{jwk}}}"#),
        format!(r#"{{"alg":"HS256","kid":"../../dev/null","jwk":{jwk}}}"#),
        r#"{"alg":"HS256","x5c":["AAAA"]}"#.to_owned(),
    ] {
        let token = forge(&header, &good_claims(), &own);
        assert_eq!(HS256.verify(NOW, token.as_bytes()), Err(AuthError::Signature), "{header}");
    }
    let foreign = claims_with("iss", Some("\"http://127.0.0.1:9/\""));
    let token = forge(r#"{"alg":"HS256"}"#, &foreign, &own);
    assert_eq!(HS256.verify(NOW, token.as_bytes()), Err(AuthError::Issuer));
}

/// RFC 7515 §4.1.11: an extension that is critical and not understood.
#[test]
fn a_critical_extension_is_refused() {
    for crit in [r#"["b64"]"#, r#"["exp"]"#, "[]", "null"] {
        let header = format!(r#"{{"alg":"HS256","crit":{crit},"b64":false}}"#);
        let token = forge(&header, &good_claims(), SECRET);
        assert_eq!(HS256.verify(NOW, token.as_bytes()), Err(AuthError::Malformed), "{crit}");
    }
}

/// CVE-2026-49998 (Centrifugo): a cache of keys by key id alone crossed tenants.
#[test]
fn cve_2026_49998_the_same_key_id_at_two_issuers_does_not_cross() {
    let (ours, theirs) = ([1; 32], [2; 32]);
    let keyed = |secret: &[u8]| Key::hmac(Algorithm::HS256, secret).unwrap().with_id("2026");
    let verifier = Verifier::new(
        AUDIENCE,
        vec![issuer("https://ours", vec![keyed(&ours)]), issuer("https://theirs", vec![keyed(&theirs)])],
    );
    let token = |name: &str, secret: &[u8]| {
        let key = SigningKey::hmac(Algorithm::HS256, secret).unwrap().with_id("2026");
        Signer::new(key, name, AUDIENCE).mint(&mint()).unwrap()
    };
    let verdict = |name, secret: &[u8]| verifier.verify(NOW, token(name, secret).as_bytes()).map(|_| ());
    assert_eq!(verdict("https://ours", &ours), Ok(()));
    assert_eq!(verdict("https://theirs", &theirs), Ok(()));
    for _ in 0..3 {
        assert_eq!(verdict("https://ours", &theirs), Err(AuthError::Signature));
        assert_eq!(verdict("https://theirs", &ours), Err(AuthError::Signature));
    }
}

/// GHSA-869p-cjfg-cm3x (node-jws): the signature was not checked on every path.
#[test]
fn ghsa_869p_cjfg_cm3x_a_change_to_any_byte_of_a_signature_is_refused() {
    for algorithm in ALGORITHMS {
        let verifier = verifier(vec![key(algorithm)]);
        let token = signer(algorithm).mint(&mint()).unwrap();
        assert!(verifier.verify(NOW, token.as_bytes()).is_ok());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = base64ct::Base64UrlUnpadded::decode_vec(signature).unwrap();
        for index in 0..signature.len() {
            for change in [0x01, 0x80, 0xFF] {
                let mut other = signature.clone();
                other[index] ^= change;
                let token = format!("{signed}.{}", encode(&other));
                let verdict = verifier.verify(NOW, token.as_bytes());
                assert_eq!(verdict, Err(AuthError::Signature), "{algorithm:?}, byte {index}");
            }
        }
        let cut = signature.split_last().unwrap().1;
        let longer = [&signature[..], &[0]].concat();
        for other in [&[][..], cut, &longer, &vec![0; signature.len()]] {
            let token = format!("{signed}.{}", encode(other));
            assert_eq!(verifier.verify(NOW, token.as_bytes()), Err(AuthError::Signature), "{algorithm:?}");
        }
    }
}

/// CVE-2022-21449: a signature of zeros fitted every message.
#[test]
fn cve_2022_21449_zeros_are_no_signature() {
    for (algorithm, len) in [(Algorithm::ES256, 64), (Algorithm::ES384, 96), (Algorithm::EdDSA, 64)] {
        let header = format!(r#"{{"alg":"{}"}}"#, algorithm.name());
        let token = format!("{}.{}.{}", encode(header), encode(good_claims()), encode(vec![0; len]));
        assert_eq!(verifier(vec![key(algorithm)]).verify(NOW, token.as_bytes()), Err(AuthError::Signature));
    }
}

/// One token, one form: what a verifier takes cannot be written in a second way, so that a list of withdrawn tokens
/// cannot be walked around.
#[test]
fn a_token_has_one_form() {
    let token = signer(Algorithm::HS256).mint(&mint()).unwrap();
    assert!(HS256.verify(NOW, token.as_bytes()).is_ok());
    let mut parts = token.split('.');
    let [header, claims, signature] = [(); 3].map(|()| parts.next().unwrap());
    // 32 bytes leave two bits of the last letter unused.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sibling = alphabet.chars().nth(alphabet.find(last).unwrap() ^ 1).unwrap();
    let respelled = format!("{}{sibling}", &signature[..signature.len() - 1]);
    for other in [
        format!("{header}.{claims}.{respelled}"),
        format!("{header}.{claims}.{signature}="),
        format!("{header}.{claims}.{signature}."),
        format!(".{header}.{claims}.{signature}"),
        format!("{header}..{claims}.{signature}"),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!(" {token}"),
        format!("{token}\n"),
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
    ] {
        let verdict = HS256.verify(NOW, other.as_bytes());
        assert!(
            matches!(verdict, Err(AuthError::Malformed | AuthError::Signature)),
            "{other:?} is {verdict:?}"
        );
    }
}

/// CVE-2023-43669's kind of fault, for tokens: work that grows faster than the input. The length is capped before
/// anything is read, and a token of dots, or of one deep value, is a plain refusal.
#[test]
fn a_token_at_the_cap_is_refused_without_fuss() {
    for bytes in [vec![b'.'; 4_096], vec![b'a'; 4_096], b"eyJ".repeat(1_365)] {
        assert!(HS256.verify(NOW, &bytes).is_err());
    }
    let deep = format!("{{\"a\":{}", "[".repeat(2_900));
    assert_eq!(
        HS256.verify(NOW, forge(r#"{"alg":"HS256"}"#, &deep, SECRET).as_bytes()),
        Err(AuthError::Malformed)
    );
    let long = vec![b'a'; 1 << 20];
    let error = AuthError::TooLong { len: 1 << 20, len_max: 4_096 };
    assert_eq!(HS256.verify(NOW, &long), Err(error));
}

#[test]
fn mistake_8_a_refresh_prolongs_and_only_for_the_same_user() {
    let token = |subject: &str, secs| {
        let mint = Mint::new(subject, NOW, Duration::from_secs(secs));
        HS256.verify(NOW, signer(Algorithm::HS256).mint(&mint).unwrap().as_bytes()).unwrap()
    };
    let now = Instant::from_millis(7_000);
    let current = token("alice", 60);
    let mut lease = Lease::new(&current, now, NOW);
    assert_eq!(lease.deadline(), now + Duration::from_secs(60));
    let later = now + Duration::from_secs(50);
    let unix = NOW.saturating_add(Duration::from_secs(50));
    assert_eq!(lease.renew(later, unix, &current, &token("alice", 600)), Ok(Renewal::Same));
    assert_eq!(lease.deadline(), now + Duration::from_secs(600));
    for subject in ["bob", "Alice", "alice ", "alic"] {
        let before = lease;
        let verdict = lease.renew(later, unix, &current, &token(subject, 900));
        assert_eq!(verdict, Err(AuthError::SubjectChanged), "{subject:?}");
        assert_eq!(lease, before, "a refused renewal changes nothing");
    }
    // A shorter token is a shorter lease: the newest credential counts.
    assert_eq!(lease.renew(later, unix, &current, &token("alice", 55)), Ok(Renewal::Same));
    assert_eq!(lease.deadline(), now + Duration::from_secs(55));
}

/// The leeway lets a token in; it does not keep a connection.
#[test]
fn mistake_8_the_leeway_prolongs_no_lease() {
    let verified = judge_with("exp", &(NOW.as_secs() - 10).to_string()).unwrap();
    let now = Instant::from_millis(7_000);
    assert!(Lease::new(&verified, now, NOW).expired(now));
}

#[test]
fn mistake_9_algorithm_audience_and_issuer_are_pinned() {
    let key = || signing_key(Algorithm::HS256);
    let verdict = |signer: Signer| HS256.verify(NOW, signer.mint(&mint()).unwrap().as_bytes()).map(|_| ());
    assert_eq!(verdict(Signer::new(key(), ISSUER, AUDIENCE)), Ok(()));
    assert_eq!(verdict(Signer::new(key(), ISSUER, "another")), Err(AuthError::Audience));
    assert_eq!(verdict(Signer::new(key(), "https://another", AUDIENCE)), Err(AuthError::Issuer));
    let other = signing_key(Algorithm::HS512);
    assert_eq!(verdict(Signer::new(other, ISSUER, AUDIENCE)), Err(AuthError::Algorithm));
}

#[test]
fn mistake_9_bearer_is_stripped_and_browsers_have_a_door_of_their_own() {
    let token = signer(Algorithm::HS256).mint(&mint()).unwrap();
    let header = format!("Bearer {token}");
    assert!(HS256.verify(NOW, header.as_bytes()).is_err(), "the verifier takes tokens and not headers");
    let bare = portcullis_auth::credential::from_authorization(header.as_bytes()).unwrap();
    assert!(HS256.verify(NOW, bare).is_ok());
    let offers = format!("portcullis.v1, bearer.{token}");
    let bare = portcullis_auth::credential::from_subprotocols(offers.split(", ")).unwrap().unwrap();
    assert!(HS256.verify(NOW, bare.as_bytes()).is_ok());
}

fn mint() -> Mint {
    Mint::new("alice", NOW, Duration::from_secs(60))
}

/// CVE-2021-33880's kind of fault: how much of a signature is right must not show. The comparison is the cryptography
/// library's own; what is held here is that it is the only one, so that a tag that is nearly right is refused with
/// the same verdict as one that is all wrong.
#[test]
fn cve_2021_33880_a_tag_that_is_nearly_right_is_refused_like_any_other() {
    let token = signer(Algorithm::HS256).mint(&mint()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let tag = base64ct::Base64UrlUnpadded::decode_vec(signature).unwrap();
    for right in 0..tag.len() {
        let other: Vec<_> =
            tag.iter().enumerate().map(|(at, byte)| if at < right { *byte } else { !byte }).collect();
        let token = format!("{signed}.{}", encode(other));
        assert_eq!(HS256.verify(NOW, token.as_bytes()), Err(AuthError::Signature));
    }
    assert!(HS256.verify(UnixTime::from_secs(1_753_000_000), token.as_bytes()).is_ok());
}
