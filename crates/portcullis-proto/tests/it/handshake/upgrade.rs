//! RFC 6455 §4.2.1: what a request must have to be upgraded.

use portcullis_proto::handshake::{HandshakeError, RequestHead, SUBPROTOCOLS_MAX};

use super::{altered, head_of, upgrade, with};

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn error(head: &[u8]) -> HandshakeError {
    upgrade(head).unwrap_err()
}

#[test]
fn rfc_6455_1_3_the_example_is_accepted() {
    let head =
        b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let request = upgrade(head).unwrap();
    assert_eq!(request.key(), "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(request.origin(), Some(&b"http://example.com"[..]));
    assert!(request.subprotocols().eq(["chat", "superchat"]));
    assert_eq!(request.extensions().count(), 0);
    assert_eq!(request.head().path(), "/chat");
}

#[test]
fn rfc_6455_4_2_1_1_the_request_is_get_of_http_1_1() {
    for method in ["POST", "HEAD", "get", "CONNECT", "OPTIONS"] {
        let head = with(&[]);
        let text = String::from_utf8(head).unwrap().replacen("GET", method, 1);
        let error = error(text.as_bytes());
        assert_eq!(error, HandshakeError::MethodNotGet, "{method}");
        assert_eq!(error.status(), 405);
        assert_eq!(error.refusal_fields(), [("Allow", "GET")]);
    }
    let text = String::from_utf8(with(&[])).unwrap().replacen("HTTP/1.1", "HTTP/1.0", 1);
    assert_eq!(error(text.as_bytes()), HandshakeError::HttpVersion);
}

#[test]
fn rfc_6455_4_2_1_2_host_is_required() {
    assert_eq!(error(&altered("Host", None)), HandshakeError::HostInvalid);
}

#[test]
fn rfc_6455_4_2_1_3_upgrade_holds_websocket() {
    for value in ["websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", ",websocket,"] {
        assert!(upgrade(&altered("Upgrade", Some(value))).is_ok(), "{value}");
    }
    for value in ["", "h2c", "web socket", "websockets", "websocket/13", "\"websocket\""] {
        assert_eq!(error(&altered("Upgrade", Some(value))), HandshakeError::UpgradeMissing, "{value}");
    }
    assert_eq!(error(&altered("Upgrade", None)), HandshakeError::UpgradeMissing);
    assert_eq!(error(&with(&[("upgrade", b"h2c")])), HandshakeError::DuplicateField);
}

#[test]
fn rfc_6455_4_2_1_4_connection_holds_upgrade() {
    for value in ["Upgrade", "upgrade", "keep-alive, Upgrade", "keep-alive,\tUPGRADE , x"] {
        assert!(upgrade(&altered("Connection", Some(value))).is_ok(), "{value}");
    }
    for value in ["", "keep-alive", "upgraded", "up grade"] {
        assert_eq!(error(&altered("Connection", Some(value))), HandshakeError::ConnectionMissing, "{value}");
    }
    assert_eq!(error(&altered("Connection", None)), HandshakeError::ConnectionMissing);
    assert!(upgrade(&with(&[("Connection", b"keep-alive")])).is_ok(), "a list may be spread over fields");
}

#[test]
fn rfc_6455_4_2_1_5_the_key_is_base64_of_16_bytes() {
    assert_eq!(error(&altered("Sec-WebSocket-Key", None)), HandshakeError::KeyMissing);
    for key in [
        "",
        "AAAA",
        "AAAAAAAAAAAAAAAAAAAA",         // 15 bytes
        "AAAAAAAAAAAAAAAAAAAAAAA=",     // 17 bytes
        "AAAAAAAAAAAAAAAAAAAAAAAA",     // 18 bytes
        "AAAAAAAAAAAAAAAAAAAAAA",       // 16 bytes without padding
        "AAAAAAAAAAAAAAAAAAAAA===",     // one digit of nothing
        "AAAAAAAAAAAAAAAAAAAAAB==",     // bits behind the end
        "AAAAAAAAAA-_AAAAAAAAAA==",     // the other alphabet
        "AAAAAAAAAA AAAAAAAAAAA==",     // a space
        "AAAAAAAAAAAAAAAAAAAAAA== AAA", // something behind it
    ] {
        assert_eq!(error(&altered("Sec-WebSocket-Key", Some(key))), HandshakeError::KeyInvalid, "{key}");
    }
}

#[test]
fn rfc_6455_11_3_1_the_key_comes_once() {
    let head = with(&[("sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA==")]);
    assert_eq!(error(&head), HandshakeError::DuplicateField);
}

#[test]
fn rfc_6455_4_2_2_another_version_is_answered_426() {
    for version in ["0", "7", "8", "12", "14", "013", "13, 8", "\"13\"", "", "255", "1e1"] {
        let error = error(&altered("Sec-WebSocket-Version", Some(version)));
        assert_eq!(error, HandshakeError::VersionUnsupported, "{version}");
        assert_eq!(error.status(), 426);
        assert!(error.refusal_fields().contains(&("Sec-WebSocket-Version", "13")));
    }
    let error_missing = error(&altered("Sec-WebSocket-Version", None));
    assert_eq!(error_missing, HandshakeError::VersionMissing);
    assert_eq!(error_missing.status(), 400);
}

#[test]
fn rfc_6455_11_3_5_the_version_comes_once() {
    assert_eq!(error(&with(&[("Sec-WebSocket-Version", b"13")])), HandshakeError::DuplicateField);
}

#[test]
fn rfc_6454_7_3_origin_comes_once() {
    let head = with(&[("Origin", b"https://a"), ("Origin", b"https://b")]);
    assert_eq!(error(&head), HandshakeError::DuplicateField);
}

#[test]
fn rfc_6455_4_1_10_subprotocols_are_different_tokens() {
    let head =
        with(&[("Sec-WebSocket-Protocol", b"a, b"), ("sec-websocket-protocol", b"C,c\t,bearer.x-y_z.0")]);
    assert!(upgrade(&head).unwrap().subprotocols().eq(["a", "b", "C", "c", "bearer.x-y_z.0"]));
    for value in
        [&b""[..], b",", b"a,", b",a", b"a,,b", b"a b", b"a, a", b"\"a\"", b"a;b", b"a/b", b"caf\xE9"]
    {
        let head = with(&[("Sec-WebSocket-Protocol", value)]);
        assert_eq!(error(&head), HandshakeError::SubprotocolsInvalid, "{value:?}");
    }
    let head = with(&[("Sec-WebSocket-Protocol", b"a"), ("Sec-WebSocket-Protocol", b"b, a")]);
    assert_eq!(error(&head), HandshakeError::SubprotocolsInvalid);
}

#[test]
fn the_number_of_subprotocols_is_limited() {
    let names: Vec<String> = (0..=SUBPROTOCOLS_MAX).map(|number| format!("p{number}")).collect();
    let head = with(&[("Sec-WebSocket-Protocol", names[..SUBPROTOCOLS_MAX].join(",").as_bytes())]);
    assert_eq!(upgrade(&head).unwrap().subprotocols().count(), SUBPROTOCOLS_MAX);
    let head = with(&[("Sec-WebSocket-Protocol", names.join(",").as_bytes())]);
    let too_many = HandshakeError::TooManySubprotocols { subprotocols_max: SUBPROTOCOLS_MAX };
    assert_eq!(error(&head), too_many);
}

#[test]
fn an_upgrade_has_no_body() {
    for field in [("Content-Length", &b"1"[..]), ("Transfer-Encoding", b"chunked")] {
        assert_eq!(error(&with(&[field])), HandshakeError::BodyOnUpgrade);
    }
    assert!(upgrade(&with(&[("Content-Length", b"0")])).is_ok());
}

#[test]
fn rfc_6455_4_2_1_a_plain_page_is_no_upgrade_but_still_a_request() {
    let head = head_of("GET /index.html HTTP/1.1", [("Host", &b"a"[..])]);
    let request = RequestHead::parse(&head).unwrap();
    assert_eq!(request.upgrade().unwrap_err(), HandshakeError::UpgradeMissing);
    assert_eq!(request.path(), "/index.html");
}

#[test]
fn each_error_of_a_request_has_its_status_and_its_own_code() {
    let errors = [
        (HandshakeError::Timeout, 408),
        (HandshakeError::HeadTooBig { len_max: 1 }, 431),
        (HandshakeError::TooManyFields { fields_max: 1 }, 431),
        (HandshakeError::Malformed, 400),
        (HandshakeError::TargetInvalid, 400),
        (HandshakeError::HostInvalid, 400),
        (HandshakeError::HostMismatch, 400),
        (HandshakeError::BodyLengthInvalid, 400),
        (HandshakeError::MethodNotGet, 405),
        (HandshakeError::HttpVersion, 400),
        (HandshakeError::BodyOnUpgrade, 400),
        (HandshakeError::UpgradeMissing, 400),
        (HandshakeError::ConnectionMissing, 400),
        (HandshakeError::DuplicateField, 400),
        (HandshakeError::KeyMissing, 400),
        (HandshakeError::KeyInvalid, 400),
        (HandshakeError::VersionMissing, 400),
        (HandshakeError::VersionUnsupported, 426),
        (HandshakeError::SubprotocolsInvalid, 400),
        (HandshakeError::TooManySubprotocols { subprotocols_max: 1 }, 400),
        (HandshakeError::ExtensionsInvalid, 400),
        (HandshakeError::TooManyExtensions { extensions_max: 1 }, 400),
    ];
    let mut codes = Vec::new();
    for (error, status) in errors {
        assert_eq!(error.status(), status, "{error}");
        assert!(!codes.contains(&error.code()), "{error}");
        codes.push(error.code());
    }
}
