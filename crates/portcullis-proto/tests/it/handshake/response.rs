//! RFC 6455 §4.1: what a client sends, and each MUST on what it gets back.

use portcullis_proto::handshake::{ClientRequest, EmitError, HandshakeError, ResponseHead};

/// The nonce of RFC 6455 §1.3.
const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: (&str, &str) = ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
const UPGRADE: (&str, &str) = ("Upgrade", "websocket");
const CONNECTION: (&str, &str) = ("Connection", "Upgrade");

const REQUEST: ClientRequest<'_> = ClientRequest {
    subprotocols: &["chat", "superchat"],
    extensions: Some("permessage-deflate; client_max_window_bits"),
    ..ClientRequest::new("server.example.com", "/chat")
};

/// The verdict on an answer of these fields: the subprotocol and the number of extensions.
fn verdict(first: &str, fields: &[(&str, &str)]) -> Result<(Option<String>, usize), HandshakeError> {
    let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
    let head = super::head_of(first, fields);
    let accepted = ResponseHead::parse(&head)?.verify(&REQUEST, NONCE)?;
    Ok((accepted.subprotocol().map(str::to_owned), accepted.extensions().count()))
}

fn of_fields(fields: &[(&str, &str)]) -> Result<(Option<String>, usize), HandshakeError> {
    verdict("HTTP/1.1 101 Switching Protocols", fields)
}

/// The verdict on a good answer with one more field.
fn with(name: &str, value: &str) -> Result<(Option<String>, usize), HandshakeError> {
    of_fields(&[UPGRADE, CONNECTION, ACCEPT, (name, value)])
}

#[test]
fn rfc_6455_4_1_the_request_has_all_it_must() {
    let mut out = [0; 512];
    let fields = [("Authorization", "Bearer a.b.c")];
    let request = ClientRequest { origin: Some("https://a"), fields: &fields, ..REQUEST };
    let len = request.emit(NONCE, &mut out).unwrap();
    assert_eq!(
        core::str::from_utf8(&out[..len]).unwrap(),
        "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: https://a\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nAuthorization: Bearer a.b.c\r\n\r\n"
    );
}

#[test]
fn line_ends_cannot_be_injected_into_a_request() {
    let plain = ClientRequest::new("a", "/");
    let emit = |request: ClientRequest<'_>| request.emit(NONCE, &mut [0; 512]);
    assert!(emit(plain).is_ok());
    for host in ["", "a\r\nb", "a b", "a/b", "b@a"] {
        assert_eq!(emit(ClientRequest { host, ..plain }), Err(EmitError::Host), "{host:?}");
    }
    for path in ["", "a", "/a b", "/a\r\n", "/\n", "/\0", "/caf\u{e9}", "/a#b", "http://a/"] {
        assert_eq!(emit(ClientRequest { path, ..plain }), Err(EmitError::Path), "{path:?}");
    }
    assert_eq!(emit(ClientRequest { origin: Some("a\r\nb: c"), ..plain }), Err(EmitError::FieldValue));
    for subprotocols in [&["a b"][..], &[""], &["a", "a"], &["a\r\nb"], &["a,b"], &["a"; 17]] {
        assert_eq!(
            emit(ClientRequest { subprotocols, ..plain }),
            Err(EmitError::Subprotocol),
            "{subprotocols:?}"
        );
    }
    for extensions in ["", "a\r\n", "a;", "a b"] {
        let request = ClientRequest { extensions: Some(extensions), ..plain };
        assert_eq!(emit(request), Err(EmitError::Extension), "{extensions:?}");
    }
    for fields in [[("Host", "b")], [("sec-websocket-key", "x")], [("a b", "c")], [("Content-Length", "1")]] {
        assert_eq!(emit(ClientRequest { fields: &fields, ..plain }), Err(EmitError::FieldName), "{fields:?}");
    }
    assert_eq!(emit(ClientRequest { fields: &[("a", "b\nc")], ..plain }), Err(EmitError::FieldValue));
}

#[test]
fn rfc_6455_4_1_a_good_answer_is_accepted() {
    assert_eq!(of_fields(&[UPGRADE, CONNECTION, ACCEPT]), Ok((None, 0)));
    assert_eq!(of_fields(&[("upgrade", "WebSocket"), ("connection", "x, upgrade"), ACCEPT]), Ok((None, 0)));
    assert_eq!(with("Sec-WebSocket-Protocol", "superchat"), Ok((Some("superchat".to_owned()), 0)));
    assert_eq!(
        with("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover"),
        Ok((None, 1))
    );
}

#[test]
fn rfc_6455_4_1_1_another_status_is_a_refusal() {
    for status in [100, 200, 301, 401, 426, 503] {
        let first = format!("HTTP/1.1 {status} X");
        let error = verdict(&first, &[UPGRADE, CONNECTION, ACCEPT]).unwrap_err();
        assert_eq!(error, HandshakeError::Refused { status });
    }
    let old = verdict("HTTP/1.0 101 X", &[UPGRADE, CONNECTION, ACCEPT]);
    assert_eq!(old, Err(HandshakeError::HttpVersion));
}

#[test]
fn rfc_6455_4_1_2_upgrade_must_be_websocket() {
    assert_eq!(of_fields(&[CONNECTION, ACCEPT]), Err(HandshakeError::UpgradeMissing));
    for value in ["", "h2c", "websocket2", "h2c, websocket"] {
        let fields = [("Upgrade", value), CONNECTION, ACCEPT];
        assert_eq!(of_fields(&fields), Err(HandshakeError::UpgradeMissing), "{value}");
    }
}

#[test]
fn rfc_6455_4_1_3_connection_must_hold_upgrade() {
    assert_eq!(of_fields(&[UPGRADE, ACCEPT]), Err(HandshakeError::ConnectionMissing));
    let fields = [UPGRADE, ("Connection", "close"), ACCEPT];
    assert_eq!(of_fields(&fields), Err(HandshakeError::ConnectionMissing));
}

#[test]
fn rfc_6455_4_1_4_accept_must_be_made_from_the_key() {
    assert_eq!(of_fields(&[UPGRADE, CONNECTION]), Err(HandshakeError::AcceptMissing));
    let spaced = ("Sec-WebSocket-Accept", " \ts3pPLMBiTxaQ9kYGzzhZRbK+xOo=\t ");
    assert!(of_fields(&[UPGRADE, CONNECTION, spaced]).is_ok(), "white space around it is ignored");
    for value in
        ["", "s3pplmbitxaq9kygzzhzrbk+xoo=", "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo"]
    {
        let fields = [UPGRADE, CONNECTION, ("Sec-WebSocket-Accept", value)];
        assert_eq!(of_fields(&fields), Err(HandshakeError::AcceptMismatch), "{value}");
    }
    assert_eq!(of_fields(&[UPGRADE, CONNECTION, ACCEPT, ACCEPT]), Err(HandshakeError::DuplicateField));
}

#[test]
fn rfc_6455_4_1_5_an_extension_must_have_been_offered() {
    for value in ["x-other", "permessage-deflate, x-other", "client_max_window_bits"] {
        assert_eq!(
            with("Sec-WebSocket-Extensions", value),
            Err(HandshakeError::ExtensionNotOffered),
            "{value}"
        );
    }
    for value in ["", "permessage-deflate;", "a b"] {
        assert_eq!(
            with("Sec-WebSocket-Extensions", value),
            Err(HandshakeError::ExtensionsInvalid),
            "{value}"
        );
    }
}

#[test]
fn rfc_6455_4_1_6_a_subprotocol_must_have_been_offered() {
    for value in ["other", "Chat", "chat, superchat", "", "caf\u{e9}"] {
        assert_eq!(
            with("Sec-WebSocket-Protocol", value),
            Err(HandshakeError::SubprotocolNotOffered),
            "{value}"
        );
    }
    let twice =
        [UPGRADE, CONNECTION, ACCEPT, ("Sec-WebSocket-Protocol", "chat"), ("sec-websocket-protocol", "chat")];
    assert_eq!(of_fields(&twice), Err(HandshakeError::DuplicateField));
}

#[test]
fn rfc_9112_4_other_answers_are_no_heads() {
    for first in ["", "HTTP/1.1", "HTTP/1.1 1O1 X", "HTTP/2 101 X", "GET / HTTP/1.1", "SSH-2.0-x"] {
        assert_eq!(verdict(first, &[UPGRADE, CONNECTION, ACCEPT]), Err(HandshakeError::Malformed), "{first}");
    }
}
