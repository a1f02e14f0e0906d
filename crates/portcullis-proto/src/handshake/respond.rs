//! A server's answer.

use super::{EmitError, ExtensionOffers, UpgradeRequest, emit::Writer, extension, key};

/// What a server answers an upgrade with, beside what RFC 6455 fixes. The default is nothing.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the caller at each handshake")]
pub struct Acceptance<'a> {
    /// The one subprotocol to speak, of those offered.
    pub subprotocol: Option<&'a str>,
    /// The value of `Sec-WebSocket-Extensions`: extensions of those offered, with their agreed parameters.
    pub extensions: Option<&'a str>,
    /// Further fields, name and value.
    pub fields: &'a [(&'a str, &'a str)],
}

/// What [`accept`] writes itself, or what would give its response a body.
const RESERVED: [&str; 8] = [
    "upgrade",
    "connection",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "content-length",
    "transfer-encoding",
];

/// Writes the 101 response that completes the opening handshake; returns its length. RFC 6455 §4.2.2
///
/// # Errors
/// `out` is too small, the subprotocol or an extension was not offered, or a field cannot be sent.
pub fn accept(
    request: &UpgradeRequest<'_>,
    acceptance: &Acceptance<'_>,
    out: &mut [u8],
) -> Result<usize, EmitError> {
    let mut writer = Writer::new(out);
    writer.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    writer.raw(b"Sec-WebSocket-Accept: ");
    writer.raw(&key::accept(request.key().as_bytes()));
    writer.raw(b"\r\n");
    if let Some(chosen) = acceptance.subprotocol {
        // RFC 6455 §4.2.2: "The value chosen MUST be derived from the client's handshake"
        if !request.subprotocols().any(|offer| offer == chosen) {
            return Err(EmitError::Subprotocol);
        }
        writer.field("Sec-WebSocket-Protocol", chosen)?;
    }
    if let Some(value) = acceptance.extensions {
        check_extensions(value)?;
        // RFC 6455 §4.2.2: "Extensions not listed by the client MUST NOT be listed."
        let is_offered = |name| request.extensions().any(|offer| offer.name() == name);
        if !ExtensionOffers::of_value(value.as_bytes()).all(|chosen| is_offered(chosen.name())) {
            return Err(EmitError::Extension);
        }
        writer.field("Sec-WebSocket-Extensions", value)?;
    }
    writer.fields(acceptance.fields, &RESERVED)?;
    writer.raw(b"\r\n");
    writer.finish()
}

/// Whether a value of ours follows the grammar.
pub(super) fn check_extensions(value: &str) -> Result<(), EmitError> {
    extension::check_value(value.as_bytes(), &mut 0).map_err(|_| EmitError::Extension)
}

/// Writes any plain response with its body, behind which the connection is to be closed; returns its length.
///
/// `Content-Length` and `Connection: close` are written here; `fields` say the rest, such as the content type.
///
/// # Errors
/// `out` is too small, `status` is not 200 to 599, or a field cannot be sent.
///
/// ```
/// use portcullis_proto::handshake::refuse;
///
/// let mut out = [0; 256];
/// let len = refuse(404, &[("content-type", "text/plain")], b"no such page\n", &mut out)?;
/// assert!(out[..len].starts_with(b"HTTP/1.1 404 Not Found\r\n"));
/// # Ok::<(), portcullis_proto::handshake::EmitError>(())
/// ```
pub fn refuse(status: u16, fields: &[(&str, &str)], body: &[u8], out: &mut [u8]) -> Result<usize, EmitError> {
    if !(200..=599).contains(&status) {
        return Err(EmitError::Status);
    }
    let mut writer = Writer::new(out);
    writer.raw(b"HTTP/1.1 ");
    writer.number(usize::from(status));
    writer.raw(b" ");
    writer.raw(reason(status).as_bytes());
    // RFC 9110 §7.8: "A sender of Upgrade MUST also send an "Upgrade" connection option in the Connection header field"
    let names_upgrade = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
    writer.raw(if names_upgrade { b"\r\nConnection: close, Upgrade" } else { b"\r\nConnection: close" });
    writer.raw(b"\r\n");
    // RFC 9110 §8.6: "A server MUST NOT send a Content-Length header field in any response with a status code of […] 204"
    if status != 204 {
        writer.raw(b"Content-Length: ");
        writer.number(body.len());
        writer.raw(b"\r\n");
    }
    writer.fields(fields, &["connection", "content-length", "transfer-encoding"])?;
    writer.raw(b"\r\n");
    if status != 204 && status != 304 {
        writer.raw(body);
    }
    writer.finish()
}

/// The phrase that goes with a status; it has no meaning beyond the number.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Response",
    }
}
