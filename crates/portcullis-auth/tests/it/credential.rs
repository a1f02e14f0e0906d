//! RFC 6750 §2.1 and the subprotocol door: what carries a token.
use portcullis_auth::{
    AuthError,
    credential::{TOKEN_LEN_MAX, from_authorization, from_subprotocols},
};

#[test]
fn a_bearer_token_is_taken_out_of_its_header() {
    for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer   a.b.c", "Bearer a.b.c  "] {
        assert_eq!(from_authorization(value.as_bytes()), Ok(&b"a.b.c"[..]), "{value:?}");
    }
}

#[test]
fn another_header_is_malformed() {
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer\ta.b.c",
        "Bearera.b.c",
        "Basic YTpi",
        "a.b.c",
        " Bearer a.b.c",
        "Bearer a b",
        "Bearer a,b",
        "Bearer \"a\"",
        "Bearer a\0b",
        "Bearer é",
        "Token a.b.c",
    ] {
        assert_eq!(from_authorization(value.as_bytes()), Err(AuthError::Malformed), "{value:?}");
    }
    assert_eq!(from_authorization(b"Bearer \xFF"), Err(AuthError::Malformed));
}

#[test]
fn a_long_token_is_not_looked_at() {
    let mut value = b"Bearer ".to_vec();
    value.resize(7 + TOKEN_LEN_MAX, b'a');
    assert_eq!(from_authorization(&value).map(<[u8]>::len), Ok(TOKEN_LEN_MAX));
    value.push(b'a');
    let error = AuthError::TooLong { len: TOKEN_LEN_MAX + 1, len_max: TOKEN_LEN_MAX };
    assert_eq!(from_authorization(&value), Err(error));
    assert_eq!((error.close_code(), error.code(), error.reason()), (4401, "too_long", "invalid"));
}

#[test]
fn one_subprotocol_may_carry_a_token() {
    let find = |offers: &[&'static str]| from_subprotocols(offers.iter().copied());
    assert_eq!(find(&[]), None);
    assert_eq!(find(&["portcullis.v1", "chat", "bearer"]), None);
    assert_eq!(find(&["portcullis.v1", "bearer.a.b.c"]), Some(Ok("a.b.c")));
    assert_eq!(find(&["bearer.a.b.c", "portcullis.v1"]), Some(Ok("a.b.c")));
    assert_eq!(find(&["bearer."]), Some(Err(AuthError::Malformed)));
    // Subprotocols are compared with their case (RFC 6455 §11.5).
    assert_eq!(find(&["Bearer.a.b.c"]), None);
    let two = Some(Err(AuthError::Malformed));
    assert_eq!(find(&["bearer.a", "bearer.b"]), two, "which of them counts is not guessed");
    assert_eq!(find(&["bearer.a", "bearer.a"]), two);
}

/// CVE-2026-32689: a path that splits must not retain what it splits.
#[test]
fn many_delimiters_cost_no_memory() {
    let offers = "bearer,".repeat(100_000);
    assert_eq!(from_subprotocols(offers.split(',')), None);
}
