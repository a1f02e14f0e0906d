//! Both halves of a split stream use one transport, which keeps one waker for each direction.

use alloc::{sync::Arc, task::Wake};
use core::task::Waker;
use std::sync::{Mutex, PoisonError};

/// The waker that the transport and the timer get. It wakes whoever waits in either half: the reader writes pongs, and
/// the writer that closes reads.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
}

/// A half of the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Half {
    Reader,
    Writer,
}

impl Wakers {
    /// The task to wake for this half.
    pub(crate) fn register(&self, half: Half, waker: &Waker) {
        let slot = match half {
            Half::Reader => &self.reader,
            Half::Writer => &self.writer,
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *slot {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Wakes whoever waits.
    pub(crate) fn wake_all(&self) {
        for slot in [&self.reader, &self.writer] {
            let waker = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}
