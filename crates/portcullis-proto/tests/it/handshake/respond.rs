//! RFC 6455 §4.2.2: what a server answers.

use portcullis_proto::handshake::{Acceptance, EmitError, HandshakeError, accept, refuse};

use super::{upgrade, with};

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn answer(head: &[u8], acceptance: &Acceptance<'_>) -> Result<String, EmitError> {
    let mut out = [0; 1_024];
    let len = accept(&upgrade(head).unwrap(), acceptance, &mut out)?;
    Ok(String::from_utf8(out[..len].to_vec()).unwrap())
}

#[test]
fn rfc_6455_1_3_the_example_is_answered() {
    let head = with(&[("Sec-WebSocket-Protocol", b"chat, superchat")]);
    let acceptance = Acceptance { subprotocol: Some("chat"), ..Acceptance::default() };
    assert_eq!(
        answer(&head, &acceptance).unwrap(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    );
}

#[test]
fn rfc_6455_4_2_2_only_what_was_offered_can_be_chosen() {
    let head = with(&[("Sec-WebSocket-Protocol", b"chat"), ("Sec-WebSocket-Extensions", b"x;y=1, z")]);
    for subprotocol in ["Chat", "superchat", ""] {
        let acceptance = Acceptance { subprotocol: Some(subprotocol), ..Acceptance::default() };
        assert_eq!(answer(&head, &acceptance), Err(EmitError::Subprotocol));
    }
    for (extensions, verdict) in
        [("z", true), ("x; y=2", true), ("x, z", true), ("y", false), ("x,", false), ("", false)]
    {
        let acceptance = Acceptance { extensions: Some(extensions), ..Acceptance::default() };
        assert_eq!(answer(&head, &acceptance).is_ok(), verdict, "{extensions}");
    }
}

#[test]
fn the_buffer_that_is_needed_is_said() {
    let head = with(&[]);
    let request = upgrade(&head).unwrap();
    let mut out = [0; 256];
    let len_min = accept(&request, &Acceptance::default(), &mut out).unwrap();
    for len in 0..len_min {
        let verdict = accept(&request, &Acceptance::default(), &mut out[..len]);
        assert_eq!(verdict, Err(EmitError::BufferTooSmall { len, len_min }));
    }
    assert_eq!(HandshakeError::from(EmitError::Host).status(), 500, "not the peer's fault");
}

#[test]
fn line_ends_cannot_be_injected() {
    let head = with(&[]);
    let mut out = [0; 1_024];
    for value in ["a\r\nb: c", "a\nb", "a\rb", "a\0", "\x7F", " a", "a ", "\ta"] {
        let fields = [("x-a", value)];
        let acceptance = Acceptance { fields: &fields, ..Acceptance::default() };
        assert_eq!(answer(&head, &acceptance), Err(EmitError::FieldValue), "{value:?}");
        assert_eq!(refuse(400, &fields, b"", &mut out), Err(EmitError::FieldValue), "{value:?}");
    }
    for name in ["", "a b", "a:", "a\r\nb", "caf\u{e9}"] {
        let fields = [(name, "a")];
        let acceptance = Acceptance { fields: &fields, ..Acceptance::default() };
        assert_eq!(answer(&head, &acceptance), Err(EmitError::FieldName), "{name:?}");
        assert_eq!(refuse(400, &fields, b"", &mut out), Err(EmitError::FieldName), "{name:?}");
    }
}

#[test]
fn what_the_handshake_writes_itself_cannot_be_written_twice() {
    let head = with(&[]);
    for name in ["Upgrade", "connection", "SEC-WEBSOCKET-ACCEPT", "Sec-WebSocket-Protocol", "Content-Length"]
    {
        let fields = [(name, "a")];
        let acceptance = Acceptance { fields: &fields, ..Acceptance::default() };
        assert_eq!(answer(&head, &acceptance), Err(EmitError::FieldName), "{name}");
    }
    for name in ["Content-Length", "transfer-encoding", "Connection"] {
        assert_eq!(refuse(400, &[(name, "a")], b"", &mut [0; 256]), Err(EmitError::FieldName), "{name}");
    }
}

#[test]
fn rfc_9110_15_a_refusal_says_its_length_and_closes() {
    let mut out = [0; 256];
    let len = refuse(401, &[("WWW-Authenticate", "Bearer")], b"{\"error\":\"expired\"}", &mut out).unwrap();
    assert_eq!(
        core::str::from_utf8(&out[..len]).unwrap(),
        "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 19\r\nWWW-Authenticate: Bearer\r\n\r\n\
         {\"error\":\"expired\"}"
    );
    let fields = HandshakeError::VersionUnsupported.refusal_fields();
    let len = refuse(426, fields, b"", &mut out).unwrap();
    assert_eq!(
        core::str::from_utf8(&out[..len]).unwrap(),
        "HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\nContent-Length: 0\r\n\
         Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n\r\n"
    );
}

#[test]
fn rfc_9110_15_each_final_status_can_be_sent_and_no_other() {
    let mut out = [0; 256];
    for status in 0..=1_000 {
        let verdict = refuse(status, &[], b"x", &mut out);
        assert_eq!(verdict.is_ok(), (200..=599).contains(&status), "{status}");
    }
    let len = refuse(204, &[], b"x", &mut out).unwrap();
    assert_eq!(&out[..len], b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}
