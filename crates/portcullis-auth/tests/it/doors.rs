//! Mistake 11: two ways to authenticate that disagree. Each way in leads to the same verifier, which gives the same
//! verdict.
use core::time::Duration;

use portcullis_auth::{
    AuthError, Verified, Verify,
    credential::{from_authorization, from_subprotocols},
    jwt::{Algorithm, Mint},
};

use crate::support::{HS256, NOW, SECRET, claims_with, forge, signer};

fn by_header(token: &str) -> Result<Verified, AuthError> {
    from_authorization(format!("Bearer {token}").as_bytes()).and_then(|token| HS256.verify(NOW, token))
}

fn by_subprotocol(token: &str) -> Result<Verified, AuthError> {
    let offers = format!("portcullis.v1, bearer.{token}");
    let token = from_subprotocols(offers.split(", ")).ok_or(AuthError::Missing)?;
    token.and_then(|token| HS256.verify(NOW, token.as_bytes()))
}

fn by_message(token: &str) -> Result<Verified, AuthError> {
    HS256.verify(NOW, token.as_bytes())
}

#[test]
fn mistake_11_all_ways_in_give_one_verdict() {
    let sign = |claims: &str| forge(r#"{"alg":"HS256"}"#, claims, SECRET);
    let good = signer(Algorithm::HS256)
        .mint(&Mint::new("alice", NOW, Duration::from_secs(60)).with_scopes(["chat:write"]).with_id("7"))
        .unwrap();
    let tokens = [
        good.clone(),
        sign(&claims_with("exp", Some("7"))),
        sign(&claims_with("exp", None)),
        sign(&claims_with("nbf", Some("1753000031"))),
        sign(&claims_with("aud", Some("\"another\""))),
        sign(&claims_with("iss", Some("\"another\""))),
        sign(&claims_with("sub", Some("7"))),
        forge(r#"{"alg":"none"}"#, &claims_with("", None), SECRET),
        forge(r#"{"alg":"HS256"}"#, &claims_with("", None), &[1; 32]),
        "a".into(),
        "a.b".into(),
        "a.b.c".into(),
        "a".repeat(4_097),
        format!("{good}="),
        "é".into(),
    ];
    let mut accepted = 0;
    for token in tokens {
        let verdict = by_message(&token);
        assert_eq!(by_header(&token), verdict, "{token}");
        assert_eq!(by_subprotocol(&token), verdict, "{token}");
        accepted += u32::from(verdict.is_ok());
    }
    assert_eq!(accepted, 1);
}

/// What the peer is told is one of the few words of the contract; what the operator sees says which check failed.
#[test]
fn every_refusal_has_a_code_a_reason_and_a_close_code() {
    for (error, code, reason, close_code) in [
        (AuthError::Missing, "missing", "missing", 4401),
        (AuthError::Malformed, "malformed", "invalid", 4401),
        (AuthError::Expired, "expired", "expired", 4401),
        (AuthError::NotYetValid, "not_yet_valid", "invalid", 4401),
        (AuthError::Algorithm, "algorithm", "invalid", 4401),
        (AuthError::UnknownKey, "unknown_key", "invalid", 4401),
        (AuthError::Signature, "signature", "invalid", 4401),
        (AuthError::Issuer, "issuer", "invalid", 4401),
        (AuthError::Audience, "audience", "invalid", 4401),
        (AuthError::Claim, "claim", "invalid", 4401),
        (AuthError::SubjectChanged, "subject_changed", "subject_changed", 4401),
        (AuthError::Revoked, "revoked", "revoked", 4401),
        (AuthError::Timeout, "auth_timeout", "auth_timeout", 4408),
    ] {
        assert_eq!((error.code(), error.reason(), error.close_code()), (code, reason, close_code));
        assert_eq!(error.to_string(), code);
    }
}
