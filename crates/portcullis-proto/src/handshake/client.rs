//! A client's request.

use super::{EmitError, SUBPROTOCOLS_MAX, emit::Writer, grammar, key, respond::check_extensions};

/// What a client asks for. Kept until the answer is there, because the answer is checked against it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the caller; `new` gives the rest its defaults")]
pub struct ClientRequest<'a> {
    /// The server's host, with its port when that is not the scheme's own.
    pub host: &'a str,
    /// Path and query, beginning with `/`.
    pub path: &'a str,
    /// `Origin`, which browsers send and others rarely need.
    pub origin: Option<&'a str>,
    /// Subprotocols to offer, best first.
    pub subprotocols: &'a [&'a str],
    /// The value of `Sec-WebSocket-Extensions`: extensions to offer, best first.
    pub extensions: Option<&'a str>,
    /// Further fields, name and value, such as `Authorization`.
    pub fields: &'a [(&'a str, &'a str)],
}

/// What [`ClientRequest::emit`] writes itself, or what would give its request a body.
const RESERVED: [&str; 10] = [
    "host",
    "upgrade",
    "connection",
    "origin",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "content-length",
    "transfer-encoding",
];

impl<'a> ClientRequest<'a> {
    /// A request with nothing more than it needs.
    #[must_use]
    pub const fn new(host: &'a str, path: &'a str) -> Self {
        Self { host, path, origin: None, subprotocols: &[], extensions: None, fields: &[] }
    }

    /// Writes the request; returns its length. RFC 6455 §4.1
    ///
    /// `nonce` are 16 bytes from a cryptographic generator, fresh for each connection.
    ///
    /// # Errors
    /// `out` is too small, or a part of the request cannot be sent: a host that is none, a path with a space, a field
    /// with a line end, a subprotocol that is no token.
    pub fn emit(&self, nonce: [u8; 16], out: &mut [u8]) -> Result<usize, EmitError> {
        self.check()?;
        let mut writer = Writer::new(out);
        writer.raw(b"GET ");
        writer.raw(self.path.as_bytes());
        writer.raw(b" HTTP/1.1\r\nHost: ");
        writer.raw(self.host.as_bytes());
        writer.raw(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
        writer.raw(&key::encode(nonce));
        writer.raw(b"\r\nSec-WebSocket-Version: 13\r\n");
        if let Some(origin) = self.origin {
            writer.field("Origin", origin)?;
        }
        if !self.subprotocols.is_empty() {
            writer.raw(b"Sec-WebSocket-Protocol: ");
            for (index, name) in self.subprotocols.iter().enumerate() {
                writer.raw(if index == 0 { b"" } else { b", " });
                writer.raw(name.as_bytes());
            }
            writer.raw(b"\r\n");
        }
        if let Some(extensions) = self.extensions {
            writer.field("Sec-WebSocket-Extensions", extensions)?;
        }
        writer.fields(self.fields, &RESERVED)?;
        writer.raw(b"\r\n");
        writer.finish()
    }

    fn check(&self) -> Result<(), EmitError> {
        if grammar::host(self.host.as_bytes()).is_none() {
            return Err(EmitError::Host);
        }
        if !self.path.starts_with('/') || !grammar::is_target(self.path.as_bytes()) {
            return Err(EmitError::Path);
        }
        if self.subprotocols.len() > SUBPROTOCOLS_MAX {
            return Err(EmitError::Subprotocol);
        }
        // RFC 6455 §4.1: "and MUST all be unique strings"
        for (index, name) in self.subprotocols.iter().enumerate() {
            let is_repeated = self.subprotocols.iter().skip(index + 1).any(|other| other == name);
            if is_repeated || !grammar::is_token(name.as_bytes()) {
                return Err(EmitError::Subprotocol);
            }
        }
        self.extensions.map_or(Ok(()), check_extensions)
    }
}
