//! What the server counts, in the Prometheus text format.

use core::fmt;
use std::{collections::HashSet, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// A label whose values are the stable codes of this program, and so are few.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

/// A close code. Peers' own codes are counted by their range, so that nobody can make up labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseCode {
    code: u16,
}

/// Counters and gauges. Cheap to count: plain atomics.
pub struct Metrics {
    registry: Registry,
    connections: Gauge,
    accepted: Counter<u64, AtomicU64>,
    upgraded: Counter<u64, AtomicU64>,
    handshakes_refused: Family<Code, Counter>,
    messages_received: Counter<u64, AtomicU64>,
    messages_sent: Counter<u64, AtomicU64>,
    bytes_received: Counter<u64, AtomicU64>,
    bytes_sent: Counter<u64, AtomicU64>,
    refused: Family<Code, Counter>,
    closed: Family<CloseCode, Counter>,
    auth_failures: Family<Code, Counter>,
    sessions: Gauge,
    channels: Gauge,
    draining: Gauge,
    key_sets_failed: Counter<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("portcullis"),
            connections: Gauge::default(),
            accepted: Counter::default(),
            upgraded: Counter::default(),
            handshakes_refused: Family::default(),
            messages_received: Counter::default(),
            messages_sent: Counter::default(),
            bytes_received: Counter::default(),
            bytes_sent: Counter::default(),
            refused: Family::default(),
            closed: Family::default(),
            auth_failures: Family::default(),
            sessions: Gauge::default(),
            channels: Gauge::default(),
            draining: Gauge::default(),
            key_sets_failed: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("connections", "Connections that are open", self.connections.clone());
        r.register("connections_accepted", "Connections that were accepted", self.accepted.clone());
        r.register("connections_upgraded", "Connections that became WebSockets", self.upgraded.clone());
        r.register("handshakes_refused", "Upgrades refused, by code", self.handshakes_refused.clone());
        r.register("messages_received", "Messages that passed the gate", self.messages_received.clone());
        r.register("messages_sent", "Messages sent", self.messages_sent.clone());
        r.register_with_unit("received", "Bytes received", Unit::Bytes, self.bytes_received.clone());
        r.register_with_unit("sent", "Bytes sent", Unit::Bytes, self.bytes_sent.clone());
        r.register("messages_refused", "Messages refused, by code", self.refused.clone());
        r.register("connections_closed", "Closings begun by the server, by close code", self.closed.clone());
        r.register("auth_failures", "Credentials refused, by code", self.auth_failures.clone());
        r.register("sessions", "Sessions, those whose clients are away among them", self.sessions.clone());
        r.register("channels", "Channels", self.channels.clone());
        r.register("key_sets_failed", "Fetches of key sets that failed", self.key_sets_failed.clone());
        r.register("draining", "Whether the server is going down", self.draining.clone());
    }

    /// The text that a scrape gets: the Prometheus text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        prometheus_text(&text)
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.inc();
        self.accepted.inc();
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.dec();
    }

    pub(crate) fn key_set_failed(&self) {
        self.key_sets_failed.inc();
    }

    pub(crate) fn connection_upgraded(&self) {
        self.upgraded.inc();
    }

    pub(crate) fn handshake_refused(&self, code: &'static str) {
        self.handshakes_refused.get_or_create(&Code { code }).inc();
    }

    pub(crate) fn message_received(&self) {
        self.messages_received.inc();
    }

    pub(crate) fn message_sent(&self) {
        self.messages_sent.inc();
    }

    pub(crate) fn bytes_received(&self, len: usize) {
        self.bytes_received.inc_by(len as u64);
    }

    pub(crate) fn bytes_sent(&self, len: usize) {
        if len > 0 {
            self.bytes_sent.inc_by(len as u64);
        }
    }

    pub(crate) fn refused(&self, code: &'static str) {
        self.refused.get_or_create(&Code { code }).inc();
    }

    pub(crate) fn closed(&self, code: u16) {
        self.closed.get_or_create(&CloseCode { code }).inc();
    }

    pub(crate) fn auth_failed(&self, code: &'static str) {
        self.auth_failures.get_or_create(&Code { code }).inc();
    }

    /// What is read off rather than counted, just before a scrape.
    pub(crate) fn set_model(&self, sessions: usize, channels: usize) {
        self.sessions.set(i64::try_from(sessions).unwrap_or(i64::MAX));
        self.channels.set(i64::try_from(channels).unwrap_or(i64::MAX));
    }

    pub(crate) fn set_draining(&self) {
        self.draining.set(1);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Turns OpenMetrics into the older text format, which every scraper reads. There a counter's help and type name it with
/// its `_total`, and there are no units and no end mark.
fn prometheus_text(open_metrics: &str) -> String {
    let counters: HashSet<&str> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = String::with_capacity(open_metrics.len() + 6 * 2 * counters.len());
    for line in open_metrics.lines() {
        let comment = line.strip_prefix("# ").map(|comment| {
            let (word, rest) = comment.split_once(' ').unwrap_or((comment, ""));
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            (word, name, rest)
        });
        match comment {
            Some(("EOF" | "UNIT", ..)) => continue,
            Some((word, name, rest)) if counters.contains(name) => {
                text.extend(["# ", word, " ", name, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}
