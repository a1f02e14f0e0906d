//! Bytes in and bytes out: reading within the allowance, handing on, flushing, waiting.

use std::io;

use super::{
    Key, READ_LEN_MAX, READS_PER_TURN, UNSENT_LEN_HIGH, Worker,
    connection::{Connection, Phase},
    echo,
    gated::{self, Parts},
    opening,
    transport::Received,
};

impl Worker {
    /// Reads what the connection may take in this turn, and handles it.
    pub(super) fn read(&mut self, key: Key, closed: bool) {
        self.handle_held_back(key);
        for _ in 0..READS_PER_TURN {
            // What was read before it had to wait is answered now, and the wait is noted.
            let Some(len_max) = self.read_len_max(key) else { return self.after_input(key) };
            let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
            let Some(buffer) = self.buffer.get_mut(..len_max) else { return };
            match connection.transport.receive(buffer) {
                Err(error) => return self.fail(key, &error),
                Ok(Received::Nothing) => return self.after_input(key),
                Ok(Received::End) => return self.handle_end(key),
                Ok(Received::Bytes { len, more }) => {
                    self.handle_bytes(key, len);
                    if !more && !closed {
                        return self.after_input(key);
                    }
                }
            }
        }
        self.after_input(key);
        self.mark_unread(key);
    }

    /// Notes that `key` may have more to read than its turn allowed.
    pub(super) fn mark_unread(&mut self, key: Key) {
        if let Some(connection) = self.connection(key)
            && !core::mem::replace(&mut connection.unread, true)
        {
            self.unread.push_back(key);
        }
    }

    /// How much `key` may read now; `None` when it has to wait, for its byte bucket or for its peer.
    fn read_len_max(&mut self, key: Key) -> Option<usize> {
        let (now, live) = (self.env.now, self.env.live.clone());
        let connection = self.connection(key)?;
        if connection.outbound.len() > UNSENT_LEN_HIGH {
            connection.blocked = true;
            return None;
        }
        let Phase::Gated(gated) = &connection.phase else { return Some(READ_LEN_MAX) };
        if gated.is_held_back() {
            return None;
        }
        match gated.gate.read_allowance(now, &live.policy) {
            Ok(len) => Some(len.min(READ_LEN_MAX)),
            Err(limited) => {
                connection.paused_until = Some(limited.retry_at);
                None
            }
        }
    }

    /// Hands `len` bytes of the read buffer on.
    fn handle_bytes(&mut self, key: Key, len: usize) {
        self.env.metrics.bytes_received(len);
        let live = self.env.live.clone();
        let now = self.env.now;
        if let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key) {
            gated.gate.charge_read(now, &live.policy, len);
        }
        // Nobody else reads meanwhile.
        let mut buffer = core::mem::take(&mut self.buffer);
        self.handle_input(key, buffer.get_mut(..len).unwrap_or_default());
        self.buffer = buffer;
    }

    /// Hands what was read on, answer by answer.
    fn handle_input(&mut self, key: Key, input: &mut [u8]) {
        let mut at = 0;
        while let Some(input) = input.get_mut(at..).filter(|input| !input.is_empty()) {
            let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
            if connection.generation != key.generation {
                return;
            }
            let Connection { phase, outbound, transport, .. } = connection;
            let (used, next) = match phase {
                Phase::Opening(opening) => {
                    opening::handle_input(&mut self.env, opening, transport, outbound, input)
                }
                Phase::Bare(engine) => echo::handle_input(&mut self.env, engine, outbound, input),
                Phase::Gated(gated) if gated.is_held_back() => {
                    gated.held_back.extend_from_slice(input);
                    return;
                }
                Phase::Gated(gated) => {
                    gated::handle_input(&mut self.env, &mut Parts { key, gated, outbound }, input)
                }
                Phase::Lingering { budget, .. } => match budget.checked_sub(input.len()) {
                    Some(rest) => {
                        *budget = rest;
                        (input.len(), None)
                    }
                    None => return self.remove(key),
                },
            };
            at += used;
            if let Some(next) = next {
                self.enter(key, next);
            }
            if let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key)
                && core::mem::take(&mut gated.scopes_changed)
            {
                self.enforce_scopes(key);
            }
            if self.env.has_mail() {
                self.deliver();
            }
        }
    }

    /// What came before its session was open, now that it is.
    fn handle_held_back(&mut self, key: Key) {
        if let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key)
            && !gated.is_held_back()
        {
            let mut held_back = core::mem::take(&mut gated.held_back);
            self.handle_input(key, &mut held_back);
        }
    }

    /// Moves a connection to its next phase.
    pub(super) fn enter(&mut self, key: Key, next: Phase) {
        let Some(connection) = self.connection(key) else { return };
        let before = core::mem::replace(&mut connection.phase, next);
        if let Phase::Gated(gated) = before {
            self.end_session(key, &gated);
        }
        let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
        let Connection { phase, outbound, .. } = connection;
        if let Phase::Gated(gated) = phase {
            gated::handle_upgraded(&mut self.env, &mut Parts { key, gated, outbound });
        }
    }

    /// After a connection had its turn: write, and note when it wants to be woken.
    pub(super) fn after_input(&mut self, key: Key) {
        self.flush(key);
        self.reschedule(key);
    }

    /// Writes what the transport takes.
    pub(super) fn flush(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
        if connection.generation != key.generation {
            return;
        }
        let before = connection.outbound.len();
        let result = connection.transport.flush(&mut connection.outbound, &mut self.env.pool);
        self.env.metrics.bytes_sent(before - connection.outbound.len());
        match result {
            Err(error) => self.fail(key, &error),
            Ok(done) => {
                if core::mem::take(&mut connection.blocked) {
                    if connection.outbound.len() > UNSENT_LEN_HIGH {
                        connection.blocked = true;
                    } else if !core::mem::replace(&mut connection.unread, true) {
                        self.unread.push_back(key);
                    }
                }
                let is_resuming =
                    matches!(&connection.phase, Phase::Gated(gated) if !gated.resuming.is_empty());
                if done && matches!(connection.phase, Phase::Lingering { .. }) && !connection.ended {
                    connection.ended = true;
                    connection.transport.end();
                }
                if is_resuming {
                    self.resume_next(key);
                }
            }
        }
    }

    /// Notes that `key` has something to write at the end of this turn.
    pub(super) fn mark_dirty(&mut self, key: Key) {
        if let Some(connection) = self.connection(key)
            && !core::mem::replace(&mut connection.dirty, true)
        {
            self.dirty.push(key);
        }
    }

    /// Writes what deliveries have gathered.
    pub(super) fn flush_dirty(&mut self) {
        let mut dirty = core::mem::take(&mut self.dirty);
        for key in dirty.drain(..) {
            if let Some(connection) = self.connection(key) {
                connection.dirty = false;
                self.after_input(key);
            }
        }
        self.dirty = dirty;
    }

    /// Wakes the connections whose deadline has come.
    pub(super) fn handle_timers(&mut self) {
        let now = self.env.now;
        while let Some((deadline, key)) = self.timers.pop_due(now) {
            let Some(connection) = self.connection(key) else { continue };
            if connection.scheduled == Some(deadline) {
                connection.scheduled = None;
            }
            if connection.paused_until.is_some_and(|until| until <= now) {
                connection.paused_until = None;
                self.read(key, false);
            }
            self.handle_timeout(key);
            self.after_input(key);
        }
        // The backend has deadlines of its own; whichever worker is awake keeps them.
        self.env.hub.handle_timeout(now);
    }

    fn handle_timeout(&mut self, key: Key) {
        let now = self.env.now;
        let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
        if connection.generation != key.generation
            || connection.deadline().is_none_or(|deadline| deadline > now)
        {
            return;
        }
        let Connection { phase, outbound, .. } = connection;
        let next = match phase {
            Phase::Opening(opening) => opening::handle_timeout(&mut self.env, opening, outbound),
            Phase::Bare(engine) => echo::handle_timeout(&mut self.env, engine, outbound),
            Phase::Gated(gated) => gated::handle_timeout(&mut self.env, &mut Parts { key, gated, outbound }),
            Phase::Lingering { .. } => return self.remove(key),
        };
        if let Some(next) = next {
            self.enter(key, next);
        }
    }

    fn reschedule(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
        if connection.generation == key.generation
            && let Some(deadline) = connection.deadline()
        {
            self.timers.schedule(key, deadline, &mut connection.scheduled);
        }
    }

    /// The transport failed: nothing more can be said.
    fn fail(&mut self, key: Key, error: &io::Error) {
        tracing::debug!(%error, "transport failed");
        self.remove(key);
    }

    /// The peer will send no more.
    fn handle_end(&mut self, key: Key) {
        let now = self.env.now;
        if let Some(connection) = self.connection(key) {
            match &mut connection.phase {
                Phase::Bare(engine) => drop(engine.handle_eof(now)),
                Phase::Gated(gated) => drop(gated.gate.handle_eof(now)),
                Phase::Opening(_) | Phase::Lingering { .. } => {}
            }
        }
        self.flush(key);
        self.remove(key);
    }
}
