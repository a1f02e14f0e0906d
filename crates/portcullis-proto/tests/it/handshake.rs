//! The opening handshake, by section of RFC 6455 and by known flaw of others.

mod abuse;
mod extensions;
mod head;
mod laws;
mod request;
mod respond;
mod response;
mod upgrade;

use portcullis_proto::handshake::{HandshakeError, RequestHead, UpgradeRequest};

/// The request of RFC 6455 §1.3, without its optional fields.
const REQUIRED: [(&str, &str); 5] = [
    ("Host", "server.example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
];

/// A head of this first line and these fields, whose values may hold any bytes.
fn head_of<'f>(first: &str, fields: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Vec<u8> {
    let mut head = first.as_bytes().to_vec();
    head.extend_from_slice(b"\r\n");
    for (name, value) in fields {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The required request with further fields.
fn with(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let required = REQUIRED.iter().map(|(name, value)| (*name, value.as_bytes()));
    head_of("GET /chat HTTP/1.1", required.chain(fields.iter().copied()))
}

/// The required request with one field's value replaced, or with the field left out.
fn altered(name: &str, value: Option<&str>) -> Vec<u8> {
    let fields = REQUIRED.iter().filter_map(|&(known, usual)| match value {
        _ if known != name => Some((known, usual.as_bytes())),
        Some(value) => Some((known, value.as_bytes())),
        None => None,
    });
    head_of("GET /chat HTTP/1.1", fields)
}

/// Parses and checks.
fn upgrade(head: &[u8]) -> Result<UpgradeRequest<'_>, HandshakeError> {
    RequestHead::parse(head)?.upgrade()
}
