//! The connection below: the upgrade, the frames, and its end.

use alloc::{boxed::Box, format, string::ToString, vec::Vec};
use core::time::Duration;

use portcullis_proto::{
    CloseCode, Config as ProtocolConfig, Message, MessageKind,
    endpoint::{Endpoint, Opening, Options},
    handshake::{ClientRequest, HandshakeError},
};
use portcullis_time::Instant;

use super::{Action, Client, DialError, Now, TokenReason};
use crate::{
    config::Auth,
    event::{Event, State},
    policy::{self, Policy},
    timers::Timer,
    wire::{Control, Resume},
};

/// What credentials and messages are written for.
const SUBPROTOCOL: &str = "portcullis.v1";

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Link {
    None,
    Opening(Box<Opening<'static>>),
    Open(Box<Endpoint>),
    /// Let go of: what may still be written.
    Over(Vec<u8>),
}

impl Link {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Open(endpoint) => endpoint.poll_timeout(),
            Self::None | Self::Opening(_) | Self::Over(_) => None,
        }
    }

    /// False when nothing can be sent.
    pub(super) fn send(&mut self, now: Instant, text: &str) -> bool {
        match self {
            Self::Open(endpoint) => endpoint.send(now, Message::Text(text)).is_ok(),
            Self::None | Self::Opening(_) | Self::Over(_) => false,
        }
    }

    pub(super) const fn has_room(&self) -> bool {
        match self {
            Self::Open(endpoint) => endpoint.has_room(),
            Self::None | Self::Opening(_) | Self::Over(_) => false,
        }
    }
}

impl Client {
    /// Begins an attempt.
    pub(super) fn open(&mut self, now: Now) {
        self.serial += 1;
        self.timers.clear();
        self.after(Timer::Connect, now, self.config.connect_timeout);
        self.enter(State::Connecting);
        let reason = if self.expired.is_some() { TokenReason::Expired } else { TokenReason::Connect };
        self.actions.push_back(Action::FetchToken { serial: self.serial, reason });
    }

    /// The transport that was asked for is there, TLS included. `entropy` are unpredictable bytes, used once: masking
    /// keys come from them.
    pub fn dialed(&mut self, now: Now, serial: u64, entropy: [u8; 32]) {
        if serial != self.serial || self.state != State::Connecting {
            return self.actions.push_back(Action::Hangup);
        }
        match self.upgrade(now, entropy) {
            Ok(opening) => self.link = Link::Opening(Box::new(opening)),
            // A token that no header can carry is no token.
            Err(_) => {
                self.actions.push_back(Action::Hangup);
                self.stop_with(1006, "bad_url_or_token");
            }
        }
    }

    /// The transport that was asked for is not to be had.
    pub fn dial_failed(&mut self, now: Now, serial: u64, error: DialError) {
        if serial != self.serial || self.state != State::Connecting {
            return;
        }
        match error {
            DialError::Unreachable => self.lost(now, 1006, "unreachable"),
            // RFC 6455 §7.4.1: "1015 is a reserved value […] to indicate that the connection was closed due to a failure to
            // perform a TLS handshake (e.g., the server certificate can't be verified)."
            DialError::Untrusted => self.lost(now, 1015, "untrusted"),
        }
    }

    fn upgrade(&self, now: Now, entropy: [u8; 32]) -> Result<Opening<'static>, HandshakeError> {
        let path = self.url.path_with(self.session.is_some().then_some("resume=1"));
        let token = self.token.as_deref().unwrap_or_default();
        let (bearer, authorization) = (format!("bearer.{token}"), format!("Bearer {token}"));
        let mut request = ClientRequest::new(self.url.authority(), &path);
        let (fields, subprotocols) = ([("Authorization", authorization.as_str())], [SUBPROTOCOL, &bearer]);
        request.subprotocols = &subprotocols;
        if self.config.auth != Auth::Subprotocol {
            request.subprotocols = subprotocols.get(..1).unwrap_or_default();
        }
        if self.config.auth == Auth::Header {
            request.fields = &fields;
        }
        let len_max = u64::try_from(self.config.received_len_max).unwrap_or(u64::MAX);
        let protocol = ProtocolConfig::client().with_message_len_max(len_max).with_frame_len_max(len_max);
        // Signs of life are asked for above, in messages that are answered by the server itself.
        let protocol = protocol.with_ping_interval(None);
        let options =
            Options::client().with_config(protocol).with_handshake_timeout(Duration::from_secs(86_400));
        Opening::client(&options, now.instant, entropy, &request)
    }

    /// Where the bytes of the next read go. Empty while there is no connection, and while events wait to be taken.
    pub fn input_buffer(&mut self) -> &mut [u8] {
        match &mut self.link {
            Link::Opening(opening) => opening.input_buffer(),
            Link::Open(endpoint) => endpoint.input_buffer(),
            Link::None | Link::Over(_) => &mut [],
        }
    }

    /// `len` bytes were read into [`Client::input_buffer`].
    pub fn filled(&mut self, now: Now, len: usize) {
        if len > 0 {
            self.received_at = now.instant;
            self.is_heard = true;
        }
        match &mut self.link {
            Link::Open(endpoint) => endpoint.filled(len),
            Link::Opening(opening) => {
                opening.filled(now.instant, len);
                if opening.is_complete() {
                    self.upgraded(now);
                }
            }
            Link::None | Link::Over(_) => {}
        }
    }

    fn upgraded(&mut self, now: Now) {
        let Link::Opening(opening) = core::mem::replace(&mut self.link, Link::None) else { return };
        match opening.into_endpoint(now.instant) {
            Err(error) => {
                let (code, reason, policy) = policy::handshake(error);
                self.actions.push_back(Action::Hangup);
                self.ended_as(now, (code, reason), policy);
            }
            Ok(endpoint) => {
                self.link = Link::Open(Box::new(endpoint));
                self.greet(now);
            }
        }
    }

    /// The first message, where one is needed: with the token, with what resumes, or with both.
    fn greet(&mut self, now: Now) {
        let token = self.token.clone().filter(|_| self.config.auth == Auth::Message);
        let resume = self.session.as_ref().map(|session| Resume {
            session: &session.session,
            token: &session.resume,
            channels: self.channels.positions(),
        });
        if token.is_none() && resume.is_none() {
            return;
        }
        let named =
            resume.iter().flat_map(|resume| resume.channels.keys()).map(|name| Box::from(*name)).collect();
        let text = crate::wire::text(&Control::Auth { token: token.as_deref(), resume });
        self.channels.named = named;
        self.link.send(now.instant, &text);
    }

    /// What is to be written.
    pub fn output(&mut self) -> &[u8] {
        match &mut self.link {
            Link::None => &[],
            Link::Opening(opening) => opening.output(),
            Link::Open(endpoint) => endpoint.output(),
            Link::Over(farewell) => farewell,
        }
    }

    /// The transport took the first `len` bytes of [`Client::output`].
    pub fn wrote(&mut self, now: Now, len: usize) {
        match &mut self.link {
            Link::None => {}
            Link::Opening(opening) => opening.wrote(len),
            Link::Open(endpoint) => {
                endpoint.wrote(len);
                self.flush(now);
            }
            Link::Over(farewell) => {
                farewell.drain(..len.min(farewell.len()));
            }
        }
    }

    /// The transport ended, or broke.
    pub fn handle_eof(&mut self, now: Now) {
        // What came before its end counts.
        while self.receive_next(now) {}
        if matches!(self.link, Link::Opening(_) | Link::Open(_)) {
            self.lost(now, 1006, "");
        }
    }

    /// Looks at the next message that was read. False when there is none.
    pub(super) fn receive_next(&mut self, now: Now) -> bool {
        let Link::Open(endpoint) = &mut self.link else { return false };
        let message = endpoint.poll_message(now.instant, |kind, payload| match kind {
            MessageKind::Text => core::str::from_utf8(payload).map(ToString::to_string).ok(),
            MessageKind::Binary => None,
        });
        match message {
            Ok(Some(Some(text))) => {
                self.receive(now, &text);
                true
            }
            // Nothing of this protocol.
            Ok(Some(None)) => true,
            Ok(None) => {
                let Some(close) = endpoint.peer_close() else { return false };
                let (code, reason) = (close.code.map_or(1005, CloseCode::get), close.reason.clone());
                self.ended(now, code, &reason);
                true
            }
            Err(_) => {
                self.ended(now, 1006, "protocol_error");
                true
            }
        }
    }

    /// The transport is of no use any more, whatever it thinks itself.
    pub(super) fn lost(&mut self, now: Now, code: u16, reason: &str) {
        self.ended(now, code, reason);
    }

    /// Takes leave, without waiting for an answer: a dead peer never gives one.
    pub(super) fn hang_up(&mut self, now: Now, code: CloseCode, reason: &str) {
        let mut farewell = Vec::new();
        if let Link::Open(endpoint) = &mut self.link {
            // A connection that is closing already goes on closing.
            let _ = endpoint.close(now.instant, code, reason);
            farewell = endpoint.output().to_vec();
        }
        self.let_go(farewell);
    }

    fn let_go(&mut self, farewell: Vec<u8>) {
        self.serial += 1;
        if matches!(self.link, Link::Opening(_) | Link::Open(_)) {
            self.actions.push_back(Action::Hangup);
        }
        self.link = Link::Over(farewell);
    }

    fn ended(&mut self, now: Now, code: u16, reason: &str) {
        self.ended_as(now, (code, reason), policy::close_policy(code, reason));
    }

    fn ended_as(&mut self, now: Now, (code, reason): (u16, &str), policy: Policy) {
        // The answer to a close frame is all that is still owed.
        let farewell = match &mut self.link {
            Link::Open(endpoint) => endpoint.output().to_vec(),
            Link::None | Link::Opening(_) | Link::Over(_) => Vec::new(),
        };
        self.let_go(farewell);
        self.timers.clear();
        self.channels.disconnected();
        self.events.push_back(Event::Closed { code, reason: reason.to_string() });
        match policy {
            Policy::Stop => return self.stop(),
            Policy::Token => self.expired.clone_from(&self.token),
            Policy::Retry => {}
        }
        let jitter = self.backoff.delay(self.attempt, self.config.backoff_base, self.config.backoff_cap);
        let delay = match policy::slot(code, reason) {
            // The server has spread the slots: the first attempt keeps to its own exactly.
            Some(slot) if self.attempt == 0 => slot,
            Some(slot) => slot.max(jitter),
            None => jitter,
        };
        self.attempt = self.attempt.saturating_add(1);
        self.retry_at = now.instant + delay;
        self.enter(State::Waiting);
        self.events.push_back(Event::Waiting { delay, attempt: self.attempt });
        self.wait();
    }

    /// Nothing is tried while offline.
    pub(super) fn wait(&mut self) {
        if self.is_offline {
            self.timers.cancel(Timer::Retry);
        } else {
            self.timers.set(Timer::Retry, self.retry_at);
        }
    }

    pub(super) fn stop_with(&mut self, code: u16, reason: &str) {
        self.events.push_back(Event::Closed { code, reason: reason.to_string() });
        self.stop();
    }

    /// For good, until [`Client::connect`].
    pub(super) fn stop(&mut self) {
        self.serial += 1;
        self.timers.clear();
        self.is_offline = false;
        self.channels.disconnected();
        if self.state != State::Closed {
            self.enter(State::Closed);
            self.outbox.close(&mut self.events);
        }
    }
}
