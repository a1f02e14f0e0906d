//! What holds for all inputs.

use portcullis_proto::handshake::{
    Acceptance, ClientRequest, FIELDS_MAX, HEAD_LEN_MAX, HandshakeError, RequestHead, ResponseHead, accept,
    refuse,
};
use proptest::prelude::*;

use super::{head::read, upgrade, with};

/// A token.
fn token() -> impl Strategy<Value = String> {
    "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}"
}

/// A field value that arrives as it was sent.
fn field_value() -> impl Strategy<Value = String> {
    "([!-~\u{80}-\u{7FF}]([ \t!-~\u{80}-\u{7FF}]{0,20}[!-~\u{80}-\u{7FF}])?)?"
}

/// Bytes that come close to a head: its pieces, cut and mixed with anything.
fn near_head() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            &b"GET / HTTP/1.1\r\n"[..], b"HTTP/1.1 101 X\r\n", b"Host: a\r\n", b"Upgrade: websocket\r\n",
            b"Connection: Upgrade\r\n", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", b"\r", b"\n", b"\r\n",
            b"Sec-WebSocket-Version: 13\r\n", b"Sec-WebSocket-Protocol: a, b\r\n", b"Sec-WebSocket-Extensions: a;b=\"c\"\r\n",
            b": ", b",", b";", b"=", b"\"", b"\\", b" ", b"\r\n\r\n",
        ]).prop_map(<[u8]>::to_vec),
        2 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// Everything that can be asked of a head, so that nothing of it panics.
fn walk(bytes: &[u8]) {
    if let Ok(request) = RequestHead::parse(bytes) {
        let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut other = httparse::Request::new(&mut slots);
        assert!(other.parse(bytes).is_ok_and(|status| status.is_complete()));
        // Walking the lines again must find what the parser found, or a check could be evaded.
        assert!(request.fields().eq(other.headers.iter().map(|header| (header.name, header.value))));
        if let Ok(upgrade) = request.upgrade() {
            let params = upgrade.extensions().flat_map(|offer| offer.params());
            let bytes: usize =
                params.filter_map(|param| param.value()).map(|value| value.bytes().count()).sum();
            assert!(bytes <= HEAD_LEN_MAX);
            assert!(upgrade.subprotocols().all(|name| !name.is_empty()));
            let mut out = [0; 512];
            assert!(accept(&upgrade, &Acceptance::default(), &mut out).is_ok());
        }
    }
    if let Ok(response) = ResponseHead::parse(bytes) {
        let _ = response.verify(&ClientRequest::new("a", "/"), [0; 16]);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        walk(&bytes);
    }

    #[test]
    fn no_bytes_near_a_head_panic(bytes in near_head()) {
        walk(&bytes);
    }

    #[test]
    fn no_host_panics(host in "[a0-9:.\\[\\]%@; ]{0,24}", target in "(/|[a-z]{2,5}://)?[a0-9:./?\\[\\]%@]{0,24}") {
        let host = host.trim();
        let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        if let Ok(request) = RequestHead::parse(head.as_bytes()) {
            prop_assert_eq!(request.host(), Some(host));
            prop_assert!(request.path().starts_with('/'));
            let port = host.rsplit_once(':').map_or("", |(_, port)| port);
            prop_assert!(host.ends_with(']') || port.is_empty() || port.parse::<u16>().is_ok());
        }
    }

    #[test]
    fn each_split_gives_the_same_head(bytes in near_head(), piece in 1_usize..40) {
        let whole = read(&bytes, bytes.len());
        prop_assert_eq!(read(&bytes, 1), whole.clone());
        prop_assert_eq!(read(&bytes, piece), whole);
    }

    #[test]
    fn what_is_read_is_what_is_parsed(bytes in near_head()) {
        // The reader takes nothing for a head that the parser would look at in another way.
        if let Ok((Some(head), consumed)) = read(&bytes, bytes.len()) {
            prop_assert_eq!(&bytes[..consumed], &head[..]);
            let parsed = RequestHead::parse(&head).map(|_| ());
            let early = matches!(parsed, Err(HandshakeError::HeadTooBig { .. } | HandshakeError::Timeout));
            prop_assert!(!early);
        }
    }

    #[test]
    fn what_a_client_asks_a_server_understands(
        nonce in any::<[u8; 16]>(),
        path in "/[!\"$-~]{0,30}",
        origin in prop::option::of(field_value()),
        subprotocols in prop::collection::btree_set(token(), 0..8),
        extensions in prop::collection::vec((token(), prop::option::of(token())), 0..6),
        fields in prop::collection::vec((token(), field_value()), 0..6),
        chosen in any::<prop::sample::Index>(),
    ) {
        let subprotocols: Vec<&str> = subprotocols.iter().map(String::as_str).collect();
        let list: Vec<String> = extensions
            .iter()
            .map(|(name, value)| value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}; p=\"{value}\"")))
            .collect();
        let list = list.join(", ");
        let fields: Vec<(String, &str)> =
            fields.iter().map(|(name, value)| (format!("x-{name}"), value.as_str())).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let wanted = ClientRequest {
            origin: origin.as_deref(),
            subprotocols: &subprotocols,
            extensions: (!list.is_empty()).then_some(&list),
            fields: &fields,
            ..ClientRequest::new("[::1]:8443", &path)
        };
        let mut out = [0; 4_096];
        let len = wanted.emit(nonce, &mut out).unwrap();
        let head = RequestHead::parse(&out[..len]).unwrap();
        let request = head.upgrade().unwrap();
        let target = head.query().map_or_else(|| head.path().to_owned(), |query| format!("{}?{query}", head.path()));
        prop_assert_eq!(target, path.clone());
        prop_assert_eq!(head.host(), Some(wanted.host));
        prop_assert_eq!(request.origin(), wanted.origin.map(str::as_bytes));
        prop_assert!(request.subprotocols().eq(subprotocols.iter().copied()));
        prop_assert!(request.extensions().map(|offer| offer.name()).eq(extensions.iter().map(|(name, _)| name)));
        for (name, value) in &fields {
            prop_assert!(head.fields_named(name).any(|found| found == value.as_bytes()));
        }

        let subprotocol = (!subprotocols.is_empty()).then(|| *chosen.get(&subprotocols));
        let acceptance = Acceptance { subprotocol, extensions: wanted.extensions, fields: &fields };
        let mut answer = [0; 4_096];
        let len = accept(&request, &acceptance, &mut answer).unwrap();
        let accepted = ResponseHead::parse(&answer[..len]).unwrap().verify(&wanted, nonce).unwrap();
        prop_assert_eq!(accepted.subprotocol(), subprotocol);
        prop_assert_eq!(accepted.extensions().count(), extensions.len());

        let mut other = nonce;
        other[0] ^= 1;
        let verdict = ResponseHead::parse(&answer[..len]).unwrap().verify(&wanted, other);
        prop_assert_eq!(verdict.unwrap_err(), HandshakeError::AcceptMismatch);
    }

    #[test]
    fn what_a_server_refuses_with_a_client_understands(
        status in 200_u16..600,
        name in token(),
        value in field_value(),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let name = format!("x-{name}");
        let mut out = [0; 1_024];
        let len = refuse(status, &[(&name, &value)], &body, &mut out).unwrap();
        let (head, consumed) = read(&out[..len], 5).unwrap();
        let head = head.unwrap();
        let response = ResponseHead::parse(&head).unwrap();
        prop_assert_eq!(response.status(), status);
        prop_assert_eq!(response.field(&name), Some(value.as_bytes()));
        if status != 204 && status != 304 {
            prop_assert_eq!(&out[consumed..len], &body[..]);
        }
        let verdict = response.verify(&ClientRequest::new("a", "/"), [0; 16]);
        prop_assert_eq!(verdict.unwrap_err(), HandshakeError::Refused { status });
    }

    #[test]
    fn no_text_gets_out_of_its_field(name in "\\PC{0,12}", value in any::<String>()) {
        let head = with(&[]);
        let fields = [(name.as_str(), value.as_str())];
        let mut out = [0; 1_024];
        let acceptance = Acceptance { fields: &fields, ..Acceptance::default() };
        if let Ok(len) = accept(&upgrade(&head).unwrap(), &acceptance, &mut out) {
            let response = ResponseHead::parse(&out[..len]).unwrap();
            prop_assert_eq!(response.fields().count(), 4);
            prop_assert_eq!(response.field(&name), Some(value.as_bytes()));
        }
    }
}
