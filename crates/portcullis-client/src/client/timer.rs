//! What time brings.

use portcullis_time::UnixTime;

use super::{Action, Client, Now, TokenReason};
use crate::timers::Timer;

impl Client {
    /// A deadline may have passed. Spurious calls do nothing.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(timer) = self.timers.pop_due(now.instant) {
            self.due(now, timer);
        }
        if let super::link::Link::Open(endpoint) = &mut self.link {
            endpoint.handle_timeout(now.instant);
        }
    }

    fn due(&mut self, now: Now, timer: Timer) {
        match timer {
            Timer::Connect => self.lost(now, 1006, "connect_timeout"),
            Timer::Retry => self.open(now),
            Timer::Stable => self.attempt = 0,
            Timer::Refresh => {
                self.actions
                    .push_back(Action::FetchToken { serial: self.serial, reason: TokenReason::Refresh });
            }
            Timer::Watch => self.look(now),
            Timer::Pong => {
                self.pinged_at = None;
                // Anything that came proves life, even when the question itself was refused.
                if !self.is_heard {
                    self.lost(now, 1006, "no_answer");
                }
            }
            Timer::Pause => self.resume_sending(now),
            Timer::Unattributed => {
                self.outbox.attribute(&mut self.events);
                self.flush(now);
            }
        }
    }

    /// The server's bucket has filled again: subscriptions that were not read are asked for again.
    fn resume_sending(&mut self, now: Now) {
        self.is_paused = false;
        for name in self.channels.names(|channel| channel.asked && !channel.live) {
            self.ask(now, &name);
        }
        self.flush(now);
    }

    /// From now on asks for a sign of life when nothing has come for a while.
    pub(super) fn watch(&mut self, now: Now) {
        self.received_at = now.instant;
        self.pinged_at = None;
        self.look(now);
    }

    fn look(&mut self, now: Now) {
        let at = self.received_at + self.config.ping_interval;
        if at <= now.instant {
            self.ping(now);
            self.after(Timer::Watch, now, self.config.ping_interval);
        } else {
            self.timers.set(Timer::Watch, at);
        }
    }

    /// A live connection is closed when its token expires; a new one in time keeps it.
    pub(super) fn refresh_at(&mut self, now: Now, expiry: UnixTime) {
        let left = expiry.saturating_duration_since(now.unix);
        let early = left.saturating_sub(self.config.refresh_before);
        self.after(Timer::Refresh, now, early.max(left / 2));
    }
}
