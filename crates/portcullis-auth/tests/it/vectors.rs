//! RFC 7515 Appendix A: signatures that were not made here.
//!
//! The claims of these tokens (`iss`, `exp`, one more) lack `sub` and `aud`. A good signature therefore shows as the
//! verdict on the claims, a bad one as the verdict on the signature.
use base64ct::{Base64UrlUnpadded, Encoding};
use portcullis_auth::{
    AuthError, Verify,
    jwt::{Algorithm, Key, Verifier},
};
use portcullis_time::UnixTime;

use crate::support::{issuer, pem};

const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const OTHER_CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlIH0";

fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

fn holds(key: Key, header: &str, signature: &str) {
    let verifier = Verifier::new("portcullis", vec![issuer("joe", vec![key])]);
    let now = UnixTime::from_secs(1_300_819_000);
    let verdict = |claims| verifier.verify(now, format!("{header}.{claims}.{signature}").as_bytes());
    assert_eq!(verdict(CLAIMS), Err(AuthError::Claim), "the signature is good, the claims are not");
    assert_eq!(verdict(OTHER_CLAIMS), Err(AuthError::Signature));
}

#[test]
fn rfc_7515_a_1_hs256() {
    let secret =
        decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let key = Key::hmac(Algorithm::HS256, &secret).unwrap();
    holds(key, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn rfc_7515_a_2_rs256() {
    let modulus = decode(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ\
         S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2\
         R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD\
         TW9gb54h4FRWyuXpoQ",
    );
    // A sequence (RFC 8017 §A.1.1) of 0x10A bytes with the modulus, 0x101 bytes with its leading zero, and 65537.
    let mut der = vec![0x30, 0x82, 0x01, 0x0A, 0x02, 0x82, 0x01, 0x01, 0x00];
    der.extend(modulus);
    der.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
    let key = Key::public_pem(Algorithm::RS256, pem("RSA PUBLIC KEY", &der).as_bytes()).unwrap();
    holds(
        key,
        "eyJhbGciOiJSUzI1NiJ9",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU\
         Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d\
         O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig\
         cN_IoypGlUPQGe77Rw",
    );
}

#[test]
fn rfc_7515_a_3_es256() {
    // As RFC 5480 §2 has it: the names of the key's kind and of its curve, then the point as a bit string.
    let mut der =
        vec![0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08];
    der.extend([0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04]);
    der.extend(decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"));
    der.extend(decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"));
    let key = Key::public_pem(Algorithm::ES256, pem("PUBLIC KEY", &der).as_bytes()).unwrap();
    holds(
        key,
        "eyJhbGciOiJFUzI1NiJ9",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
}
