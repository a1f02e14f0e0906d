//! A connection behind the gate: its events become commands to the backend, refusals become answers.

use core::time::Duration;

use portcullis_auth::{AuthError, Renewal};
use portcullis_gate::{Action, Event, Policy, Reason, Refusal, Resume, Route, wire as text};
use portcullis_proto::{CloseCode, MessageKind};
use portcullis_session::{Caller, Command, Position, ResumeToken, SessionId, Target, USER_PREFIX};

use super::{
    Env,
    connection::{Gated, Key, PendingSession, Phase, Resuming},
    echo, orders,
    outbound::Outbound,
};
use crate::{clock, run::Mode};

/// How long a client is asked to wait when the backend is behind.
const BACKEND_RETRY_AFTER: Duration = Duration::from_millis(500);

/// A gated connection with what its handlers need of it.
pub(super) struct Parts<'p> {
    pub(super) key: Key,
    pub(super) gated: &'p mut Gated,
    pub(super) outbound: &'p mut Outbound,
}

/// Whether a close that the server begins ends the session too. Clients come back from some codes, with a new token from
/// an expired one, and never from the others: nobody waits for them.
pub(super) fn ends_session(code: u16, reason: &str) -> bool {
    let may_return =
        matches!(code, 1001 | 1011 | 1012 | 1013 | 4408 | 4430) || (code == 4401 && reason == "expired");
    !may_return
}

/// What is left to do once an event has let go of the gate that it borrowed.
enum Then {
    Nothing,
    OpenSession {
        resumes: bool,
        session: Option<(SessionId, ResumeToken)>,
        channels: Vec<(Box<str>, Position)>,
    },
    Tell(Refusal),
    TellOfChannel {
        refusal: Refusal,
        channel: Box<str>,
    },
    Renewed {
        renewal: Renewal,
    },
    Refuse {
        reason: Reason,
        id: Option<u64>,
        retry_after: Option<Duration>,
    },
    /// The user's bucket is empty: what the connection's gave is given back.
    RefuseForUser {
        cost: u32,
        id: Option<u64>,
        retry_after: Duration,
    },
    Leave,
}

/// The upgrade is done: when it carried the credential, the session opens at once.
pub(super) fn handle_upgraded(env: &mut Env, parts: &mut Parts<'_>) {
    if matches!(env.mode, Mode::Gate) && parts.gated.gate.is_live() {
        open_session(env, parts, None, false, Vec::new());
    }
    flush_owed(env, parts);
}

/// Feeds `input` through the gate. Returns how much was used (less than all when an answer of the backend must come
/// first), and the next phase when the connection is over.
pub(super) fn handle_input(env: &mut Env, parts: &mut Parts<'_>, input: &mut [u8]) -> (usize, Option<Phase>) {
    let (live, judge) = (env.live.clone(), env.judge.clone());
    let mut used = 0;
    while let Some(rest) = input.get_mut(used..).filter(|rest| !rest.is_empty()) {
        let context = env.context(&live, judge.as_deref());
        let caller = parts.gated.caller(parts.key);
        let Gated { gate, resuming, .. } = &mut *parts.gated;
        let step = match gate.handle_input(&context, rest) {
            Ok(step) => step,
            Err(error) => {
                tracing::info!(code = error.code(), close_code = error.close_code(), "protocol error");
                env.metrics.refused(error.code());
                parts.gated.left = true;
                flush_owed(env, parts);
                return (input.len(), Some(env.linger()));
            }
        };
        used += step.consumed;
        let then = match step.event {
            None => Then::Nothing,
            Some(event) => handle_event(env, caller, (parts.outbound, resuming), event),
        };
        finish(env, parts, then);
        if parts.gated.gate.is_closed() {
            return (input.len(), Some(env.linger()));
        }
        if env.has_mail() || parts.gated.scopes_changed || parts.gated.pending.is_some() {
            // The answer goes out, and changes the state, before the next message is looked at.
            break;
        }
    }
    (used, None)
}

/// A deadline of the gate or of its engine.
pub(super) fn handle_timeout(env: &mut Env, parts: &mut Parts<'_>) -> Option<Phase> {
    let now = env.now;
    if let Some(Event::Closing(closing)) = parts.gated.gate.handle_timeout(now) {
        env.metrics.closed(closing.code);
        tracing::info!(code = closing.code, reason = closing.reason, "closing");
        parts.gated.left = ends_session(closing.code, closing.reason);
    }
    flush_owed(env, parts);
    parts.gated.gate.is_closed().then(|| env.linger())
}

/// One event, while it borrows the gate.
fn handle_event(
    env: &mut Env,
    caller: Option<Caller>,
    (outbound, resuming): (&mut Outbound, &mut Resuming),
    event: Event<'_>,
) -> Then {
    match event {
        Event::Action(action) => {
            env.metrics.message_received();
            if matches!(env.mode, Mode::Echo { .. }) {
                echo::write_frame(env, outbound, MessageKind::Text, action.message());
                return Then::Nothing;
            }
            caller.map_or(Then::Nothing, |caller| handle_action(env, &caller, outbound, &action))
        }
        Event::Authenticated { resume } => authenticated(resume),
        Event::Subscribe { channel, since } => {
            resuming.retain(|(name, _)| **name != *channel);
            if let Some(caller) = caller {
                env.submit(Command::Subscribe { caller, channel, since });
            }
            Then::Nothing
        }
        Event::Unsubscribe { channel } => {
            resuming.retain(|(name, _)| **name != *channel);
            if let Some(caller) = caller {
                env.submit(Command::Unsubscribe { caller, channel });
            }
            Then::Nothing
        }
        Event::Refused(refusal) => Then::Tell(refusal),
        Event::SubscribeRefused { channel, refusal } => {
            Then::TellOfChannel { refusal, channel: channel.into() }
        }
        Event::Renewed { renewal } => Then::Renewed { renewal },
        Event::Closing(closing) => {
            env.metrics.closed(closing.code);
            if let Some(error) = closing.auth {
                env.metrics.auth_failed(error.code());
            }
            tracing::info!(code = closing.code, reason = closing.reason, "closing");
            if ends_session(closing.code, closing.reason) { Then::Leave } else { Then::Nothing }
        }
        Event::CloseReceived { code: None | Some(1000 | 1001) } => Then::Leave,
        _ => Then::Nothing,
    }
}

/// The first message was good: note what it wants to resume, and open the session.
fn authenticated(resume: Option<Resume<'_>>) -> Then {
    let Some(resume) = resume else {
        return Then::OpenSession { resumes: false, session: None, channels: Vec::new() };
    };
    // What cannot be read cannot be resumed: the client gets a new session and `recovered: false`.
    let session = SessionId::parse(resume.session).zip(ResumeToken::parse(resume.token));
    let channels = resume.channels().map(|(name, position)| (Box::from(name), position)).collect();
    Then::OpenSession { resumes: true, session, channels }
}

/// An action that passed the gate, on its route.
fn handle_action(env: &mut Env, caller: &Caller, outbound: &mut Outbound, action: &Action<'_>) -> Then {
    let live = env.live.clone();
    let id = action.id();
    let refuse = |reason, retry_after| Then::Refuse { reason, id, retry_after };
    let cost = action_cost(&live.policy, action);
    if let Err(limited) = env.check_user(action.from(), cost) {
        let retry_after = limited.retry_at.saturating_duration_since(env.now);
        return Then::RefuseForUser { cost, id, retry_after };
    }
    if env.hub.is_behind() {
        return refuse(Reason::Session(portcullis_session::Refusal::Unavailable), Some(BACKEND_RETRY_AFTER));
    }
    match action.route(&live.policy) {
        Route::Reply => {
            let name = action_name(&live.policy, action);
            env.text.clear();
            let _ = text::reply(&mut env.text, name, action.payload(), env.unix.as_millis());
            write_text(env, outbound);
            if let Some(id) = id {
                // Counted where all others are, so that answers come in the order of the messages.
                env.submit(Command::Apply { caller: *caller, id });
            }
            Then::Nothing
        }
        Route::User => match action.recipient() {
            Some(user) => {
                publish(env, caller, action, &live.policy, Target::User(user));
                Then::Nothing
            }
            None => refuse(Reason::Session(portcullis_session::Refusal::UnknownUser), None),
        },
        _ => match action.channel() {
            Some(channel) => {
                publish(env, caller, action, &live.policy, Target::Channel(channel));
                Then::Nothing
            }
            None => refuse(Reason::Session(portcullis_session::Refusal::InvalidChannel), None),
        },
    }
}

/// Hands the part of the event that every receiver gets alike to the log.
fn publish(env: &mut Env, caller: &Caller, action: &Action<'_>, policy: &Policy, target: Target<'_>) {
    let mut body = core::mem::take(&mut env.text);
    body.clear();
    let name = action_name(policy, action);
    let _ = text::event_body(&mut body, action.from(), name, action.payload(), env.unix.as_millis());
    env.submit(Command::Publish { caller: *caller, id: action.id(), target, data: body.as_bytes() });
    env.text = body;
}

fn action_name<'p>(policy: &'p Policy, action: &Action<'_>) -> &'p str {
    policy.actions().get(action.rule()).map_or("", |rule| &rule.name)
}

fn action_cost(policy: &Policy, action: &Action<'_>) -> u32 {
    policy.actions().get(action.rule()).map_or(1, |rule| rule.cost)
}

/// What an event left to do, now that the gate is free again.
fn finish(env: &mut Env, parts: &mut Parts<'_>, then: Then) {
    match then {
        Then::Nothing => {}
        Then::OpenSession { resumes, session, channels } => {
            open_session(env, parts, session, resumes, channels)
        }
        Then::Tell(refusal) => tell(env, parts, &refusal, None),
        Then::TellOfChannel { refusal, channel } => tell(env, parts, &refusal, Some(&channel)),
        // A client that renews and is allowed what it was allowed before needs no word.
        Then::Renewed { renewal: Renewal::Same } => {}
        Then::Renewed { .. } => parts.gated.scopes_changed = true,
        Then::Refuse { reason, id, retry_after } => {
            refuse(env, parts, reason, Refused { id, retry_after, channel: None })
        }
        Then::RefuseForUser { cost, id, retry_after } => {
            let live = env.live.clone();
            parts.gated.gate.refund(&live.policy, cost);
            let about = Refused { id, retry_after: Some(retry_after), channel: None };
            refuse(env, parts, Reason::RateLimited, about);
        }
        Then::Leave => parts.gated.left = true,
    }
    flush_owed(env, parts);
}

/// Asks the backend for a session; `welcome` follows when it answers.
fn open_session(
    env: &mut Env,
    parts: &mut Parts<'_>,
    resume: Option<(SessionId, ResumeToken)>,
    resumes: bool,
    channels: Vec<(Box<str>, Position)>,
) {
    let seed = clock::entropy();
    let (ids, _) = seed.as_chunks::<16>();
    let (Some(&session), Some(&token)) = (ids.first(), ids.get(1)) else { return };
    let (session, token) = (SessionId::from_bytes(session), ResumeToken::from_bytes(token));
    if let Some((earlier, _)) = resume
        && orders::is_session_revoked(env, parts.gated, earlier)
    {
        env.metrics.auth_failed(AuthError::Revoked.code());
        parts.gated.left = true;
        let code = CloseCode::new(AuthError::Revoked.close_code()).unwrap_or(CloseCode::POLICY);
        // A connection that is closing already goes on closing.
        let _ = parts.gated.gate.close(env.now, code, AuthError::Revoked.reason());
        return;
    }
    let user = parts.gated.gate.subject();
    let own = |name: &str| name.strip_prefix(USER_PREFIX) == Some(user);
    let since = channels.iter().find(|(name, _)| own(name)).map(|(_, position)| *position);
    let resume = resume.map(|(session, token)| portcullis_session::Resume { session, token });
    let connection = parts.key.into();
    env.submit(Command::Open { connection, user, session, token, resume, since });
    let channels = channels.into_iter().filter(|(name, _)| !own(name)).collect();
    parts.gated.pending = Some(Box::new(PendingSession { token, resumes, channels }));
}

/// What a refusal behind the gate is about.
#[derive(Clone, Copy, Default)]
pub(super) struct Refused<'r> {
    pub(super) id: Option<u64>,
    pub(super) retry_after: Option<Duration>,
    pub(super) channel: Option<&'r str>,
}

/// A refusal behind the gate: it spends the same budget, and is told in the same words.
pub(super) fn refuse(env: &mut Env, parts: &mut Parts<'_>, reason: Reason, refused: Refused<'_>) {
    let live = env.live.clone();
    let refusal = parts.gated.gate.refuse(env.now, &live.policy, reason, refused.id, refused.retry_after);
    tell(env, parts, &refusal, refused.channel);
    flush_owed(env, parts);
}

/// Counts, logs and sends a refusal.
fn tell(env: &mut Env, parts: &mut Parts<'_>, refusal: &Refusal, channel: Option<&str>) {
    env.metrics.refused(refusal.code());
    tracing::debug!(
        user = parts.gated.gate.subject(),
        code = refusal.code(),
        closes = refusal.closes(),
        "refused"
    );
    if refusal.closes() {
        env.metrics.closed(refusal.reason().close_code());
        parts.gated.left = ends_session(refusal.reason().close_code(), refusal.code());
        return;
    }
    env.text.clear();
    let about = text::About { channel, scope: refusal.missing_scope(&env.live.policy) };
    let _ = text::error(&mut env.text, refusal, about);
    write_text(env, parts.outbound);
}

/// Sends what is in `env.text` as one text message.
pub(super) fn write_text(env: &mut Env, outbound: &mut Outbound) {
    let message = core::mem::take(&mut env.text);
    echo::write_frame(env, outbound, MessageKind::Text, message.as_bytes());
    env.text = message;
}

/// The control frames that the gate owes.
pub(super) fn flush_owed(env: &mut Env, parts: &mut Parts<'_>) {
    let gate = &mut parts.gated.gate;
    echo::append_owed(env, parts.outbound, |out| gate.poll_transmit(out));
}
