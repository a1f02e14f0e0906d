//! The receive path: frame → message bucket → authentication → validation → scope. The cheapest refusal comes first.

use core::ops::Range;

use portcullis_auth::Access;
use portcullis_proto::{self as proto, CloseCode, MessageKind, ProtocolError};
use portcullis_validate::{Invalid, Keyword, Valid, number, string};

use super::{
    Context, Gate,
    guard::{Guard, Stage},
    timer::control_event,
};
use crate::{
    event::{Action, Event, Resume, Step, member, position_of},
    hop::Hop,
    policy::Route,
    protocol::Protocol,
    refusal::{Reason, Refusal},
};

impl<P: Protocol> Gate<P> {
    /// Consumes a prefix of `input` and reports at most one event, borrowed from the gate or from `input`. Call again
    /// with the rest until all is consumed.
    ///
    /// # Errors
    /// The peer broke the protocol. The error is sticky, and its closing frame is owed by [`Gate::poll_transmit`].
    pub fn handle_input<'a>(
        &'a mut self,
        context: &Context<'_>,
        input: &'a mut [u8],
    ) -> Result<Step<'a>, ProtocolError> {
        self.begin_pending_close();
        let Self { protocol, guard, hop } = self;
        let step = match protocol.handle_input(context.now, input) {
            Ok(step) => step,
            Err(error) => {
                // Nothing is awaited of a connection that has failed.
                guard.end();
                return Err(error);
            }
        };
        let event = match step.event {
            Some(proto::Event::Message { kind, payload }) => {
                guard.judge(context, hop.as_deref_mut(), kind, payload)
            }
            Some(proto::Event::Ping { .. }) => guard.judge_control(context, None),
            Some(event) => guard.judge_control(context, control_event(event)),
            None => None,
        };
        Ok(Step { consumed: step.consumed, event })
    }
}

impl Guard {
    /// A control frame costs what a message costs, so that a flood of pings meets the same bucket.
    fn judge_control<'a>(&mut self, context: &Context<'_>, event: Option<Event<'a>>) -> Option<Event<'a>> {
        let is_close = matches!(event, Some(Event::CloseReceived { .. } | Event::Closed { .. }));
        if is_close {
            self.end();
        }
        if self.has_ended() {
            return event;
        }
        match self.charge_message(context.now, &context.policy.limits, 1, None) {
            Ok(()) => event,
            Err(refusal) => Some(Event::Refused(refusal)),
        }
    }

    /// One whole message.
    fn judge<'a>(
        &'a mut self,
        context: &Context<'_>,
        hop: Option<&mut Hop>,
        kind: MessageKind,
        message: &'a mut [u8],
    ) -> Option<Event<'a>> {
        if self.has_ended() {
            return None;
        }
        if self.lease_expired(context.now) {
            return Some(Event::Closing(self.fail_auth(context.now, portcullis_auth::AuthError::Expired)));
        }
        if let Err(refusal) = self.charge_message(context.now, &context.policy.limits, 1, None) {
            return Some(Event::Refused(refusal.with_id(id_of(message))));
        }
        let message = match hop {
            Some(hop) => match hop.open(kind, message) {
                Ok(message) => message,
                Err(error) => {
                    let closing = self.close_soon(context.now, error.close_code(), error.reason());
                    return Some(Event::Closing(closing));
                }
            },
            None if kind == MessageKind::Text => message,
            None => {
                let closing = self.close_soon(context.now, CloseCode::UNSUPPORTED.get(), "text_only");
                return Some(Event::Closing(closing));
            }
        };
        Some(match self.stage {
            Stage::Live => self.judge_action(context, message),
            Stage::Unauthenticated | Stage::AwaitingResume => self.judge_first(context, message),
            Stage::Ended => return None,
        })
    }

    /// An action, or else a control message. Actions are the many, so that they are tried first; only what breaks the
    /// envelope itself is read a second time.
    fn judge_action<'a>(&'a mut self, context: &Context<'_>, message: &'a mut [u8]) -> Event<'a> {
        let found = match context.policy.action.check(message) {
            Ok(valid) => ActionSpans::of(&valid),
            Err(invalid) => match ActionSpans::of_sealed(context, message) {
                Some(found) => found,
                None if may_be_control(&invalid) => {
                    return self.judge_control_message(context, message, invalid);
                }
                None => Err(invalid),
            },
        };
        match found {
            Err(invalid) => self.invalid(context, message, invalid),
            Ok(spans) => self.judge_valid_action(context, message, spans),
        }
    }

    fn judge_valid_action<'a>(
        &'a mut self,
        context: &Context<'_>,
        message: &'a mut [u8],
        spans: ActionSpans,
    ) -> Event<'a> {
        let Context { now, unix, policy, .. } = *context;
        let ActionSpans { rule, payload, channel, id, timestamp_ms } = spans;
        let Some(action) = policy.actions().get(rule) else {
            return self.refused(context, Refusal::new(Reason::InvalidMessage).with_id(id));
        };
        if action.cost > 1
            && let Err(refusal) = self.charge_message(now, &policy.limits, action.cost - 1, id)
        {
            // Its first unit is spent, and is asked for once more when the message comes again.
            let retry_at = self.messages.retry_at(&policy.limits.messages, now, action.cost);
            return Event::Refused(refusal.with_retry_after(Some(retry_at.saturating_duration_since(now))));
        }
        if let Some(scope) = &action.scope
            && !self.has_scope(scope)
        {
            let refusal = Refusal { rule: Some(rule), ..Refusal::new(Reason::Forbidden) };
            return self.refused(context, refusal.with_id(id));
        }
        let age = unix.as_millis().abs_diff(timestamp_ms);
        if u128::from(age) > policy.limits.timestamp_window.as_millis() {
            return self.refused(context, Refusal::new(Reason::Stale).with_id(id));
        }
        let channel = channel.map(|span| unescape(message, span));
        let access = match action.route {
            Route::Channel => Some(Access::Write),
            Route::Presence => Some(Access::Presence),
            Route::User | Route::Reply => None,
        };
        if let Some((access, name)) = access.zip(channel.clone().and_then(|span| text(message, span)))
            && !policy.allows(self.scopes(), name, access)
        {
            return self.refused(context, Refusal::new(Reason::Forbidden).with_id(id));
        }
        Event::Action(Action { from: self.subject(), message, payload, channel, rule, id, timestamp_ms })
    }

    /// `auth`, `subscribe` or `unsubscribe` on a live connection. `as_action` is what the message violates when it is
    /// read as an action, told when it turns out to be no control message either.
    fn judge_control_message<'a>(
        &mut self,
        context: &Context<'_>,
        message: &'a mut [u8],
        as_action: Invalid,
    ) -> Event<'a> {
        let control = match Control::read(context, message) {
            Ok(control) => control,
            Err(invalid) => {
                let told = if may_be_control(&invalid) { as_action } else { invalid };
                return self.invalid(context, message, told);
            }
        };
        match control {
            Control::Auth { token: Some(token), resume: None } => {
                let token = message.get(token).unwrap_or_default();
                self.judge_renewal(context, token)
            }
            Control::Subscribe { channel, since } => {
                let span = unescape(message, channel);
                match text(message, span) {
                    None => self.refused(context, Refusal::new(Reason::InvalidMessage)),
                    Some(channel) if context.policy.allows(self.scopes(), channel, Access::Read) => {
                        Event::Subscribe { channel, since }
                    }
                    Some(channel) => {
                        let refusal = Refusal::new(Reason::Forbidden);
                        let refusal = self.charge_refusal(context.now, &context.policy.limits, refusal);
                        Event::SubscribeRefused { channel, refusal }
                    }
                }
            }
            Control::Unsubscribe { channel } => {
                let span = unescape(message, channel);
                text(message, span).map_or_else(
                    || self.refused(context, Refusal::new(Reason::InvalidMessage)),
                    |channel| Event::Unsubscribe { channel },
                )
            }
            Control::Auth { .. } | Control::Malformed => {
                self.refused(context, Refusal::new(Reason::InvalidMessage))
            }
        }
    }

    /// The first message of a connection that is not live yet: `auth` and nothing else.
    fn judge_first<'a>(&mut self, context: &Context<'_>, message: &'a mut [u8]) -> Event<'a> {
        let invalid = portcullis_auth::AuthError::Malformed;
        let Ok(Control::Auth { token, resume }) = Control::read(context, message) else {
            return Event::Closing(self.fail_auth(context.now, invalid));
        };
        let token = token.and_then(|span| message.get(span));
        let verdict = match (token, context.verifier, self.stage) {
            (Some(token), Some(verifier), _) => verifier
                .verify(context.unix, token)
                .and_then(|verified| self.renew(verified, context.now, context.unix))
                .map(|_| ()),
            // The upgrade carried the credential already.
            (None, _, Stage::AwaitingResume) => Ok(()),
            _ => Err(portcullis_auth::AuthError::Missing),
        };
        if let Err(error) = verdict {
            return Event::Closing(self.fail_auth(context.now, error));
        }
        let message: &'a [u8] = message;
        let resume = match resume.map(|span| message.get(span).and_then(Resume::parse)) {
            Some(None) => return Event::Closing(self.fail_auth(context.now, invalid)),
            Some(resume) => resume,
            None => None,
        };
        self.go_live();
        Event::Authenticated { resume }
    }

    /// A new credential for the same user on a live connection.
    fn judge_renewal<'a>(&mut self, context: &Context<'_>, token: &[u8]) -> Event<'a> {
        if let Err(refusal) = self.charge_renewal(context.now, &context.policy.limits) {
            return Event::Refused(refusal);
        }
        let Some(verifier) = context.verifier else {
            return self.refused(context, Refusal::new(Reason::InvalidMessage));
        };
        let verdict = verifier
            .verify(context.unix, token)
            .and_then(|verified| self.renew(verified, context.now, context.unix));
        match verdict {
            Ok(renewal) => Event::Renewed { renewal },
            Err(error) => Event::Closing(self.fail_auth(context.now, error)),
        }
    }

    fn invalid<'a>(&mut self, context: &Context<'_>, message: &[u8], invalid: Invalid) -> Event<'a> {
        let refusal = Refusal { violation: Some(invalid), ..Refusal::new(Reason::InvalidMessage) };
        self.refused(context, refusal.with_id(id_of(message)))
    }

    fn refused<'a>(&mut self, context: &Context<'_>, refusal: Refusal) -> Event<'a> {
        Event::Refused(self.charge_refusal(context.now, &context.policy.limits, refusal))
    }
}

/// The id of a message that is refused before it was read as an action, or for not being one: without it the client could
/// not tell which of its messages to send again. Linear in bytes that are paid for already.
fn id_of(message: &[u8]) -> Option<u64> {
    number::parse_u64(member(message, "id")?)
}

/// Where the parts of a valid action lie.
struct ActionSpans {
    rule: usize,
    payload: Range<usize>,
    channel: Option<Range<usize>>,
    id: Option<u64>,
    timestamp_ms: u64,
}

impl ActionSpans {
    /// A message that is an action but for its payload, which is sealed; `None` where that is not so.
    fn of_sealed(context: &Context<'_>, message: &[u8]) -> Option<Result<Self, Invalid>> {
        let sealed = context.policy.sealed.as_ref()?;
        let valid = sealed.validator().check(message).ok()?;
        let rule = valid.case().and_then(|case| sealed.rule(case))?;
        Some(Self::of(&valid).map(|spans| Self { rule, ..spans }))
    }

    /// By the positions of [`crate::policy::ACTION_CAPTURES`].
    fn of(valid: &Valid<'_>) -> Result<Self, Invalid> {
        // "integer" in JSON Schema admits 7.0 and 7e0; a number that counts something is written plainly.
        let plain = |index, name| match valid.capture(index) {
            None => Ok(None),
            Some(raw) => number::parse_u64(raw).map(Some).ok_or_else(|| {
                Invalid::at_member(
                    name,
                    Keyword::Type,
                    valid.capture_range(index).map_or(0, |range| range.start),
                )
            }),
        };
        Ok(Self {
            rule: valid.case().unwrap_or(usize::MAX),
            payload: valid.capture_range(1).unwrap_or(0..0),
            channel: valid.capture_range(3),
            id: plain(4, "id")?,
            timestamp_ms: plain(2, "timestamp")?.unwrap_or(0),
        })
    }
}

/// A control message, as spans of its text.
enum Control {
    Auth {
        token: Option<Range<usize>>,
        resume: Option<Range<usize>>,
    },
    Subscribe {
        channel: Range<usize>,
        since: Option<portcullis_session::Position>,
    },
    Unsubscribe {
        channel: Range<usize>,
    },
    /// Each member is well-formed, but they do not belong together.
    Malformed,
}

impl Control {
    /// By the positions of [`crate::policy::CONTROL_CAPTURES`].
    fn read(context: &Context<'_>, message: &[u8]) -> Result<Self, Invalid> {
        let valid = context.policy.control.check(message)?;
        let token = valid.capture_range(1).map(inside);
        let (resume, channel) = (valid.capture_range(2), valid.capture_range(3));
        let since = valid.capture(4).map(position_of);
        Ok(match (valid.capture(0), token, resume, channel, since) {
            (Some(br#""auth""#), token, resume, None, None) => Self::Auth { token, resume },
            (Some(br#""subscribe""#), None, None, Some(channel), None) => {
                Self::Subscribe { channel, since: None }
            }
            (Some(br#""subscribe""#), None, None, Some(channel), Some(Some(since))) => {
                Self::Subscribe { channel, since: Some(since) }
            }
            (Some(br#""unsubscribe""#), None, None, Some(channel), None) => Self::Unsubscribe { channel },
            _ => Self::Malformed,
        })
    }
}

/// Whether a violation is of the envelope's outer shape: a member that an action does not have, or `action` missing.
fn may_be_control(invalid: &Invalid) -> bool {
    invalid.depth() <= 1 && matches!(invalid.keyword(), Keyword::AdditionalProperties | Keyword::Required)
}

/// The span of a JSON string without its quotes.
const fn inside(span: Range<usize>) -> Range<usize> {
    span.start + 1..span.end.saturating_sub(1)
}

/// The span of a JSON string's content, with its escapes undone in place: what is unescaped is never longer than it was.
fn unescape(message: &mut [u8], span: Range<usize>) -> Range<usize> {
    let content = inside(span.clone());
    let Some(raw) = message.get(span).filter(|raw| raw.contains(&b'\\')) else { return content };
    let mut buffer = [0_u8; 1_024];
    let Ok(plain) = string::unescape_into(raw, &mut buffer) else { return 0..0 };
    let end = content.start + plain.len();
    if let Some(target) = message.get_mut(content.start..end) {
        target.copy_from_slice(plain.as_bytes());
    }
    content.start..end
}

/// The text in `span`.
fn text(message: &[u8], span: Range<usize>) -> Option<&str> {
    core::str::from_utf8(message.get(span)?).ok()
}
