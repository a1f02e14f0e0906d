//! The thread that writes: everything that came while it wrote goes into its next transaction, so that a slow disk makes
//! batches larger and not queues longer.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use portcullis_session::{Changes, Completion, NodeId};

use crate::{backend::Shared, error::DiskError, store::Store};

#[derive(Debug)]
pub(crate) struct Writer {
    thread: JoinHandle<Result<(), DiskError>>,
}

impl Writer {
    pub(crate) fn start(
        shared: Arc<Shared>,
        store: Store,
        notify: impl Fn(Result<(), DiskError>) + Send + 'static,
    ) -> Result<Self, DiskError> {
        let name = thread::Builder::new().name("disk".into());
        Ok(Self { thread: name.spawn(move || run(&shared, store, notify))? })
    }

    pub(crate) fn join(self) -> Result<(), DiskError> {
        self.thread.join().unwrap_or(Err(DiskError::Io(std::io::ErrorKind::Other)))
    }
}

fn run(shared: &Shared, store: Store, notify: impl Fn(Result<(), DiskError>)) -> Result<(), DiskError> {
    while let Some((changes, completions)) = next_batch(shared) {
        let result = if changes.is_empty() { Ok(()) } else { store.write(&changes) };
        let mut state = shared.lock();
        state.is_writing = false;
        match result {
            Ok(()) => {
                state.ready.extend(completions);
                drop(state);
                notify(Ok(()));
            }
            Err(error) => {
                // What was not written is told to nobody: whoever asked finds out after the restart.
                state.failed = Some(error);
                state.waiting.clear();
                drop(state);
                notify(Err(error));
                return Err(error);
            }
        }
    }
    store.close()
}

/// Waits until there is something to write; `None` when there never will be.
fn next_batch(shared: &Shared) -> Option<(Changes, Vec<(NodeId, Completion)>)> {
    let mut state = shared.lock();
    loop {
        // Completions without changes are of no news to the disk, but they came while it was busy: after what came before.
        if state.memory.has_changes() || !state.waiting.is_empty() {
            state.is_writing = true;
            state.backlog = 0;
            return Some((state.memory.take_changes(), core::mem::take(&mut state.waiting)));
        }
        if state.stop {
            return None;
        }
        state = shared.wake.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
    }
}
