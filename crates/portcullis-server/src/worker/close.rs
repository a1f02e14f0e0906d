//! The ways a connection ends, and the draining of all of them.

use portcullis_proto::CloseCode;
use portcullis_session::Command;

use super::{
    Worker,
    connection::{Gated, Key, Phase},
    gated::{self, Parts},
};

/// What a lingering connection may still send before it is cut.
pub(super) const LINGER_LEN_MAX: usize = 16 * 1_024 * 1_024;

impl Worker {
    /// The session of a connection that leaves the gate: over at once after a goodbye, resumable otherwise.
    pub(super) fn end_session(&mut self, key: Key, gated: &Gated) {
        self.subscribers.remove_connection(key.into());
        if let Some(caller) = gated.caller(key) {
            self.env.submit(Command::Close { caller, resumable: !gated.left });
        }
    }

    /// Forgets a connection.
    pub(super) fn remove(&mut self, key: Key) {
        if self.connection(key).is_none() {
            return;
        }
        let mut connection = self.connections.remove(key.index as usize);
        if let Phase::Gated(gated) = &connection.phase {
            self.end_session(key, gated);
        }
        connection.outbound.release(&mut self.env.pool);
        // A socket that cannot be deregistered is closed by the drop below all the same.
        let _ = self.poll.registry().deregister(connection.transport.stream());
        self.env.shared.address_leaves(connection.address);
        self.env.metrics.connection_closed();
    }

    /// Begins the closing handshake with one connection.
    pub(super) fn close(&mut self, key: Key, code: CloseCode, reason: &str) {
        let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
        if connection.generation != key.generation {
            return;
        }
        self.env.metrics.closed(code.get());
        let now = self.env.now;
        match &mut connection.phase {
            Phase::Gated(gated) => {
                // A connection that is closing already goes on closing.
                let _ = gated.gate.close(now, code, reason);
                let outbound = &mut connection.outbound;
                gated::flush_owed(&mut self.env, &mut Parts { key, gated, outbound });
            }
            Phase::Bare(engine) => {
                let _ = engine.close(now, code, reason);
                super::echo::flush_owed(&mut self.env, engine, &mut connection.outbound);
            }
            Phase::Opening(_) | Phase::Lingering { .. } => {}
        }
        self.mark_dirty(key);
    }

    /// The server is going down: accept nothing more, and send every client away with a slot of its own, so that they
    /// do not all come back at once.
    pub(super) fn drain(&mut self) {
        if core::mem::replace(&mut self.draining, true) {
            return;
        }
        for mut listener in self.listeners.drain(..) {
            let _ = self.poll.registry().deregister(&mut listener.socket);
        }
        let keys: Vec<Key> = self.keys().collect();
        let spread_ms = u64::try_from(self.env.live.drain_spread.as_millis()).unwrap_or(u64::MAX);
        let count = u64::try_from(keys.len()).unwrap_or(u64::MAX).max(1);
        for (slot, key) in (0_u64..).zip(keys) {
            if self.connection(key).is_some_and(|connection| matches!(connection.phase, Phase::Opening(_))) {
                // It has been promised nothing yet.
                self.remove(key);
                continue;
            }
            let retry_after_ms = spread_ms.saturating_mul(slot) / count;
            self.close(key, CloseCode::RESTART, &format!("{{\"retry_after_ms\":{retry_after_ms}}}"));
        }
    }

    /// Whether nothing is left to wait for.
    pub(super) fn has_drained(&self) -> bool {
        let late = self.env.shared.drain_deadline().is_some_and(|deadline| deadline <= self.env.now);
        self.draining && (self.connections.is_empty() || late)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.connections.iter().filter_map(|(index, connection)| {
            Some(Key { index: u32::try_from(index).ok()?, generation: connection.generation })
        })
    }
}
