//! What the operator asks of all workers at once, and is told when each of them has done it.
//!
//! A worker looks for orders at the start of each turn and before each delivery, so that nothing is delivered to a
//! connection that an order has ended once the operator has been told so.

use core::time::Duration;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use portcullis_session::{NodeId, SessionId};

/// Something that every worker has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The revocations have changed: end the connections that they mean.
    EnforceRevocations,
    /// End the connections of a user or of a session.
    Disconnect { whom: Whom, code: u16, reason: &'static str },
}

/// Whose connections are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    User(Box<str>),
    Session(SessionId),
}

/// An order on its way.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) order: Order,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct Progress {
    workers_left: usize,
    closed: usize,
}

impl Issued {
    /// One worker has done it, and closed so many connections.
    pub(crate) fn done(&self, closed: usize) {
        let mut progress = lock(&self.progress);
        progress.workers_left = progress.workers_left.saturating_sub(1);
        progress.closed += closed;
        self.changed.notify_all();
    }

    /// Waits until every worker has done it; the connections that were closed, or `None` when some worker took longer
    /// than `patience`.
    pub(crate) fn wait(&self, patience: Duration) -> Option<usize> {
        let progress = lock(&self.progress);
        let (progress, _) = self
            .changed
            .wait_timeout_while(progress, patience, |progress| progress.workers_left > 0)
            .unwrap_or_else(PoisonError::into_inner);
        (progress.workers_left == 0).then_some(progress.closed)
    }
}

/// The orders that each worker has not yet seen.
#[derive(Debug)]
pub(crate) struct Orders(Box<[Queue]>);

#[derive(Debug, Default)]
struct Queue {
    orders: Mutex<VecDeque<Arc<Issued>>>,
    len: AtomicUsize,
}

impl Orders {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Queue::default()).collect())
    }

    /// Puts an order before every worker. They have to be woken after it.
    pub(crate) fn issue(&self, order: Order) -> Arc<Issued> {
        let progress = Progress { workers_left: self.0.len(), closed: 0 };
        let issued = Arc::new(Issued { order, progress: Mutex::new(progress), changed: Condvar::new() });
        for queue in &self.0 {
            lock(&queue.orders).push_back(issued.clone());
            queue.len.fetch_add(1, Ordering::Release);
        }
        issued
    }

    /// The next order for `node`. One atomic load when there is none.
    pub(crate) fn take(&self, node: NodeId) -> Option<Arc<Issued>> {
        let queue = self.0.get(usize::try_from(node.get()).ok()?)?;
        if queue.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        let issued = lock(&queue.orders).pop_front()?;
        queue.len.fetch_sub(1, Ordering::AcqRel);
        Some(issued)
    }
}

/// A poisoned lock means that a worker panicked, which is our own bug; the others go on with what it left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
