//! Deadlines: silence, the pong, the closing handshake.

use core::time::Duration;

use portcullis_time::Instant;

use super::{Connection, Event, state::State};
use crate::{Config, ProtocolError, Storage, random::Random};

#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    /// When anything was last heard of the peer. Every message moves only this.
    heard: Instant,
    /// The silence after which to ping; `None` for never.
    silence_max: Option<Duration>,
    /// The last ping, until its pong comes.
    ping: Option<Ping>,
    /// When the closing handshake must be over.
    close: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Ping {
    sent: Instant,
    token: [u8; 8],
    /// Nothing was heard since.
    silence: bool,
}

impl Timer {
    pub(super) fn new(config: &Config, now: Instant, random: &mut Random) -> Self {
        let silence_max = config.ping_interval.map(|interval| {
            // A part of an eighth is taken off, so that connections that were made together drift apart.
            let [share] = random.bytes::<1>();
            interval.saturating_sub(interval / 8 * u32::from(share) / 255)
        });
        Self { heard: now, silence_max, ping: None, close: None }
    }

    /// Any byte is a sign of life.
    pub(super) const fn heard(&mut self, now: Instant) {
        self.heard = now;
        if let Some(ping) = &mut self.ping {
            ping.silence = false;
        }
    }

    /// The round trip, if `payload` answers the last ping.
    pub(super) fn pong(&mut self, now: Instant, payload: &[u8]) -> Option<Duration> {
        let ping = self.ping.take_if(|ping| ping.token == payload)?;
        Some(now.saturating_duration_since(ping.sent))
    }

    pub(super) fn closing(&mut self, config: &Config, now: Instant) {
        self.close.get_or_insert(now + config.close_timeout);
    }

    fn deadline(&self, config: &Config) -> Option<Instant> {
        if self.close.is_some() {
            return self.close;
        }
        match self.ping {
            Some(Ping { sent, silence: true, .. }) => Some(sent + config.pong_timeout),
            _ => Some(self.heard + self.silence_max?),
        }
    }
}

impl<S: Storage> Connection<S> {
    /// The next moment at which [`handle_timeout`](Self::handle_timeout) has something to do. O(1).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Failed(_) | State::Ended { .. } => None,
            State::Open | State::CloseSent | State::Complete => self.timer.deadline(&self.config),
        }
    }

    /// A deadline may have passed. Spurious calls do nothing.
    ///
    /// After silence a ping is owed; after a ping without a sign of life, or a closing handshake that the peer leaves
    /// open, the connection is over. O(1).
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Event<'_>> {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return None;
        }
        if self.timer.close.is_some() {
            return self.end();
        }
        if self.timer.ping.is_some_and(|ping| ping.silence) {
            self.fail(ProtocolError::PongTimeout);
            return self.end();
        }
        let token = self.random.bytes::<8>();
        self.timer.ping = Some(Ping { sent: now, token, silence: true });
        self.owed.ping(token);
        None
    }
}
