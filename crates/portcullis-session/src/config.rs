//! The bounds of a backend.

use core::time::Duration;

/// What an event is charged beside its data wherever bytes of events are counted: its share of memory in a log, and of
/// words around it in an answer.
pub const ENTRY_COST: usize = 128;

/// Message ids that were not applied are remembered for each session, so many of the latest: as many as a client may have
/// on the way, and as many again.
pub const SKIPPED_MAX: usize = 64;

/// The bounds of the session model. The default is the published contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Events that a channel's log keeps.
    pub log_events_max: usize,
    /// Bytes of events that a channel's log keeps, each with its [`ENTRY_COST`].
    pub log_bytes_max: usize,
    /// Bytes of events that all logs keep together; over it, the channel that grows forgets its oldest.
    pub log_bytes_total_max: usize,
    /// How long a log keeps an event.
    pub log_age_max: Duration,
    /// Bytes of missed events that one answer brings; a client that missed more gets an explicit gap.
    pub recovery_bytes_max: usize,
    /// How long a session waits for its client to come back.
    pub resume_window: Duration,
    /// Channels that one session holds, its user's own not counted.
    pub subscriptions_max: usize,
    /// Sessions at all.
    pub sessions_max: usize,
    /// Sessions of one user.
    pub sessions_per_user_max: usize,
    /// Channels at all, the own channels of users not counted: there is one for each user with a session.
    pub channels_max: usize,
    /// Users that an answer lists, and that one telling of presence names.
    pub users_listed_max: usize,
    /// How long joins and leaves gather before they are told.
    pub presence_interval: Duration,
    /// Whether publishing to a channel needs a subscription to it.
    pub publish_needs_subscription: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_events_max: 1_000,
            log_bytes_max: 1 << 20,
            log_bytes_total_max: 256 << 20,
            log_age_max: Duration::from_secs(300),
            recovery_bytes_max: 192 << 10,
            resume_window: Duration::from_secs(120),
            subscriptions_max: 128,
            sessions_max: 1 << 20,
            sessions_per_user_max: 64,
            channels_max: 1 << 16,
            users_listed_max: 100,
            presence_interval: Duration::from_millis(100),
            publish_needs_subscription: true,
        }
    }
}
