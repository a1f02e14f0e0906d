//! RFC 9112 §3, §5, §6: what holds for each request, upgrade or not.

use portcullis_proto::handshake::{HandshakeError, RequestHead};

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn error(head: &str) -> HandshakeError {
    RequestHead::parse(head.as_bytes()).unwrap_err()
}

#[test]
fn rfc_9112_3_a_plain_request_is_read() {
    let head =
        b"POST /ticket?a=b?c HTTP/1.1\r\nHost: a:80\r\nContent-Length: 12\r\nX:\t caf\xE9 \t\r\nx: 2\r\n\r\n";
    let request = RequestHead::parse(head).unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!((request.path(), request.query()), ("/ticket", Some("a=b?c")));
    assert_eq!(request.host(), Some("a:80"));
    assert_eq!(request.body_len(), Some(12));
    assert!(request.is_http_1_1());
    assert_eq!(request.field("x"), Some(&b"caf\xE9"[..]));
    assert_eq!(request.fields_named("X").count(), 2);
    assert_eq!(request.field("absent"), None);
    let names: Vec<&str> = request.fields().map(|(name, _)| name).collect();
    assert_eq!(names, ["Host", "Content-Length", "X", "x"]);
}

#[test]
fn rfc_9112_3_2_2_an_absolute_target_must_name_the_same_host() {
    let request = RequestHead::parse(b"GET http://A/ws?x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!((request.path(), request.query()), ("/ws", Some("x")));
    let request = RequestHead::parse(b"GET ws://a?x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!((request.path(), request.query()), ("/", Some("x")));
    assert_eq!(error("GET http://b/ws HTTP/1.1\r\nHost: a\r\n\r\n"), HandshakeError::HostMismatch);
    assert_eq!(error("GET http://a@b/ws HTTP/1.1\r\nHost: b\r\n\r\n"), HandshakeError::HostMismatch);
}

#[test]
fn rfc_9112_3_2_other_targets_are_refused() {
    for target in ["ws", "file:///etc/passwd", "a:80", "/a#b", "/caf\u{e9}", "javascript://a/"] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(error(&head), HandshakeError::TargetInvalid, "{target}");
    }
    assert_eq!(RequestHead::parse(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().path(), "*");
}

#[test]
fn rfc_9112_3_2_host_comes_once_and_is_a_host() {
    assert_eq!(error("GET / HTTP/1.1\r\n\r\n"), HandshakeError::HostInvalid);
    assert_eq!(error("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), HandshakeError::HostInvalid);
    assert_eq!(error("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"), HandshakeError::HostInvalid);
    assert_eq!(RequestHead::parse(b"GET / HTTP/1.0\r\n\r\n").unwrap().host(), None);
    for host in ["a", "a.b-c_d~", "a:443", "a:", "127.0.0.1:8443", "[::1]", "[::1]:8443", "%41", "x:65535"] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(RequestHead::parse(head.as_bytes()).unwrap().host(), Some(host));
    }
    for host in [
        "",
        " ",
        ":80",
        "a:b",
        "a:65536",
        "a:000080",
        "a:99999999999",
        "a: b;cdefghijklmnop",
        "a b",
        "a/b",
        "a@b",
        "a,b:c",
        "[::1",
        "[::1]x",
        "[]",
        "[a]",
        "[1.2.3.4]",
        "::1",
        "%4",
        "%zz",
        "a\\b",
        "\"a\"",
        "a?b",
        "\u{e9}",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(error(&head), HandshakeError::HostInvalid, "{host:?}");
    }
}

#[test]
fn rfc_9112_6_3_the_length_of_a_body_is_read_in_one_way() {
    let with = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    for (fields, len) in [
        ("", Some(0)),
        ("Content-Length: 0\r\n", Some(0)),
        ("Content-Length: 18446744073709551615\r\n", Some(u64::MAX)),
        ("Transfer-Encoding: Chunked\r\n", None),
    ] {
        assert_eq!(RequestHead::parse(with(fields).as_bytes()).unwrap().body_len(), len, "{fields}");
    }
    for fields in [
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length: 1 2\r\n",
        "Content-Length:\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
    ] {
        assert_eq!(error(&with(fields)), HandshakeError::BodyLengthInvalid, "{fields}");
    }
}

#[test]
fn rfc_9112_5_lines_that_are_no_fields_are_refused() {
    for line in ["A", ": b", "A : b", " A: b", "A\u{e9}: b", "(A): b", "A: b\r\n c"] {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
        assert_eq!(error(&head), HandshakeError::Malformed, "{line:?}");
    }
}

#[test]
fn rfc_9112_3_lines_that_are_no_requests_are_refused() {
    for line in
        ["", "GET", "GET /", "GET / HTTP/2.0", "GET / HTTP/1.2", "GET  / HTTP/1.1", "G(T / HTTP/1.1", "PRI"]
    {
        assert_eq!(error(&format!("{line}\r\nHost: a\r\n\r\n")), HandshakeError::Malformed, "{line:?}");
    }
}

#[test]
fn a_slice_with_more_or_less_than_a_head_is_refused() {
    for head in ["", "\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n"] {
        assert_eq!(error(head), HandshakeError::Malformed, "{head:?}");
    }
}

#[test]
fn parsed_heads_stay_small() {
    // It is kept beside each connection that is still shaking hands.
    assert!(size_of::<RequestHead<'_>>() <= 128);
}
