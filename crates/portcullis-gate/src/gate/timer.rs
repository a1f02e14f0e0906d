//! Deadlines: the engine's and the gate's own, always the earliest.

use portcullis_proto as proto;
use portcullis_time::Instant;

use super::Gate;
use crate::{event::Event, protocol::Protocol};

impl<P: Protocol> Gate<P> {
    /// The earliest moment at which [`Gate::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.protocol.poll_timeout(), self.guard.deadline()].into_iter().flatten().min()
    }

    /// A deadline passed: the gate closes, or the peer let a deadline of the protocol pass (a pong, its side of the
    /// closing handshake) and the connection is over. Spurious calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Event<'_>> {
        self.begin_pending_close();
        if let Some(closing) = self.guard.check_deadlines(now) {
            self.begin_pending_close();
            return Some(Event::Closing(closing));
        }
        let event = control_event(self.protocol.handle_timeout(now)?);
        if matches!(event, Some(Event::Closed { .. })) {
            self.guard.end();
        }
        event
    }

    /// The transport ended.
    pub fn handle_eof(&mut self, now: Instant) -> Option<Event<'_>> {
        self.guard.end();
        control_event(self.protocol.handle_eof(now)?)
    }
}

/// An engine's event that carries no message, in the gate's words.
#[expect(clippy::wildcard_enum_match_arm, reason = "messages and pings are judged elsewhere")]
pub(super) fn control_event<'a>(event: proto::Event<'_>) -> Option<Event<'a>> {
    match event {
        proto::Event::Pong { round_trip, .. } => Some(Event::Pong { round_trip }),
        proto::Event::CloseReceived { code, .. } => {
            Some(Event::CloseReceived { code: code.map(proto::CloseCode::get) })
        }
        proto::Event::Closed { clean } => Some(Event::Closed { clean }),
        _ => None,
    }
}
