//! The decision on an opening handshake: path, Origin, subprotocol, credential.
//!
//! It runs on a parsed request and answers with what to do; it writes nothing. A bad credential in the
//! `Authorization` header is refused with a status, because such a client can read it. One that came as a
//! subprotocol or a ticket is let through the upgrade and closed with 4401, because a browser page can read close
//! codes but no status.

use portcullis_auth::{AuthError, OriginError, OriginPolicy, Verified, Verify, credential};
use portcullis_proto::handshake::{HandshakeError, RequestHead, UpgradeRequest};
use portcullis_time::UnixTime;

/// The one subprotocol that the gate speaks.
pub const SUBPROTOCOL: &str = "portcullis.v1";

/// The one way from a ticket to the credential that it was given for.
pub trait Redeem {
    /// Takes a ticket, which is then used up, from a page of `origin`.
    ///
    /// # Errors
    /// It is not known, used up, too old, of another page, or its credential is not good any more.
    fn redeem(&self, now: UnixTime, ticket: &[u8], origin: Option<&[u8]>) -> Result<Verified, AuthError>;
}

/// What an endpoint admits.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the driver at each handshake")]
#[expect(missing_debug_implementations, reason = "a verifier holds keys")]
pub struct Endpoint<'e> {
    /// The path of the endpoint, without a query.
    pub path: &'e str,
    /// Which pages may connect.
    pub origins: &'e OriginPolicy,
    /// The one verifier of all credentials; `None` admits without any.
    pub verifier: Option<&'e dyn Verify>,
    /// Who takes tickets (`?ticket=`); `None` refuses all of them.
    pub tickets: Option<&'e dyn Redeem>,
    /// The credential of the client certificate, where TLS has verified one, or why it is none. Whatever is presented
    /// beside it counts in its place.
    pub certificate: Option<Result<&'e Verified, AuthError>>,
    /// The cookie that may carry a credential. It counts only where `origins` names the pages that may connect, and
    /// only for one of them: a browser sends cookies for any page that asks.
    pub cookie: Option<&'e str>,
    /// Whether clients reach this listener over TLS.
    pub secure: bool,
}

/// The credential that came with an upgrade.
#[derive(Debug)]
#[non_exhaustive]
pub enum Credential {
    /// None is needed here.
    NotNeeded,
    /// None came: the first message must be `auth`.
    Absent,
    /// A good one.
    Verified(Verified),
    /// A bad one where the refusal must wait until after the upgrade, so that a page can read it.
    Rejected(AuthError),
}

/// An upgrade that is let through.
#[derive(Debug)]
#[non_exhaustive]
pub struct Admitted<'r> {
    /// The checked request, for [`portcullis_proto::handshake::accept`].
    pub request: UpgradeRequest<'r>,
    /// The subprotocol to echo, if the client offered it.
    pub subprotocol: Option<&'static str>,
    /// What it came with.
    pub credential: Credential,
    /// Whether the client announced (`?resume=1`) that its first message will resume a session.
    pub resume: bool,
}

impl<'r> Admitted<'r> {
    /// An upgrade of an endpoint that asks for no credential and speaks no subprotocol.
    #[must_use]
    pub const fn open(request: UpgradeRequest<'r>) -> Self {
        Self { request, subprotocol: None, credential: Credential::NotNeeded, resume: false }
    }
}

/// Why an upgrade is refused with a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdmissionError {
    /// No endpoint at this path.
    NotFound,
    /// RFC 6455 §4.2.1 is not met.
    Handshake(HandshakeError),
    /// The page may not connect.
    Origin(OriginError),
    /// The `Authorization` header holds no good credential.
    Unauthorized(AuthError),
    /// More than one credential came; which one counts is not for the server to guess.
    AmbiguousCredential,
}

impl AdmissionError {
    /// The HTTP status to refuse with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Handshake(error) => error.status(),
            Self::Origin(_) => 403,
            Self::Unauthorized(_) => 401,
            Self::AmbiguousCredential => 400,
        }
    }

    /// The stable code, for the body, the log line and the metric.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Handshake(error) => error.code(),
            Self::Origin(error) => error.code(),
            Self::Unauthorized(error) => error.reason(),
            Self::AmbiguousCredential => "ambiguous_credential",
        }
    }
}

impl core::fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for AdmissionError {}

/// Decides on one request. The cheapest checks come first; a signature is verified last.
///
/// # Errors
/// The request is refused with [`AdmissionError::status`].
pub fn admit<'r>(
    endpoint: &Endpoint<'_>,
    head: &RequestHead<'r>,
    unix: UnixTime,
) -> Result<Admitted<'r>, AdmissionError> {
    if head.path() != endpoint.path {
        return Err(AdmissionError::NotFound);
    }
    let request = head.upgrade().map_err(AdmissionError::Handshake)?;
    check_origin(endpoint, head)?;
    let subprotocol = request.subprotocols().any(|offer| offer == SUBPROTOCOL).then_some(SUBPROTOCOL);
    let resume = query_value(head.query(), "resume") == Some("1");
    let credential = find_credential(endpoint, head, &request, unix)?;
    Ok(Admitted { request, subprotocol, credential, resume })
}

/// One `Origin` at most, and one that the policy knows. RFC 6455 §10.2
fn check_origin(endpoint: &Endpoint<'_>, head: &RequestHead<'_>) -> Result<(), AdmissionError> {
    let mut origins = head.fields_named("origin");
    let origin = origins.next();
    if origins.next().is_some() {
        return Err(AdmissionError::Origin(OriginError::Malformed));
    }
    let host = head.field("host").unwrap_or(b"");
    endpoint.origins.check(origin, host, endpoint.secure).map_err(AdmissionError::Origin)
}

/// The one credential of the request, judged by the one verifier.
fn find_credential(
    endpoint: &Endpoint<'_>,
    head: &RequestHead<'_>,
    request: &UpgradeRequest<'_>,
    unix: UnixTime,
) -> Result<Credential, AdmissionError> {
    let Some(verifier) = endpoint.verifier else { return Ok(Credential::NotNeeded) };
    let mut headers = head.fields_named("authorization");
    let header = headers.next();
    let offer = credential::from_subprotocols(request.subprotocols());
    let ticket = query_value(head.query(), "ticket");
    let several_headers = headers.next().is_some();
    let ways = usize::from(header.is_some()) + usize::from(offer.is_some()) + usize::from(ticket.is_some());
    if several_headers || ways > 1 {
        return Err(AdmissionError::AmbiguousCredential);
    }
    if let Some(value) = header {
        return credential::from_authorization(value)
            .and_then(|token| verifier.verify(unix, token))
            .map(Credential::Verified)
            .map_err(AdmissionError::Unauthorized);
    }
    if let Some(offer) = offer {
        let verdict = offer.and_then(|token| verifier.verify(unix, token.as_bytes()));
        return Ok(verdict.map_or_else(Credential::Rejected, Credential::Verified));
    }
    if let Some(ticket) = ticket {
        let origin = head.field("origin");
        let tickets = endpoint.tickets.ok_or(AuthError::Ticket);
        let verdict = tickets.and_then(|tickets| tickets.redeem(unix, ticket.as_bytes(), origin));
        return Ok(verdict.map_or_else(Credential::Rejected, Credential::Verified));
    }
    if let Some(certificate) = endpoint.certificate {
        return Ok(certificate.cloned().map_or_else(Credential::Rejected, Credential::Verified));
    }
    Ok(match find_cookie(endpoint, head) {
        None => Credential::Absent,
        Some(token) => token
            .and_then(|token| verifier.verify(unix, token))
            .map_or_else(Credential::Rejected, Credential::Verified),
    })
}

/// The credential in the cookie, for a page that the allow-list names. It is the last way that counts, since a browser
/// sends cookies by itself.
fn find_cookie<'h>(endpoint: &Endpoint<'_>, head: &RequestHead<'h>) -> Option<Result<&'h [u8], AuthError>> {
    let name = endpoint.cookie?;
    // The Origin has been checked; without one there is no page to trust.
    if !endpoint.origins.is_allow_list() || head.field("origin").is_none() {
        return None;
    }
    let mut found = head.fields_named("cookie").filter_map(|value| credential::from_cookie(value, name));
    let first = found.next()?;
    Some(if found.next().is_some() { Err(AuthError::Malformed) } else { first })
}

/// The value of `name` in a query, undecoded; `None` when it is absent.
fn query_value<'q>(query: Option<&'q str>, name: &str) -> Option<&'q str> {
    query?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
