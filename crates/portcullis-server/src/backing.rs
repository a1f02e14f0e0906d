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

    /// Writes what waits. What comes later is forgotten with the process.
    pub(crate) fn close(&mut self) -> Result<(), DiskError> {
        match core::mem::replace(
            self,
            Self::Memory(Box::new(MemoryBackend::new(Default::default(), [0; 32]))),
        ) {
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
