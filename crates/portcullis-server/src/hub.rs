//! Where the workers meet: one backend, and one mailbox for each worker.
//!
//! A worker submits a command and reads the answer from its own mailbox, never from the call, so that a backend that
//! answers later looks just like the one in memory. Completions are put into the mailboxes under the backend's lock:
//! that is what keeps the events of one channel in order on every worker.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use portcullis_session::{Backend, Command, Completion, NodeId};
use portcullis_time::Instant;

use crate::backing::Backing;

/// A mailbox that holds more than this is behind; publishing waits for it.
const MAILBOX_LEN_HIGH: usize = 16 * 1_024;

/// What one worker has not yet read.
#[derive(Debug)]
struct Mailbox {
    queue: Mutex<VecDeque<Completion>>,
    len: AtomicUsize,
    waker: mio::Waker,
}

/// The shared backend and the mailboxes around it.
#[derive(Debug)]
pub(crate) struct Hub<B = Backing> {
    backend: Mutex<B>,
    mailboxes: Vec<Mailbox>,
}

impl<B: Backend> Hub<B> {
    /// `wakers`: one for each worker, in the order of their [`NodeId`]s.
    pub(crate) fn new(backend: B, wakers: Vec<mio::Waker>) -> Self {
        let mailbox = |waker| Mailbox { queue: Mutex::default(), len: AtomicUsize::new(0), waker };
        Self { backend: Mutex::new(backend), mailboxes: wakers.into_iter().map(mailbox).collect() }
    }

    /// Hands one command to the backend. Its completions are in the mailboxes when this returns, or later.
    pub(crate) fn submit(&self, now: Instant, node: NodeId, command: Command<'_>) {
        let mut backend = lock(&self.backend);
        backend.submit(now, node, command);
        self.distribute(&mut backend, Some(node));
    }

    /// When the backend wants to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        lock(&self.backend).poll_timeout()
    }

    /// Has every worker look around.
    pub(crate) fn wake_all(&self) {
        for mailbox in &self.mailboxes {
            // A worker that cannot be woken has ended.
            let _ = mailbox.waker.wake();
        }
    }

    /// Brings what the backend has answered by itself, such as what has been written meanwhile.
    pub(crate) fn collect(&self) {
        self.distribute(&mut lock(&self.backend), None);
    }

    /// Lets the backend do what is due at `now`.
    pub(crate) fn handle_timeout(&self, now: Instant) {
        let mut backend = lock(&self.backend);
        if backend.poll_timeout().is_some_and(|deadline| deadline <= now) {
            backend.handle_timeout(now);
            self.distribute(&mut backend, None);
        }
    }

    /// The next completion for `node`.
    pub(crate) fn take(&self, node: NodeId) -> Option<Completion> {
        let mailbox = self.mailbox(node)?;
        if mailbox.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        let completion = lock(&mailbox.queue).pop_front()?;
        mailbox.len.fetch_sub(1, Ordering::AcqRel);
        Some(completion)
    }

    /// Whether `node` has unread completions.
    pub(crate) fn has_mail(&self, node: NodeId) -> bool {
        self.mailbox(node).is_some_and(|mailbox| mailbox.len.load(Ordering::Acquire) > 0)
    }

    /// Whether some worker is so far behind that nothing more should be published.
    pub(crate) fn is_behind(&self) -> bool {
        self.mailboxes.iter().any(|mailbox| mailbox.len.load(Ordering::Relaxed) > MAILBOX_LEN_HIGH)
    }

    /// Reads something off the backend.
    pub(crate) fn inspect<T>(&self, read: impl FnOnce(&B) -> T) -> T {
        read(&lock(&self.backend))
    }

    /// Changes the backend's own settings.
    pub(crate) fn adjust(&self, change: impl FnOnce(&mut B)) {
        change(&mut lock(&self.backend));
    }

    /// Moves completions to the mailboxes, waking every worker but `own`, which looks by itself.
    fn distribute(&self, backend: &mut B, own: Option<NodeId>) {
        while let Some((node, completion)) = backend.poll_completion() {
            let Some(mailbox) = self.mailbox(node) else { continue };
            lock(&mailbox.queue).push_back(completion);
            let was_empty = mailbox.len.fetch_add(1, Ordering::AcqRel) == 0;
            if was_empty && own != Some(node) {
                // A worker that cannot be woken has ended.
                let _ = mailbox.waker.wake();
            }
        }
    }

    fn mailbox(&self, node: NodeId) -> Option<&Mailbox> {
        self.mailboxes.get(usize::try_from(node.get()).ok()?)
    }
}

/// A poisoned lock means that a worker panicked, which is our own bug; the others go on with what it left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
