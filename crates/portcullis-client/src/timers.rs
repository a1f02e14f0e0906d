//! Deadlines, each of which is set or not.

use portcullis_time::Instant;

/// What becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Connect,
    Retry,
    Stable,
    Refresh,
    Watch,
    Pong,
    Pause,
    Unattributed,
}

const COUNT: usize = 8;

/// When each is due. Of two that are due at once the one that was set first comes first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    due: [Option<(Instant, u64)>; COUNT],
    order: u64,
}

const ALL: [Timer; COUNT] = [
    Timer::Connect,
    Timer::Retry,
    Timer::Stable,
    Timer::Refresh,
    Timer::Watch,
    Timer::Pong,
    Timer::Pause,
    Timer::Unattributed,
];

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.order += 1;
        if let Some(due) = self.due.get_mut(timer as usize) {
            *due = Some((at, self.order));
        }
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        if let Some(due) = self.due.get_mut(timer as usize) {
            *due = None;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.due = [None; COUNT];
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.iter().flatten().map(|(at, _)| *at).min()
    }

    /// Takes one that is due, with the moment at which it was.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let set = ALL.iter().filter_map(|timer| Some((self.due.get(*timer as usize).copied()??, *timer)));
        let ((_, timer), _) = set.map(|(due, timer)| ((due, timer), due)).min_by_key(|(_, due)| *due)?;
        let is_due = self.due.get(timer as usize).copied()??.0 <= now;
        if !is_due {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }
}
