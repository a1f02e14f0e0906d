//! What may be changed, with its default.

use core::time::Duration;

/// How the token travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Auth {
    /// `Authorization: Bearer`, with the upgrade.
    #[default]
    Header,
    /// As a subprotocol, with the upgrade: for where a header field cannot be set. The server says why it refuses a
    /// token by close code, and not by status.
    Subprotocol,
    /// As the first message.
    Message,
}

/// What happens to one message too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutboxPolicy {
    /// It is refused.
    #[default]
    Refuse,
    /// The oldest that waits is refused in its place.
    DropOldest,
}

/// The bounds and deadlines of a client. The default is the published contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How the token travels. Default: [`Auth::Header`].
    pub auth: Auth,
    /// From an attempt to `welcome`. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long nothing may arrive before the peer is asked for a sign of life. Default: 20 s.
    pub ping_interval: Duration,
    /// How long the peer then has. Default: 8 s.
    pub pong_timeout: Duration,
    /// The wait before attempt n (0, 1, 2 …) is uniform between 0 and min(cap, base × 2^n). Default: 500 ms.
    pub backoff_base: Duration,
    /// Default: 30 s.
    pub backoff_cap: Duration,
    /// How long a connection must have lasted before the attempts count from 0 again. Default: 10 s.
    pub stable_after: Duration,
    /// How long before its expiry a token is replaced on the live connection. Default: 60 s.
    pub refresh_before: Duration,
    /// Messages that wait to be sent. Default: 256.
    pub outbox_max: usize,
    /// What happens to one too many. Default: [`OutboxPolicy::Refuse`].
    pub outbox_policy: OutboxPolicy,
    /// Messages sent and not yet acknowledged. Default: 32.
    pub in_flight_max: usize,
    /// A longer message is refused here, because it would cost the connection there, in bytes. Default: 64 KiB.
    pub message_len_max: usize,
    /// A longer message of the server costs it the connection, in bytes. Default: 1 MiB.
    pub received_len_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            auth: Auth::Header,
            connect_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(8),
            backoff_base: Duration::from_millis(500),
            backoff_cap: Duration::from_secs(30),
            stable_after: Duration::from_secs(10),
            refresh_before: Duration::from_secs(60),
            outbox_max: 256,
            outbox_policy: OutboxPolicy::Refuse,
            in_flight_max: 32,
            message_len_max: 65_536,
            received_len_max: 1 << 20,
        }
    }
}
