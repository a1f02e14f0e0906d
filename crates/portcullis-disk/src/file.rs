//! The file below the tables: how far a write must have come before it counts.

use std::{fs::File, io};

use redb::{StorageBackend, backends::FileBackend};

use crate::store::Durability;

/// A file whose writes are handed to the operating system, and waited for where the machine's failure is provided for.
#[derive(Debug)]
pub(crate) struct Bytes {
    file: FileBackend,
    durability: Durability,
}

impl Bytes {
    pub(crate) fn new(file: File, durability: Durability) -> Result<Self, redb::DatabaseError> {
        Ok(Self { file: FileBackend::new(file)?, durability })
    }
}

impl StorageBackend for Bytes {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Machine => self.file.sync_data(),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}
