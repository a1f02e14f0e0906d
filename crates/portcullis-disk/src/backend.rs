//! The backend: the model in memory, whose answers wait until they are on the disk.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use portcullis_session::{
    Backend, Command, Completion, Config, ConnectionId, ENTRY_COST, MemoryBackend, NodeId, Refusal,
};
use portcullis_time::{Instant, UnixTime};

use crate::{
    error::DiskError,
    store::{Durability, Found, Loaded, Store, Times},
    writer::Writer,
};

/// What waits to be written may be this long, each command counted with its [`ENTRY_COST`]; more is refused as
/// `unavailable`.
const BACKLOG_LEN_MAX: usize = 32 << 20;

/// How a file is opened.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the caller")]
pub struct Options {
    /// The bounds of the session model.
    pub config: Config,
    /// An unpredictable seed: epochs come from it.
    pub seed: [u8; 32],
    /// How far a write must have come.
    pub durability: Durability,
    /// The moment of the call.
    pub now: Instant,
    /// The same moment in the time of the world: the file keeps the ages of events in it.
    pub unix: UnixTime,
}

/// Sessions, channels and logs that outlive the process. See the crate's page.
#[derive(Debug)]
pub struct DiskBackend {
    shared: Arc<Shared>,
    writer: Option<Writer>,
}

/// What the callers and the writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) wake: Condvar,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) memory: MemoryBackend,
    /// Completions of what has not been written yet.
    pub(crate) waiting: Vec<(NodeId, Completion)>,
    /// Completions whose turn has come.
    pub(crate) ready: VecDeque<(NodeId, Completion)>,
    /// A batch is being written: what comes now waits for the next.
    pub(crate) is_writing: bool,
    pub(crate) backlog: usize,
    pub(crate) stop: bool,
    pub(crate) failed: Option<DiskError>,
}

impl Shared {
    /// A poisoned lock means that a caller panicked, which is its bug; what it left is whole.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Sorts what the model has said into what may be told and what must wait. True when there is something to write.
    fn settle(&mut self) -> bool {
        while let Some(completion) = self.memory.poll_completion() {
            self.waiting.push(completion);
        }
        if self.failed.is_none() && (self.is_writing || self.memory.has_changes()) {
            return true;
        }
        // Nothing of it is new to the disk, or there is no disk any more and these are refusals.
        self.ready.extend(self.waiting.drain(..));
        self.backlog = 0;
        false
    }

    /// Why a command is not even tried.
    fn obstacle(&self, command: &Command<'_>) -> Option<Refusal> {
        let is_full = self.backlog > BACKLOG_LEN_MAX && !matches!(command, Command::Close { .. });
        (is_full || self.failed.is_some()).then_some(Refusal::Unavailable)
    }
}

impl DiskBackend {
    /// Opens the file at `path`, or makes it, and goes on where it ended. `notify` is called by the writing thread
    /// whenever completions have become ready, with an error when the file can be written no more: from then on every
    /// command is refused as `unavailable`, and nothing that waits is ever told.
    ///
    /// Reads and checks the whole file: O(n) in what is kept.
    ///
    /// # Errors
    /// The file is held by another process, is not one of this crate's, is damaged, or cannot be read or written.
    pub fn open(
        path: &Path,
        options: &Options,
        notify: impl Fn(Result<(), DiskError>) + Send + 'static,
    ) -> Result<(Self, Found), DiskError> {
        let times = Times { now: options.now, unix: options.unix };
        let (store, loaded) = Store::open(path, options.durability, times)?;
        Self::start(store, loaded, options, notify)
    }

    pub(crate) fn start(
        store: Store,
        loaded: Loaded,
        options: &Options,
        notify: impl Fn(Result<(), DiskError>) + Send + 'static,
    ) -> Result<(Self, Found), DiskError> {
        let Options { config, seed, now, .. } = *options;
        let memory = MemoryBackend::restore(config, seed, now, loaded.sessions, loaded.logs);
        let state = State {
            memory,
            waiting: Vec::new(),
            ready: VecDeque::new(),
            is_writing: false,
            backlog: 0,
            stop: false,
            failed: None,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new() });
        let writer = Writer::start(shared.clone(), store, notify)?;
        Ok((Self { shared, writer: Some(writer) }, loaded.found))
    }

    /// Reads something off the model.
    pub fn inspect<T>(&self, read: impl FnOnce(&MemoryBackend) -> T) -> T {
        read(&self.shared.lock().memory)
    }

    /// Takes on other limits, from the next command on.
    pub fn set_config(&self, config: Config) {
        self.shared.lock().memory.set_config(config);
    }

    /// Writes what waits and ends in order. Dropping does the same and tells nobody of an error.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn close(mut self) -> Result<(), DiskError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), DiskError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        self.shared.lock().stop = true;
        self.shared.wake.notify_all();
        writer.join()
    }
}

impl Drop for DiskBackend {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Backend for DiskBackend {
    fn submit(&mut self, now: Instant, node: NodeId, command: Command<'_>) {
        let mut state = self.shared.lock();
        if let Some(reason) = state.obstacle(&command) {
            // After all that was asked before.
            let refused = refused(&command, reason);
            state.waiting.extend(refused.map(|refused| (node, refused)));
        } else {
            state.backlog += cost(&command);
            state.memory.submit(now, node, command);
        }
        if state.settle() {
            self.shared.wake.notify_one();
        }
    }

    fn poll_completion(&mut self) -> Option<(NodeId, Completion)> {
        self.shared.lock().ready.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.shared.lock().memory.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        let mut state = self.shared.lock();
        state.memory.handle_timeout(now);
        if state.settle() {
            self.shared.wake.notify_one();
        }
    }
}

fn cost(command: &Command<'_>) -> usize {
    let len = match command {
        Command::Publish { data, .. } | Command::Announce { data, .. } => data.len(),
        Command::Open { .. }
        | Command::Close { .. }
        | Command::Subscribe { .. }
        | Command::Unsubscribe { .. }
        | Command::Apply { .. }
        | _ => 0,
    };
    len.saturating_add(ENTRY_COST)
}

/// The answer to a command that was not tried; a goodbye gets none.
fn refused(command: &Command<'_>, reason: Refusal) -> Option<Completion> {
    let refused = |connection: ConnectionId, id, channel: Option<&str>| {
        Some(Completion::Refused { connection, id, channel: channel.map(Arc::from), reason })
    };
    match command {
        Command::Open { connection, .. } | Command::Announce { connection, .. } => {
            refused(*connection, None, None)
        }
        Command::Subscribe { caller, channel, .. } | Command::Unsubscribe { caller, channel } => {
            refused(caller.connection, None, Some(channel))
        }
        Command::Publish { caller, id, .. } => refused(caller.connection, *id, None),
        Command::Apply { caller, id } => refused(caller.connection, Some(*id), None),
        Command::Close { .. } | _ => None,
    }
}
