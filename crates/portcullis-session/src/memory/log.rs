//! A channel's log: epoch, offsets without holes, bounded by count, bytes and age.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use portcullis_time::Instant;

use crate::{
    Arc,
    boundary::Entry,
    config::{Config, ENTRY_COST},
    id::{Epoch, Position},
};

/// What an event of `len` bytes is charged: its data, and what goes with each event in memory and in an answer. Events
/// without data are not free.
pub(super) const fn cost(len: usize) -> usize {
    len.saturating_add(ENTRY_COST)
}

#[derive(Debug)]
pub(super) struct Log {
    epoch: Epoch,
    /// The offset of the last event; 0 before the first.
    last: u64,
    entries: VecDeque<(Instant, Arc<Entry>)>,
    bytes: usize,
}

impl Log {
    pub(super) const fn new(epoch: Epoch) -> Self {
        Self { epoch, last: 0, entries: VecDeque::new(), bytes: 0 }
    }

    pub(super) const fn end(&self) -> Position {
        Position::new(self.epoch, self.last)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends an event and forgets what no longer fits; `free` is what all logs together may still grow by.
    pub(super) fn append(&mut self, now: Instant, config: &Config, free: usize, data: &[u8]) -> Arc<Entry> {
        self.last += 1;
        let entry = Arc::new(Entry { offset: self.last, data: Box::from(data) });
        self.entries.push_back((now, entry.clone()));
        let bytes_max = config.log_bytes_max.min(self.bytes.saturating_add(free));
        self.bytes += cost(data.len());
        while self.entries.len() > config.log_events_max || self.bytes > bytes_max {
            self.forget_oldest();
        }
        self.expire(now, config);
        entry
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, now: Instant, config: &Config) {
        while self.entries.front().is_some_and(|(at, _)| *at + config.log_age_max <= now) {
            self.forget_oldest();
        }
        if self.entries.is_empty() {
            // A quiet channel gives back what a busy hour took.
            self.entries = VecDeque::new();
        }
    }

    /// When the next event will be too old.
    pub(super) fn expires_at(&self, config: &Config) -> Option<Instant> {
        self.entries.front().map(|(at, _)| *at + config.log_age_max)
    }

    /// Everything since `since`, or `None` when something of it is gone: then there is a gap.
    pub(super) fn since(&self, since: Position, config: &Config) -> Option<Vec<Arc<Entry>>> {
        if since.epoch != self.epoch || since.offset > self.last {
            return None;
        }
        let missed = usize::try_from(self.last - since.offset).ok()?;
        let first = self.entries.len().checked_sub(missed)?;
        let entries = self.entries.range(first..);
        let bytes: usize = entries.clone().map(|(_, entry)| cost(entry.data.len())).sum();
        (bytes <= config.recovery_bytes_max).then(|| entries.map(|(_, entry)| entry.clone()).collect())
    }

    /// The events behind `offset`, with the moments at which they came.
    pub(super) fn behind(&self, offset: u64) -> Vec<(Instant, Arc<Entry>)> {
        let new = usize::try_from(self.last.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.entries.range(self.entries.len().saturating_sub(new)..).cloned().collect()
    }

    /// The offset of the oldest event that is kept, or that of the next event when none is.
    pub(super) fn first(&self) -> u64 {
        self.entries.front().map_or(self.last + 1, |(_, entry)| entry.offset)
    }

    /// A log as it was; `entries` end at `last` and have no holes.
    pub(super) fn restored(epoch: Epoch, last: u64, entries: Vec<(Instant, Arc<Entry>)>) -> Self {
        let bytes = entries.iter().map(|(_, entry)| cost(entry.data.len())).sum();
        Self { epoch, last, entries: entries.into(), bytes }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, entry)) = self.entries.pop_front() {
            self.bytes -= cost(entry.data.len());
        }
    }
}
