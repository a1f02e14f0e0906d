//! Deadlines of connections, lazily kept: an entry that fires too early asks its connection again.

use std::{cmp::Reverse, collections::BinaryHeap};

use portcullis_time::Instant;

use super::Key;

/// The deadlines of one worker. A connection whose deadline only moves away, as every message does, costs nothing:
/// the old entry stays, fires, and is put back at the then true deadline.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Key)>>,
}

impl Timers {
    /// Makes sure that `key` is woken at `deadline` or before. `scheduled` is the connection's own note of its
    /// earliest entry.
    pub(super) fn schedule(&mut self, key: Key, deadline: Instant, scheduled: &mut Option<Instant>) {
        if scheduled.is_none_or(|earlier| deadline < earlier) {
            *scheduled = Some(deadline);
            self.heap.push(Reverse((deadline, key)));
        }
    }

    /// The earliest entry.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Takes one entry that is due at `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Key)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}
