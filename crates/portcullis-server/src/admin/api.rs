//! `/api/`: publish, revoke, disconnect, list. Behind a key, and off without one.

use core::{fmt::Write as _, time::Duration};
use std::{
    borrow::Cow,
    io,
    sync::{Mutex, PoisonError},
};

use mio::{Events, Poll, Token, Waker};
use portcullis_auth::Revocation;
use portcullis_gate::wire;
use portcullis_proto::{CloseCode, handshake::RequestHead};
use portcullis_session::{Command, Completion, ConnectionId, NodeId, Position, Refusal, SessionId, Target};
use portcullis_time::UnixTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use subtle::ConstantTimeEq as _;

use super::{Answer, Operator};
use crate::{
    clock,
    hub::Hub,
    orders::{Order, Whom},
};

/// How long every worker may take to do what it is told, and the backend to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Sessions in one answer.
const SESSIONS_MAX: usize = 1_000;

/// Where the backend's answers to the operator come in: a node without connections.
pub(crate) struct Desk {
    node: NodeId,
    poll: Mutex<Poll>,
}

impl Desk {
    /// For the node `node`; the waker is for its mailbox.
    pub(crate) fn new(node: NodeId) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Token(0))?;
        Ok((Self { node, poll: Mutex::new(poll) }, waker))
    }

    /// Publishes, and waits for the answer.
    fn publish(&self, hub: &Hub, target: Target<'_>, data: &[u8]) -> Result<Position, Refusal> {
        // One at a time, so that the next answer is this one's.
        let mut poll = self.poll.lock().unwrap_or_else(PoisonError::into_inner);
        while hub.take(self.node).is_some() {}
        let connection = ConnectionId::new(0);
        let deadline = clock::now() + PATIENCE;
        hub.submit(clock::now(), self.node, Command::Announce { connection, target, data });
        let mut events = Events::with_capacity(1);
        loop {
            match hub.take(self.node) {
                Some(Completion::Published { position: Some(position), .. }) => return Ok(position),
                Some(Completion::Refused { reason, .. }) => return Err(reason),
                Some(_) => continue,
                None => {}
            }
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() || poll.poll(&mut events, Some(left)).is_err() {
                return Err(Refusal::Unavailable);
            }
        }
    }
}

pub(super) fn answer(request: &RequestHead<'_>, body: &[u8], operator: &Operator) -> Answer {
    let live = operator.shared.live();
    let Some(key) = &live.api_key else { return Answer::error(404, "api_disabled") };
    let offered = request.field("authorization").unwrap_or_default();
    let offered = portcullis_auth::credential::from_authorization(offered).unwrap_or_default();
    if request.fields_named("authorization").count() != 1
        || !bool::from(offered.ct_eq(key.reveal().as_bytes()))
    {
        tracing::warn!(path = request.path(), "the operator's key is wrong");
        return Answer::error(401, "unauthorized");
    }
    match (request.method(), request.path()) {
        ("GET", "/api/sessions") => sessions(request.query(), operator),
        ("POST", "/api/publish") => parsed(body, |order| publish(&order, operator)),
        ("POST", "/api/revoke") => parsed(body, |order| revoke(&order, operator)),
        ("POST", "/api/disconnect") => parsed(body, |order| disconnect(&order, operator)),
        (_, "/api/sessions" | "/api/publish" | "/api/revoke" | "/api/disconnect") => {
            Answer::error(405, "method_not_allowed")
        }
        _ => Answer::error(404, "not_found"),
    }
}

/// Reads the body and does what it says.
fn parsed<'b, T: Deserialize<'b>>(body: &'b [u8], act: impl FnOnce(T) -> Answer) -> Answer {
    match serde_json::from_slice(body) {
        Ok(order) => act(order),
        Err(error) => {
            tracing::info!(%error, "an operator's request cannot be read");
            Answer::error(400, "invalid_body")
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish<'b> {
    #[serde(borrow)]
    channel: Option<Cow<'b, str>>,
    #[serde(borrow)]
    user: Option<Cow<'b, str>>,
    #[serde(borrow)]
    action: Cow<'b, str>,
    #[serde(borrow)]
    payload: &'b RawValue,
    #[serde(borrow, default)]
    from: Cow<'b, str>,
}

/// An event from outside any session. `from` is empty unless it is said, which no user's name is.
fn publish(order: &Publish<'_>, operator: &Operator) -> Answer {
    let target = match (&order.channel, &order.user) {
        (Some(channel), None) => Target::Channel(channel),
        (None, Some(user)) => Target::User(user),
        _ => return Answer::error(400, "invalid_body"),
    };
    let live = operator.shared.live();
    if !live.policy.actions().iter().any(|rule| rule.name == order.action) {
        return Answer::error(422, "unknown_action");
    }
    let mut data = String::new();
    // Writing to a String cannot fail.
    let _ = wire::event_body(
        &mut data,
        &order.from,
        &order.action,
        order.payload.get(),
        clock::unix_time().as_millis(),
    );
    match operator.desk.publish(&operator.hub, target, data.as_bytes()) {
        Ok(Position { epoch, offset, .. }) => {
            Answer::json(200, format!("{{\"epoch\":\"{epoch}\",\"offset\":{offset}}}"))
        }
        Err(refusal @ Refusal::Unavailable) => Answer::error(503, refusal.code()),
        Err(refusal) => Answer::error(422, refusal.code()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke<'b> {
    #[serde(borrow)]
    user: Option<Cow<'b, str>>,
    #[serde(borrow)]
    session: Option<Cow<'b, str>>,
    #[serde(borrow)]
    token: Option<Cow<'b, str>>,
    all: Option<bool>,
    /// Seconds since 1970: credentials issued before this are over. Now, unless it is said.
    before: Option<u64>,
}

/// Ends credentials, and with them connections. The answer comes when no worker delivers anything to them any more.
fn revoke(order: &Revoke<'_>, operator: &Operator) -> Answer {
    if order.session.as_deref().is_some_and(|session| SessionId::parse(session).is_none()) {
        return Answer::error(400, "invalid_session");
    }
    let revocation = match (&order.user, &order.session, &order.token, order.all) {
        (Some(user), None, None, None) => Revocation::User(user),
        (None, Some(session), None, None) => Revocation::Session(session),
        (None, None, Some(token), None) => Revocation::Token(token),
        (None, None, None, Some(true)) => Revocation::All,
        _ => return Answer::error(400, "invalid_body"),
    };
    // `iat` counts whole seconds: what was issued in this one was perhaps issued before now.
    let now = clock::unix_time();
    let before = order.before.unwrap_or_else(|| now.as_secs() + 1);
    operator.shared.revoke(now, revocation, UnixTime::from_secs(before));
    tracing::info!(
        target: "audit",
        user = order.user.as_deref(),
        session = order.session.as_deref(),
        token = order.token.as_deref(),
        all = order.all,
        before,
        "revoked"
    );
    let kept =
        operator.revocations.as_ref().map_or(Ok(()), |log| log.keep(revocation, UnixTime::from_secs(before)));
    let answer = carry_out(operator, Order::EnforceRevocations);
    match kept {
        Ok(()) => answer,
        Err(error) => {
            // It is in force, and would not be after a restart.
            tracing::error!(%error, "a revocation could not be kept");
            Answer::error(500, "not_kept")
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disconnect<'b> {
    #[serde(borrow)]
    user: Option<Cow<'b, str>>,
    #[serde(borrow)]
    session: Option<Cow<'b, str>>,
    /// Whether the client may come back at once: 1001 then, 1008 otherwise.
    #[serde(default = "yes")]
    reconnect: bool,
}

const fn yes() -> bool {
    true
}

fn disconnect(order: &Disconnect<'_>, operator: &Operator) -> Answer {
    let whom = match (&order.user, order.session.as_deref().map(SessionId::parse)) {
        (Some(user), None) => Whom::User(user.as_ref().into()),
        (None, Some(Some(session))) => Whom::Session(session),
        (None, Some(None)) => return Answer::error(400, "invalid_session"),
        _ => return Answer::error(400, "invalid_body"),
    };
    let code = if order.reconnect { CloseCode::GOING_AWAY } else { CloseCode::POLICY };
    tracing::info!(target: "audit", user = order.user.as_deref(), session = order.session.as_deref(), "disconnected");
    carry_out(operator, Order::Disconnect { whom, code: code.get(), reason: "disconnected" })
}

/// Has every worker do it, and tells how many connections were closed.
fn carry_out(operator: &Operator, order: Order) -> Answer {
    let issued = operator.shared.orders().issue(order);
    operator.hub.wake_all();
    match issued.wait(PATIENCE) {
        Some(closed) => Answer::json(200, format!("{{\"closed\":{closed}}}")),
        // It will be done, but not all of it has been.
        None => Answer::json(202, "{\"closed\":null}".into()),
    }
}

/// The sessions, of one user with `?user=`.
fn sessions(query: Option<&str>, operator: &Operator) -> Answer {
    let user = match query {
        None => None,
        Some(query) => match query.strip_prefix("user=") {
            Some(user) if !user.contains(['&', '%', '+']) => Some(user),
            _ => return Answer::error(400, "invalid_query"),
        },
    };
    let mut body = String::from("{\"sessions\":[");
    let count = operator.hub.inspect(|backend| {
        backend.inspect(|backend| {
            let mut count = 0_usize;
            for info in backend.sessions().filter(|info| user.is_none_or(|user| info.user == user)) {
                count += 1;
                if count > SESSIONS_MAX {
                    continue;
                }
                if count > 1 {
                    body.push(',');
                }
                let user = serde_json::to_string(info.user).unwrap_or_default();
                // Writing to a String cannot fail.
                let _ = write!(
                    body,
                    "{{\"session\":\"{}\",\"user\":{user},\"connected\":{},\"channels\":{},\"last_id\":{}}}",
                    info.session,
                    info.node.is_some(),
                    info.channel_count,
                    info.last_id
                );
            }
            count
        })
    });
    let _ = write!(body, "],\"count\":{count}}}");
    Answer::json(200, body)
}
