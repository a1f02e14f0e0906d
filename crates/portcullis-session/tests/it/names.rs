//! Names: their text forms, and what is no name.
use portcullis_session::{CHANNEL_LEN_MAX, Epoch, ResumeToken, SessionId, TEXT_LEN, is_channel_name};

#[test]
fn a_session_id_comes_back_from_its_text() {
    for byte in [0, 1, 0x7f, 0xff] {
        let id = SessionId::from_bytes([byte; 16]);
        let text = id.to_string();
        assert_eq!(text.len(), TEXT_LEN);
        assert_eq!(SessionId::parse(&text), Some(id));
        assert_eq!(id.to_bytes(), [byte; 16]);
    }
}

#[test]
fn only_the_canonical_text_is_an_id() {
    let text = SessionId::from_bytes([7; 16]).to_string();
    for wrong in [
        "",
        "A",
        &text[1..],
        &format!("{text}A"),
        &format!("{text}=="),
        &text.replace('c', "+"),
        "AAAAAAAAAAAAAAAAAAAAAB",
    ] {
        assert_eq!(SessionId::parse(wrong), None, "{wrong}");
        assert!(ResumeToken::parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn a_token_shows_itself_only_when_asked() {
    let token = ResumeToken::from_bytes([0xab; 16]);
    let text = token.reveal().to_string();
    assert!(ResumeToken::parse(&text).unwrap().matches(&token));
    assert!(!ResumeToken::from_bytes([0xac; 16]).matches(&token));
    let debug = format!("{token:?}");
    assert!(!debug.contains(&text) && !debug.contains("ab") && !debug.contains("171"), "{debug}");
}

#[test]
fn an_epoch_is_sixteen_small_hexadecimal_digits() {
    let epoch = Epoch::new(0x0123_4567_89ab_cdef);
    assert_eq!(epoch.to_string(), "0123456789abcdef");
    assert_eq!(Epoch::parse("0123456789abcdef"), Some(epoch));
    for wrong in [
        "",
        "0123456789ABCDEF",
        "+123456789abcdef",
        "123456789abcdef",
        "00123456789abcdef",
        "0123456789abcdeg",
    ] {
        assert_eq!(Epoch::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_channel_name_is_short_and_plain() {
    assert!(is_channel_name(&"a".repeat(CHANNEL_LEN_MAX)));
    assert!(!is_channel_name(&"a".repeat(CHANNEL_LEN_MAX + 1)));
    for byte in 0..=0x7f_u8 {
        let allowed = byte.is_ascii_alphanumeric() || b"_-.:@/+".contains(&byte);
        assert_eq!(is_channel_name(&char::from(byte).to_string()), allowed, "{byte}");
    }
    assert!(!is_channel_name("ä"));
}
