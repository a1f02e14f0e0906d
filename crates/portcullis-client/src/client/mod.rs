//! The client: one machine for all that stands between an application and a session.
//!
//! Reading order: `command` is what the application says, `link` the connection below, `receive` what the server says,
//! `timer` what time brings.

mod command;
mod link;
mod receive;
mod timer;

use alloc::{boxed::Box, collections::VecDeque};
use core::time::Duration;

use portcullis_time::{Instant, UnixTime};

use crate::{
    backoff::Backoff,
    channels::Channels,
    config::Config,
    event::{Event, State},
    outbox::Outbox,
    timers::{Timer, Timers},
    url::Url,
};
use link::Link;

/// The time, by both clocks: deadlines count in the one, timestamps in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the driver at each call")]
pub struct Now {
    /// Monotonic.
    pub instant: Instant,
    /// On the wall.
    pub unix: UnixTime,
}

/// Why a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenReason {
    /// For the next attempt.
    Connect,
    /// The server called the last one expired: the same one would end the session.
    Expired,
    /// The one in use will expire soon.
    Refresh,
}

/// What the driver is asked to do. Each carries the number that its answer comes with: an answer that is too late finds
/// another number, and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Find a token, and call [`Client::token`].
    FetchToken {
        /// The number.
        serial: u64,
        /// Why.
        reason: TokenReason,
    },
    /// Open a transport to [`Client::url`], and call [`Client::dialed`] or [`Client::dial_failed`].
    Dial {
        /// The number.
        serial: u64,
    },
    /// Write what [`Client::output`] still holds, as far as it goes at once, and let go of the transport.
    Hangup,
}

/// Why there is no transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialError {
    /// Nobody answers there now: it is tried again.
    Unreachable,
    /// Whoever answers is not who was asked for, by its certificate: it is not tried again.
    Untrusted,
}

/// What resumes.
#[derive(Debug)]
struct Session {
    session: Box<str>,
    resume: Box<str>,
}

/// A session with a server, over as many connections as it takes. See the crate's page.
#[derive(Debug)]
pub struct Client {
    config: Config,
    url: Url,
    state: State,
    link: Link,
    timers: Timers,
    backoff: Backoff,
    /// Failures since a connection was stable.
    attempt: u32,
    /// Of the attempt: what belongs to an older one changes nothing.
    serial: u64,
    /// When the wait is over, while there is one.
    retry_at: Instant,
    is_offline: bool,
    /// The last one used.
    token: Option<Box<str>>,
    /// The one that the server called expired.
    expired: Option<Box<str>>,
    session: Option<Session>,
    outbox: Outbox,
    channels: Channels,
    /// The server's bucket is empty: nothing is sent for a while.
    is_paused: bool,
    /// When anything arrived last.
    received_at: Instant,
    /// When a sign of life was asked for that has not come.
    pinged_at: Option<Instant>,
    /// Whether anything arrived since.
    is_heard: bool,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
}

/// The longest that a server's `retry_after_ms` holds messages back.
const PAUSE_MAX: Duration = Duration::from_secs(30);

impl Client {
    /// A client that does nothing yet. `seed` must differ between clients: their waits come from it.
    #[must_use]
    pub fn new(url: Url, config: Config, seed: [u8; 32]) -> Self {
        Self {
            config,
            url,
            state: State::Idle,
            link: Link::None,
            timers: Timers::default(),
            backoff: Backoff::new(seed),
            attempt: 0,
            serial: 0,
            retry_at: Instant::ORIGIN,
            is_offline: false,
            token: None,
            expired: None,
            session: None,
            outbox: Outbox::default(),
            channels: Channels::default(),
            is_paused: false,
            received_at: Instant::ORIGIN,
            pinged_at: None,
            is_heard: false,
            actions: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Where it connects to.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Messages that no answer has come for: waiting and in flight.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.outbox.len()
    }

    /// The next thing for the driver to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next thing that happened. What has been read is looked at only as events are taken: an application that takes
    /// none is a transport that is not read.
    pub fn poll_event(&mut self, now: Now) -> Option<Event> {
        while self.events.is_empty() {
            if !self.receive_next(now) {
                return None;
            }
        }
        self.events.pop_front()
    }

    /// When [`Client::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next(), self.link.poll_timeout()].into_iter().flatten().min()
    }

    fn enter(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.events.push_back(Event::State(state));
        }
    }

    fn after(&mut self, timer: Timer, now: Now, delay: Duration) {
        self.timers.set(timer, now.instant + delay);
    }
}
