//! `POST /ticket`: a credential that fits into a URL, for clients that can set no header. Single use, short-lived, and of
//! the page that asked for it alone.

use portcullis_auth::{AuthError, Verify as _, credential};
use portcullis_proto::handshake::RequestHead;

use super::{
    Env,
    connection::Phase,
    opening::{self, Refused},
    outbound::Outbound,
};
use crate::shared::TICKET_LIFETIME;

/// Answers one request to the endpoint.
pub(super) fn answer(
    env: &mut Env,
    outbound: &mut Outbound,
    request: &RequestHead<'_>,
    secure: bool,
) -> Phase {
    let mut origins = request.fields_named("origin");
    let origin = origins.next();
    let host = request.field("host").unwrap_or(b"");
    let verdict = match origins.next() {
        Some(_) => Err(portcullis_auth::OriginError::Malformed),
        None => env.live.origins.check(origin, host, secure),
    };
    if let Err(error) = verdict {
        return opening::refuse(env, outbound, Refused::plain(403, error.code()));
    }
    // A page whose origin has passed is plain ASCII.
    let page = origin.and_then(|origin| core::str::from_utf8(origin).ok());
    match request.method() {
        "POST" => issue(env, outbound, request, page),
        "OPTIONS" => {
            let mut fields = page_fields(page);
            fields.extend([
                ("access-control-allow-methods", "POST"),
                ("access-control-allow-headers", "authorization"),
                ("access-control-max-age", "600"),
            ]);
            opening::write_response(env, outbound, 204, &fields, b"");
            env.linger()
        }
        _ => opening::refuse(env, outbound, Refused::plain(405, "method_not_allowed")),
    }
}

fn issue(env: &mut Env, outbound: &mut Outbound, request: &RequestHead<'_>, page: Option<&str>) -> Phase {
    let mut headers = request.fields_named("authorization");
    let credential = match (headers.next(), headers.next()) {
        (Some(value), None) => credential::from_authorization(value),
        (None, _) => Err(AuthError::Missing),
        (Some(_), Some(_)) => Err(AuthError::Malformed),
    };
    let Some(judge) = env.judge.clone() else {
        return opening::refuse(env, outbound, Refused::plain(404, "not_found"));
    };
    let verified = match credential.and_then(|token| judge.verify(env.unix, token)) {
        Ok(verified) => verified,
        Err(error) => {
            env.metrics.auth_failed(error.code());
            let refused = Refused { authenticate: true, ..Refused::plain(401, error.reason()) };
            return opening::refuse(env, outbound, refused);
        }
    };
    match env.shared.issue_ticket(verified, page.map(str::as_bytes)) {
        Ok(ticket) => {
            let (ticket, lifetime) = (ticket.as_str(), TICKET_LIFETIME.as_millis());
            let body = format!("{{\"ticket\":\"{ticket}\",\"expires_in_ms\":{lifetime}}}");
            let mut fields = page_fields(page);
            fields.extend([("content-type", "application/json"), ("cache-control", "no-store")]);
            opening::write_response(env, outbound, 200, &fields, body.as_bytes());
            env.linger()
        }
        Err(error) => opening::refuse(env, outbound, Refused::plain(503, error.code())),
    }
}

/// Lets the page that asked read the answer; no other page gets it from a cache.
fn page_fields(page: Option<&str>) -> Vec<(&'static str, &str)> {
    let mut fields = vec![("vary", "origin")];
    fields.extend(page.map(|page| ("access-control-allow-origin", page)));
    fields
}
