//! A request's head, of an upgrade or of anything else.

use super::{
    FIELDS_MAX, HEAD_LEN_MAX, HandshakeError, UpgradeRequest,
    field::{Fields, FieldsNamed, Repeated},
    grammar,
    reader::Scan,
    upgrade,
};

/// A parsed and checked HTTP/1 request head. It borrows the head's bytes and is small.
///
/// The same checks hold for each request, upgrade or not, so that no path of a server skips them: line ends, field
/// grammar, one `Host` (with HTTP/1.1) that is a host, a body length that can be read in one way only.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'h> {
    method: &'h str,
    path: &'h str,
    query: Option<&'h str>,
    host: Option<&'h str>,
    body_len: Option<u64>,
    is_http_1_1: bool,
    field_lines: &'h [u8],
}

impl<'h> RequestHead<'h> {
    /// Parses a complete head, its last empty line included and nothing behind it. Linear.
    ///
    /// # Errors
    /// It is no head, it is over a limit, or it fails a check that each request must pass.
    pub fn parse(head: &'h [u8]) -> Result<Self, HandshakeError> {
        let field_lines = field_lines(head)?;
        let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut slots);
        check(request.parse(head), head)?;
        let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version)
        else {
            return Err(HandshakeError::Malformed);
        };
        let is_http_1_1 = version == 1;
        let host = parse_host(&Fields::new(field_lines), is_http_1_1)?;
        let (path, query) = parse_target(target, host)?;
        let body_len = body_len(&Fields::new(field_lines))?;
        Ok(Self { method, path, query, host, body_len, is_http_1_1, field_lines })
    }

    /// The method, as it came; methods are compared with case.
    #[must_use]
    pub const fn method(&self) -> &'h str {
        self.method
    }

    /// The path, which begins with `/` (or is `*`); percent signs are not decoded.
    #[must_use]
    pub const fn path(&self) -> &'h str {
        self.path
    }

    /// What stands behind the first `?`.
    #[must_use]
    pub const fn query(&self) -> Option<&'h str> {
        self.query
    }

    /// `Host`: a host, perhaps with a port. `None` is possible with HTTP/1.0 only.
    #[must_use]
    pub const fn host(&self) -> Option<&'h str> {
        self.host
    }

    /// Whether the request is of HTTP/1.1, not 1.0.
    #[must_use]
    pub const fn is_http_1_1(&self) -> bool {
        self.is_http_1_1
    }

    /// The body's length in bytes, 0 without one; `None` when it comes in chunks.
    #[must_use]
    pub const fn body_len(&self) -> Option<u64> {
        self.body_len
    }

    /// All fields, in their order.
    #[must_use]
    pub const fn fields(&self) -> Fields<'h> {
        Fields::new(self.field_lines)
    }

    /// The value of the first field of that name, which is compared without case. It can hold any byte from 0x80 on.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'h [u8]> {
        self.fields_named(name).next()
    }

    /// The values of all fields of that name.
    #[must_use]
    pub const fn fields_named<'n>(&self, name: &'n str) -> FieldsNamed<'h, 'n> {
        self.fields().named(name)
    }

    /// Checks everything that RFC 6455 §4.2.1 asks of an upgrade. Linear.
    ///
    /// # Errors
    /// The first thing that is missing or wrong; [`HandshakeError::status`] says how to refuse.
    pub fn upgrade(&self) -> Result<UpgradeRequest<'h>, HandshakeError> {
        upgrade::check(self)
    }
}

/// The field lines of a complete head: what stands between its first line and its last.
pub(super) fn field_lines(head: &[u8]) -> Result<&[u8], HandshakeError> {
    let end = Scan::default().run(head, HEAD_LEN_MAX)?;
    if end != Some(head.len()) {
        return Err(HandshakeError::Malformed);
    }
    let mut rest = head;
    while let [b'\r', b'\n', tail @ ..] = rest {
        rest = tail;
    }
    let first = rest.iter().position(|&byte| byte == b'\n').ok_or(HandshakeError::Malformed)?;
    let lines = rest.get(first + 1..).and_then(|lines| lines.strip_suffix(b"\r\n"));
    lines.ok_or(HandshakeError::Malformed)
}

/// Whether the parser agrees that all of `head` is a head.
pub(super) fn check(parsed: httparse::Result<usize>, head: &[u8]) -> Result<(), HandshakeError> {
    match parsed {
        Ok(httparse::Status::Complete(len)) if len == head.len() => Ok(()),
        Err(httparse::Error::TooManyHeaders) => Err(HandshakeError::TooManyFields { fields_max: FIELDS_MAX }),
        Ok(_) | Err(_) => Err(HandshakeError::Malformed),
    }
}

/// RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that
/// lacks a Host header field and to any request message that contains more than one Host header field line or a Host
/// header field with an invalid field value."
fn parse_host<'h>(fields: &Fields<'h>, is_http_1_1: bool) -> Result<Option<&'h str>, HandshakeError> {
    match fields.clone().once("host") {
        Ok(Some(value)) => grammar::host(value).map(Some).ok_or(HandshakeError::HostInvalid),
        Ok(None) if !is_http_1_1 => Ok(None),
        Ok(None) | Err(Repeated) => Err(HandshakeError::HostInvalid),
    }
}

/// Path and query of a target in origin form or absolute form. RFC 9112 §3.2
fn parse_target<'h>(
    target: &'h str,
    host: Option<&str>,
) -> Result<(&'h str, Option<&'h str>), HandshakeError> {
    if !grammar::is_target(target.as_bytes()) {
        return Err(HandshakeError::TargetInvalid);
    }
    if target == "*" {
        return Ok((target, None));
    }
    let local = if target.starts_with('/') { target } else { strip_authority(target, host)? };
    let (path, query) = local.split_once('?').map_or((local, None), |(path, query)| (path, Some(query)));
    Ok((if path.is_empty() { "/" } else { path }, query))
}

/// What follows scheme and authority in an absolute target.
fn strip_authority<'h>(target: &'h str, host: Option<&str>) -> Result<&'h str, HandshakeError> {
    let (scheme, rest) = target.split_once("://").ok_or(HandshakeError::TargetInvalid)?;
    if !["http", "https", "ws", "wss"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return Err(HandshakeError::TargetInvalid);
    }
    let len = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, local) = rest.split_at_checked(len).ok_or(HandshakeError::TargetInvalid)?;
    // RFC 9112 §3.2: "If the target URI includes an authority component, then a client MUST send a field value for Host
    // that is identical to that authority component"
    if !host.is_some_and(|host| host.eq_ignore_ascii_case(authority)) {
        return Err(HandshakeError::HostMismatch);
    }
    Ok(local)
}

/// The body's length; an error where two readers could disagree. RFC 9112 §6.3
fn body_len(fields: &Fields<'_>) -> Result<Option<u64>, HandshakeError> {
    let length =
        fields.clone().once("content-length").map_err(|Repeated| HandshakeError::BodyLengthInvalid)?;
    let coding =
        fields.clone().once("transfer-encoding").map_err(|Repeated| HandshakeError::BodyLengthInvalid)?;
    match (length, coding) {
        (None, None) => Ok(Some(0)),
        (Some(digits), None) => parse_length(digits).map(Some).ok_or(HandshakeError::BodyLengthInvalid),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(None),
        (_, Some(_)) => Err(HandshakeError::BodyLengthInvalid),
    }
}

/// Digits and nothing else: no sign, no list.
fn parse_length(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}
