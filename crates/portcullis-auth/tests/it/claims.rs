//! RFC 7519 §4.1: which claims must be there, and of which type.
use core::time::Duration;

use portcullis_auth::{
    AuthError, Verify,
    jwt::{Algorithm, Verifier},
};
use portcullis_time::UnixTime;

use crate::support::{
    AUDIENCE, ISSUER, NOW, SECRET, claims_with, forge, issuer, judge, judge_with, key, verifier,
};

#[test]
fn what_a_good_token_says() {
    let now = NOW.as_secs();
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":["other","{AUDIENCE}"],"sub":"alice","exp":{},"nbf":{now},"iat":{},
            "jti":"token-7","scope":"chat:write  admin","email":{{"deep":[1,2]}}}}"#,
        now + 60,
        now - 5
    );
    let verified = judge(&claims).unwrap();
    assert_eq!(verified.subject(), "alice");
    assert_eq!(verified.expires_at(), UnixTime::from_secs(now + 60));
    assert_eq!(verified.issued_at(), Some(UnixTime::from_secs(now - 5)));
    assert_eq!(verified.id(), Some("token-7"));
    assert_eq!(verified.scopes().iter().collect::<Vec<_>>(), ["admin", "chat:write"]);
}

#[test]
fn iss_aud_sub_and_exp_are_required() {
    for (claim, error) in [
        ("iss", AuthError::Issuer),
        ("aud", AuthError::Audience),
        ("sub", AuthError::Claim),
        ("exp", AuthError::Claim),
    ] {
        assert_eq!(judge(&claims_with(claim, None)), Err(error), "{claim}");
    }
    let verified = judge(&claims_with("jti", None)).unwrap();
    assert_eq!((verified.id(), verified.issued_at()), (None, None));
    assert_eq!(verified.scopes().iter().count(), 0);
}

#[test]
fn times_have_a_leeway_of_30_seconds_and_no_more() {
    let now = NOW.as_secs();
    let at = |claim: &str, time: u64| judge_with(claim, &time.to_string()).map(|_| ());
    assert_eq!(at("exp", now - 29), Ok(()));
    assert_eq!(at("exp", now - 30), Err(AuthError::Expired));
    for claim in ["nbf", "iat"] {
        assert_eq!(at(claim, now + 30), Ok(()), "{claim}");
        assert_eq!(at(claim, now + 31), Err(AuthError::NotYetValid), "{claim}");
        assert_eq!(at(claim, 0), Ok(()), "{claim}");
    }
}

#[test]
fn the_leeway_can_be_set() {
    let token = forge(r#"{"alg":"HS256"}"#, &claims_with("exp", Some("1752999999")), SECRET);
    let strict = verifier(vec![key(Algorithm::HS256)]).with_leeway(Duration::ZERO);
    assert_eq!(strict.verify(NOW, token.as_bytes()), Err(AuthError::Expired));
    assert!(strict.verify(UnixTime::from_millis(1_752_999_998_999), token.as_bytes()).is_ok());
}

#[test]
fn an_audience_is_one_of_the_listed_and_compared_whole() {
    for aud in [r#""portcullis""#, r#"["portcullis"]"#, r#"["a","portcullis"]"#] {
        assert!(judge_with("aud", aud).is_ok(), "{aud}");
    }
    for aud in [r#""Portcullis""#, r#""portcullis ""#, r#""portculli""#, r#""""#, "[]", r#"["a","b"]"#] {
        assert_eq!(judge_with("aud", aud), Err(AuthError::Audience), "{aud}");
    }
    for aud in
        ["null", "7", "true", "{}", r#"["portcullis",7]"#, r#"["portcullis",null]"#, r#"[["portcullis"]]"#]
    {
        assert_eq!(judge_with("aud", aud), Err(AuthError::Claim), "{aud}");
    }
}

#[test]
fn an_issuer_is_compared_whole() {
    for iss in [
        r#""https://issuer.example/""#,
        r#""https://issuer.exampl""#,
        r#""HTTPS://issuer.example""#,
        r#""""#,
        "null",
        "7",
        r#"["https://issuer.example"]"#,
        r#"{"a":1}"#,
    ] {
        assert_eq!(judge_with("iss", iss), Err(AuthError::Issuer), "{iss}");
    }
}

#[test]
fn a_name_is_1_to_128_bytes_that_do_not_break_a_line() {
    for claim in ["sub", "jti"] {
        for name in ["a", "alice@example.com", "auth0|5f7c", "Zoë", "名前", "a b", &"a".repeat(128)] {
            assert!(judge_with(claim, &format!("\"{name}\"")).is_ok(), "{claim} {name:?}");
        }
        for text in [
            String::new(),
            "a".repeat(129),
            "é".repeat(65),
            r"a\u0000b".into(),
            r"a\nb".into(),
            r"a\u007f".into(),
            r"a\u0085b".into(),
            r"a\u2028b".into(),
            r"a\u202eb".into(),
            r"a\u2066b".into(),
        ] {
            assert_eq!(judge_with(claim, &format!("\"{text}\"")), Err(AuthError::Claim), "{claim} {text:?}");
        }
    }
}

#[test]
fn a_scope_is_a_string_with_spaces_or_an_array_of_strings() {
    for (scope, names) in [
        (r#""""#, vec![]),
        ("[]", vec![]),
        (r#""  ""#, vec![]),
        (r#""b a b""#, vec!["a", "b"]),
        (r#"["b","a"]"#, vec!["a", "b"]),
    ] {
        assert_eq!(judge_with("scope", scope).unwrap().scopes().iter().collect::<Vec<_>>(), names, "{scope}");
    }
    for scope in [
        "null",
        "7",
        "true",
        r#"{"a":true}"#,
        r#"["a",7]"#,
        r#"["a b"]"#,
        r#"[""]"#,
        r#""a\tb""#,
        r#""a\nb""#,
        r#"[["a"]]"#,
    ] {
        assert_eq!(judge_with("scope", scope), Err(AuthError::Claim), "{scope}");
    }
    let many: Vec<_> = (0..65).map(|index| index.to_string()).collect();
    assert_eq!(judge_with("scope", &format!("\"{}\"", many.join(" "))), Err(AuthError::Claim));
}

/// RFC 7519 §4: "The Claim Names within a JWT Claims Set MUST be unique".
#[test]
fn a_claim_that_comes_twice_is_refused() {
    let good = claims_with("sub", Some("\"alice\""));
    for extra in [r#""sub":"mallory""#, r#""sub":"alice""#, r#""exp":9999999999"#, r#""x":1,"x":1"#] {
        let claims = format!("{},{extra}}}", good.trim_end_matches('}'));
        assert_eq!(judge(&claims), Err(AuthError::Malformed), "{extra}");
    }
    let header = r#"{"alg":"none","alg":"HS256"}"#;
    let token = forge(header, &good, SECRET);
    assert_eq!(
        verifier(vec![key(Algorithm::HS256)]).verify(NOW, token.as_bytes()),
        Err(AuthError::Malformed)
    );
}

#[test]
fn claims_that_are_no_object_are_malformed() {
    let good = claims_with("", None);
    for claims in [
        "",
        "null",
        "7",
        "[]",
        "\"x\"",
        "{",
        "{}x",
        "\u{FEFF}{}",
        &format!("{good}{good}"),
        &format!("[{good}]"),
    ] {
        assert_eq!(judge(claims), Err(AuthError::Malformed), "{claims:?}");
    }
    assert_eq!(judge("{}"), Err(AuthError::Issuer));
    assert!(judge(&format!(" {good}\n")).is_ok(), "white space is JSON's own");
}

/// A second issuer's tokens are checked with its own keys and nobody else's.
#[test]
fn several_issuers_each_with_keys_of_their_own() {
    let other_secret = [9; 32];
    let other = portcullis_auth::jwt::Key::hmac(Algorithm::HS256, &other_secret).unwrap();
    let verifier = Verifier::new(
        AUDIENCE,
        vec![issuer(ISSUER, vec![key(Algorithm::HS256)]), issuer("https://other.example", vec![other])],
    );
    let theirs = claims_with("iss", Some("\"https://other.example\""));
    let ours = claims_with("iss", Some("\"https://issuer.example\""));
    let header = r#"{"alg":"HS256"}"#;
    let verdict = |claims, secret| verifier.verify(NOW, forge(header, claims, secret).as_bytes()).map(|_| ());
    assert_eq!(verdict(&ours, SECRET), Ok(()));
    assert_eq!(verdict(&theirs, &other_secret), Ok(()));
    assert_eq!(verdict(&ours, &other_secret), Err(AuthError::Signature));
    assert_eq!(verdict(&theirs, SECRET), Err(AuthError::Signature));
}
