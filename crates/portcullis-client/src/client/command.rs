//! What the application says.

use alloc::boxed::Box;

use portcullis_proto::CloseCode;

use super::{Client, Now};
use crate::{
    event::{MessageId, SendError, State},
    outbox::Outgoing,
    timers::Timer,
    wire::Control,
};

impl Client {
    /// Connects, or cuts the wait for the next attempt short. Does nothing on a live connection.
    pub fn connect(&mut self, now: Now) {
        match self.state {
            State::Connecting | State::Online => {}
            State::Closed => {
                self.attempt = 0;
                self.open(now);
            }
            State::Idle | State::Waiting => self.open(now),
        }
    }

    /// Ends the session. What is still pending is refused as `closed`.
    pub fn close(&mut self, now: Now) {
        self.hang_up(now, CloseCode::NORMAL, "");
        self.session = None;
        self.stop();
    }

    /// Takes a message to be sent. What becomes of it comes as `Settled`, once; until then it survives reconnects.
    /// Should the session be lost meanwhile, it may arrive twice, but never not at all. O(n) in what waits, with a key.
    ///
    /// # Errors
    /// It was not taken.
    pub fn send(&mut self, now: Now, outgoing: &Outgoing<'_>) -> Result<MessageId, SendError> {
        if self.state == State::Closed {
            return Err(SendError::Closed);
        }
        let message = self.outbox.push(outgoing, &self.config, &mut self.events)?;
        self.flush(now);
        Ok(message)
    }

    /// Receives a channel from now on, over reconnects too. `Subscribed` says when, `Refused` that it does not.
    pub fn subscribe(&mut self, now: Now, channel: &str) {
        if self.channels.want(channel) && self.state == State::Online {
            self.ask(now, channel);
        }
    }

    /// No longer receives a channel.
    pub fn unsubscribe(&mut self, now: Now, channel: &str) {
        if !self.channels.forget(channel) {
            return;
        }
        if self.state == State::Online {
            self.write(now, &Control::Unsubscribe { channel });
        } else {
            self.channels.released.insert(channel.into());
        }
    }

    /// Sends a text as it is, unnumbered and unchecked. False when there is no live connection.
    pub fn send_raw(&mut self, now: Now, text: &str) -> bool {
        self.state == State::Online && self.link.send(now.instant, text)
    }

    /// Asks the server for a sign of life; `Latency` says how long it took.
    pub fn ping(&mut self, now: Now) {
        if self.state != State::Online || self.pinged_at.is_some() {
            return;
        }
        self.pinged_at = Some(now.instant);
        self.is_heard = false;
        let timestamp = now.unix.as_millis();
        let text = alloc::format!("{{\"action\":\"ping\",\"payload\":{{}},\"timestamp\":{timestamp}}}");
        self.link.send(now.instant, &text);
        self.after(Timer::Pong, now, self.config.pong_timeout);
    }

    /// The system says whether there is a network. Nothing is tried without one; a live connection is asked for a sign of
    /// life when it is said to be gone, and the next attempt comes at once when it is back.
    pub fn set_online(&mut self, now: Now, online: bool) {
        self.is_offline = !online;
        match self.state {
            State::Waiting if online => self.open(now),
            State::Waiting => self.timers.cancel(Timer::Retry),
            State::Idle | State::Connecting | State::Online | State::Closed => {
                if !online {
                    self.ping(now);
                }
            }
        }
    }

    /// The program slept, and its deadlines with it: the peer is asked for a sign of life at once.
    pub fn wake(&mut self, now: Now) {
        self.pinged_at = None;
        if self.state == State::Waiting {
            self.wait();
        } else {
            self.ping(now);
        }
    }

    /// The answer to [`super::Action::FetchToken`]; `None` when there is none to be had now.
    pub fn token(&mut self, now: Now, serial: u64, token: Option<&str>) {
        if serial != self.serial {
            return;
        }
        match self.state {
            State::Connecting => self.token_to_connect(now, token),
            State::Online => self.token_to_refresh(now, token),
            State::Idle | State::Waiting | State::Closed => {}
        }
    }

    fn token_to_connect(&mut self, now: Now, token: Option<&str>) {
        let Some(token) = token else {
            // Its source is out of reach: later, perhaps.
            return self.lost(now, 1006, "no_token");
        };
        if self.expired.as_deref() == Some(token) {
            // The same token once more would be refused once more.
            return self.stop_with(4401, "expired");
        }
        self.token = Some(Box::from(token));
        self.actions.push_back(super::Action::Dial { serial: self.serial });
    }

    fn token_to_refresh(&mut self, now: Now, token: Option<&str>) {
        // No other token to be had: the server closes with `expired`, and the next attempt asks again.
        let Some(token) = token.filter(|token| self.token.as_deref() != Some(*token)) else { return };
        self.token = Some(Box::from(token));
        self.write(now, &Control::Auth { token: Some(token), resume: None });
        if let Some(expiry) = crate::wire::expiry(token) {
            self.refresh_at(now, expiry);
        }
    }
}
