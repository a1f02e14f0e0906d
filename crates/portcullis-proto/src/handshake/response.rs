//! A server's answer, as a client reads it.

use core::str;

use super::{
    ClientRequest, ExtensionOffers, FIELDS_MAX, HandshakeError, extension,
    field::{Fields, FieldsNamed, Repeated},
    key, request,
    upgrade::{EXTENSIONS, PROTOCOL},
};

/// A parsed HTTP/1 response head. It borrows the head's bytes.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'h> {
    status: u16,
    is_http_1_1: bool,
    field_lines: &'h [u8],
}

/// What the server agreed to: only the checks of [`ResponseHead::verify`] make one.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'h> {
    head: ResponseHead<'h>,
    subprotocol: Option<&'h str>,
}

impl<'h> Accepted<'h> {
    /// The subprotocol to speak, one of those offered; `None` when the server chose none.
    #[must_use]
    pub const fn subprotocol(&self) -> Option<&'h str> {
        self.subprotocol
    }

    /// The extensions to use, each by name one of those offered. Their parameters are for the extension to check.
    #[must_use]
    pub const fn extensions(&self) -> ExtensionOffers<'h> {
        ExtensionOffers::of_fields(self.head.fields_named(EXTENSIONS))
    }

    /// The whole head.
    #[must_use]
    pub const fn head(&self) -> &ResponseHead<'h> {
        &self.head
    }
}

impl<'h> ResponseHead<'h> {
    /// Parses a complete head, its last empty line included and nothing behind it. Linear.
    ///
    /// # Errors
    /// It is no head, or it is over a limit.
    pub fn parse(head: &'h [u8]) -> Result<Self, HandshakeError> {
        let field_lines = request::field_lines(head)?;
        let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut slots);
        request::check(response.parse(head), head)?;
        let (Some(status), Some(version)) = (response.code, response.version) else {
            return Err(HandshakeError::Malformed);
        };
        Ok(Self { status, is_http_1_1: version == 1, field_lines })
    }

    /// The status, such as 101.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// All fields, in their order.
    #[must_use]
    pub const fn fields(&self) -> Fields<'h> {
        Fields::new(self.field_lines)
    }

    /// The value of the first field of that name, which is compared without case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'h [u8]> {
        self.fields_named(name).next()
    }

    /// The values of all fields of that name.
    #[must_use]
    pub const fn fields_named<'n>(&self, name: &'n str) -> FieldsNamed<'h, 'n> {
        self.fields().named(name)
    }

    /// Checks everything that RFC 6455 §4.1 asks of the answer to `request`, which was sent with `nonce`.
    ///
    /// # Errors
    /// The server refused ([`HandshakeError::Refused`]), or its answer is not to be trusted: fail the connection.
    pub fn verify(
        &self,
        request: &ClientRequest<'_>,
        nonce: [u8; 16],
    ) -> Result<Accepted<'h>, HandshakeError> {
        // RFC 6455 §4.1: "If the status code received from the server is not 101, the client handles the response per
        // HTTP [RFC2616] procedures."
        if self.status != 101 {
            return Err(HandshakeError::Refused { status: self.status });
        }
        if !self.is_http_1_1 {
            return Err(HandshakeError::HttpVersion);
        }
        self.verify_upgrade()?;
        self.verify_accept(nonce)?;
        let subprotocol = self.verify_subprotocol(request)?;
        self.verify_extensions(request)?;
        Ok(Accepted { head: *self, subprotocol })
    }

    fn verify_upgrade(&self) -> Result<(), HandshakeError> {
        // RFC 6455 §4.1: "If the response lacks an |Upgrade| header field or the |Upgrade| header field contains a value
        // that is not an ASCII case-insensitive match for the value "websocket", the client MUST _Fail the WebSocket
        // Connection_."
        if !self.once("upgrade")?.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
            return Err(HandshakeError::UpgradeMissing);
        }
        // RFC 6455 §4.1: "If the response lacks a |Connection| header field or the |Connection| header field doesn't
        // contain a token that is an ASCII case-insensitive match for the value "Upgrade", the client MUST _Fail the
        // WebSocket Connection_."
        if !self.fields().list_has("connection", "upgrade") {
            return Err(HandshakeError::ConnectionMissing);
        }
        Ok(())
    }

    /// RFC 6455 §4.1: "If the response lacks a |Sec-WebSocket-Accept| header field or the |Sec-WebSocket-Accept|
    /// contains a value other than the base64-encoded SHA-1 of the concatenation of the |Sec-WebSocket-Key| […] but
    /// ignoring any leading and trailing whitespace, the client MUST _Fail the WebSocket Connection_."
    fn verify_accept(&self, nonce: [u8; 16]) -> Result<(), HandshakeError> {
        let value = self.once("sec-websocket-accept")?.ok_or(HandshakeError::AcceptMissing)?;
        if value == key::accept(&key::encode(nonce)) { Ok(()) } else { Err(HandshakeError::AcceptMismatch) }
    }

    /// RFC 6455 §4.1: "If the response includes a |Sec-WebSocket-Protocol| header field and this header field indicates
    /// the use of a subprotocol that was not present in the client's handshake […], the client MUST _Fail the WebSocket
    /// Connection_."
    fn verify_subprotocol(&self, request: &ClientRequest<'_>) -> Result<Option<&'h str>, HandshakeError> {
        // RFC 6455 §11.3.4: "the |Sec-WebSocket-Protocol| header field MUST NOT appear more than once in an HTTP
        // response."
        let Some(value) = self.once(PROTOCOL)? else { return Ok(None) };
        let chosen = str::from_utf8(value).ok().filter(|chosen| request.subprotocols.contains(chosen));
        chosen.map(Some).ok_or(HandshakeError::SubprotocolNotOffered)
    }

    /// RFC 6455 §4.1: "If the response includes a |Sec-WebSocket-Extensions| header field and this header field
    /// indicates the use of an extension that was not present in the client's handshake […], the client MUST _Fail the
    /// WebSocket Connection_."
    fn verify_extensions(&self, request: &ClientRequest<'_>) -> Result<(), HandshakeError> {
        // RFC 6455 §11.3.2: "the |Sec-WebSocket-Extensions| header field MUST NOT appear more than once in an HTTP
        // response."
        self.once(EXTENSIONS)?;
        extension::check(self.fields_named(EXTENSIONS))?;
        let offers = request.extensions.unwrap_or("").as_bytes();
        let is_offered = |name| ExtensionOffers::of_value(offers).any(|offer| offer.name() == name);
        let mut chosen = ExtensionOffers::of_fields(self.fields_named(EXTENSIONS));
        if chosen.all(|extension| is_offered(extension.name())) {
            Ok(())
        } else {
            Err(HandshakeError::ExtensionNotOffered)
        }
    }

    fn once(&self, name: &str) -> Result<Option<&'h [u8]>, HandshakeError> {
        self.fields().once(name).map_err(|Repeated| HandshakeError::DuplicateField)
    }
}
