//! What RFC 6455 §4.2.1 asks of a request.

use core::{iter::FusedIterator, str};

use super::{
    ExtensionOffers, HandshakeError, RequestHead, SUBPROTOCOLS_MAX, extension,
    field::{FieldsNamed, Repeated},
    grammar, key,
};

/// A request that may be answered with [`super::accept`]: only the checks of [`RequestHead::upgrade`] make one.
#[derive(Clone, Copy, Debug)]
pub struct UpgradeRequest<'h> {
    head: RequestHead<'h>,
    key: &'h str,
    origin: Option<&'h [u8]>,
}

impl<'h> UpgradeRequest<'h> {
    /// `Sec-WebSocket-Key`: 24 characters, base64 of 16 bytes.
    #[must_use]
    pub const fn key(&self) -> &'h str {
        self.key
    }

    /// `Origin`, which each browser sends and which no script can change. Any byte from 0x80 on is possible.
    #[must_use]
    pub const fn origin(&self) -> Option<&'h [u8]> {
        self.origin
    }

    /// The subprotocols offered, best first: different tokens, at most [`SUBPROTOCOLS_MAX`].
    #[must_use]
    pub const fn subprotocols(&self) -> Subprotocols<'h> {
        Subprotocols { values: self.head.fields_named(PROTOCOL), elements: None }
    }

    /// The extensions offered, best first, in their checked grammar.
    #[must_use]
    pub const fn extensions(&self) -> ExtensionOffers<'h> {
        ExtensionOffers::of_fields(self.head.fields_named(EXTENSIONS))
    }

    /// The whole head.
    #[must_use]
    pub const fn head(&self) -> &RequestHead<'h> {
        &self.head
    }
}

pub(super) const PROTOCOL: &str = "sec-websocket-protocol";
pub(super) const EXTENSIONS: &str = "sec-websocket-extensions";

/// The checks, in the order of RFC 6455 §4.2.1.
pub(super) fn check<'h>(head: &RequestHead<'h>) -> Result<UpgradeRequest<'h>, HandshakeError> {
    // RFC 6455 §4.2.1: "An HTTP/1.1 or higher GET request"
    if head.method() != "GET" {
        return Err(HandshakeError::MethodNotGet);
    }
    if !head.is_http_1_1() {
        return Err(HandshakeError::HttpVersion);
    }
    if head.path() == "*" {
        return Err(HandshakeError::TargetInvalid);
    }
    // RFC 6455 §4.2.1: "An |Upgrade| header field containing the value "websocket", treated as an ASCII
    // case-insensitive value."
    once(head, "upgrade")?;
    if !head.fields().list_has("upgrade", "websocket") {
        return Err(HandshakeError::UpgradeMissing);
    }
    // RFC 6455 §4.2.1: "A |Connection| header field that includes the token "Upgrade", treated as an ASCII
    // case-insensitive value."
    if !head.fields().list_has("connection", "upgrade") {
        return Err(HandshakeError::ConnectionMissing);
    }
    // The bytes behind the head are frames. Whoever reads them as a body reads another conversation.
    if head.body_len() != Some(0) {
        return Err(HandshakeError::BodyOnUpgrade);
    }
    check_version(head)?;
    let key = check_key(head)?;
    let origin = once(head, "origin")?;
    check_subprotocols(head.fields_named(PROTOCOL))?;
    extension::check(head.fields_named(EXTENSIONS))?;
    Ok(UpgradeRequest { head: *head, key, origin })
}

fn once<'h>(head: &RequestHead<'h>, name: &str) -> Result<Option<&'h [u8]>, HandshakeError> {
    head.fields().once(name).map_err(|Repeated| HandshakeError::DuplicateField)
}

/// RFC 6455 §4.2.1: "A |Sec-WebSocket-Version| header field, with a value of 13."
fn check_version(head: &RequestHead<'_>) -> Result<(), HandshakeError> {
    // RFC 6455 §11.3.5: "The |Sec-WebSocket-Version| header field MUST NOT appear more than once in an HTTP request."
    match once(head, "sec-websocket-version")? {
        Some(b"13") => Ok(()),
        Some(_) => Err(HandshakeError::VersionUnsupported),
        None => Err(HandshakeError::VersionMissing),
    }
}

/// RFC 6455 §4.2.1: "A |Sec-WebSocket-Key| header field with a base64-encoded (see Section 4 of [RFC4648]) value that, when
/// decoded, is 16 bytes in length."
fn check_key<'h>(head: &RequestHead<'h>) -> Result<&'h str, HandshakeError> {
    // RFC 6455 §11.3.1: "The |Sec-WebSocket-Key| header field MUST NOT appear more than once in an HTTP request."
    let value = once(head, "sec-websocket-key")?.ok_or(HandshakeError::KeyMissing)?;
    if !key::is_key(value) {
        return Err(HandshakeError::KeyInvalid);
    }
    str::from_utf8(value).map_err(|_| HandshakeError::KeyInvalid)
}

/// RFC 6455 §4.1: "The elements that comprise this value MUST be non-empty strings with characters in the range U+0021
/// to U+007E not including separator characters […] and MUST all be unique strings."
fn check_subprotocols(values: FieldsNamed<'_, '_>) -> Result<(), HandshakeError> {
    let mut seen = [""; SUBPROTOCOLS_MAX];
    for (count, element) in values.flat_map(grammar::elements).enumerate() {
        let name = grammar::token(element).ok_or(HandshakeError::SubprotocolsInvalid)?;
        if seen.contains(&name) {
            return Err(HandshakeError::SubprotocolsInvalid);
        }
        let Some(slot) = seen.get_mut(count) else {
            return Err(HandshakeError::TooManySubprotocols { subprotocols_max: SUBPROTOCOLS_MAX });
        };
        *slot = name;
    }
    Ok(())
}

/// The subprotocols of a checked request, best first.
#[derive(Clone, Debug)]
pub struct Subprotocols<'h> {
    values: FieldsNamed<'h, 'static>,
    elements: Option<&'h [u8]>,
}

impl<'h> Iterator for Subprotocols<'h> {
    type Item = &'h str;

    fn next(&mut self) -> Option<&'h str> {
        let list = match self.elements.take() {
            Some(rest) => rest,
            None => self.values.next()?,
        };
        let len = list.iter().position(|&byte| byte == b',').unwrap_or(list.len());
        let (element, rest) = list.split_at_checked(len)?;
        self.elements = rest.get(1..);
        grammar::token(grammar::trim(element))
    }
}

impl FusedIterator for Subprotocols<'_> {}
