//! What a credential allows.
#![cfg(feature = "alloc")]

use portcullis_auth::{AuthError, SCOPES_MAX, Scopes};

fn scopes(names: &[&str]) -> Result<Scopes, AuthError> {
    Scopes::new(names.iter().copied())
}

#[test]
fn they_are_a_set() {
    let scopes = scopes(&["chat:write", "admin", "chat:write"]).unwrap();
    assert_eq!(scopes.iter().collect::<Vec<_>>(), ["admin", "chat:write"]);
    assert!(scopes.contains("admin") && scopes.contains("chat:write"));
    for name in ["", "chat", "chat:writ", "chat:write2", "Admin", "admin "] {
        assert!(!scopes.contains(name), "{name:?}");
    }
    assert!(!Scopes::default().contains(""));
}

#[test]
fn a_name_is_plain_and_bounded() {
    for name in ["", "a b", "a\"b", "a\\b", "é", "a\n", "\u{7F}", &"a".repeat(129)] {
        assert_eq!(scopes(&[name]), Err(AuthError::Claim), "{name:?}");
    }
    assert!(scopes(&[&"a".repeat(128)]).is_ok());
}

#[test]
fn there_is_a_most_of_them() {
    let names: Vec<_> = (0..=SCOPES_MAX).map(|index| index.to_string()).collect();
    assert!(Scopes::new(names.iter().take(SCOPES_MAX).map(String::as_str)).is_ok());
    assert_eq!(Scopes::new(names.iter().map(String::as_str)), Err(AuthError::Claim));
}
