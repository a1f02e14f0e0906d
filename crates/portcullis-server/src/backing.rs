//! The backend that the configuration chose.

use portcullis_disk::{DiskBackend, DiskError};
use portcullis_session::{Backend, Command, Completion, MemoryBackend, NodeId};
use portcullis_time::Instant;

/// In memory, or in a file.
#[derive(Debug)]
pub(crate) enum Backing {
    Memory(Box<MemoryBackend>),
    Disk(DiskBackend),
}

impl Backing {
    /// Reads something off the model.
    pub(crate) fn inspect<T>(&self, read: impl FnOnce(&MemoryBackend) -> T) -> T {
        match self {
            Self::Memory(backend) => read(backend),
            Self::Disk(backend) => backend.inspect(read),
        }
    }

    pub(crate) fn set_config(&mut self, config: portcullis_session::Config) {
        match self {
            Self::Memory(backend) => backend.set_config(config),
            Self::Disk(backend) => backend.set_config(config),
        }
    }

    /// Takes it from where everybody reaches it. What comes later is forgotten with the process.
    pub(crate) fn take(&mut self) -> Self {
        let none = MemoryBackend::new(portcullis_session::Config::default(), [0; 32]);
        core::mem::replace(self, Self::Memory(Box::new(none)))
    }

    /// Writes what waits. Not to be called where the hub waits for it: the writer tells the hub what it has written.
    pub(crate) fn close(self) -> Result<(), DiskError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Disk(backend) => backend.close(),
        }
    }
}

impl Backend for Backing {
    fn submit(&mut self, now: Instant, node: NodeId, command: Command<'_>) {
        match self {
            Self::Memory(backend) => backend.submit(now, node, command),
            Self::Disk(backend) => backend.submit(now, node, command),
        }
    }

    fn poll_completion(&mut self) -> Option<(NodeId, Completion)> {
        match self {
            Self::Memory(backend) => backend.poll_completion(),
            Self::Disk(backend) => backend.poll_completion(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Memory(backend) => backend.poll_timeout(),
            Self::Disk(backend) => backend.poll_timeout(),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Memory(backend) => backend.handle_timeout(now),
            Self::Disk(backend) => backend.handle_timeout(now),
        }
    }
}
