//! What can be wrong with a file.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of another crate's errors only some mean something of their own"
)]

use core::fmt;
use std::io;

/// Why the file cannot be used, or can be used no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskError {
    /// Another process holds it.
    InUse,
    /// What is in it was not written like this. Nothing of it was taken.
    Corrupt(Damage),
    /// Another version of this program wrote it.
    Version {
        /// The form in the file.
        found: u64,
        /// The form that this version writes.
        known: u64,
    },
    /// The system refused to read or write.
    Io(io::ErrorKind),
}

/// What is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// A page does not match its checksum, or is no page at all.
    Page,
    /// The tables are not those of this crate.
    Tables,
    /// A log has a hole, or does not end where it should.
    Log,
    /// A session holds what cannot be held.
    Session,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("another process holds the file"),
            Self::Corrupt(Damage::Page) => {
                f.write_str("the file is corrupt: a page does not match its checksum")
            }
            Self::Corrupt(Damage::Tables) => {
                f.write_str("the file is not one of Portcullis, or is corrupt: its tables are others")
            }
            Self::Corrupt(Damage::Log) => f.write_str("the file is corrupt: the log of a channel has a hole"),
            Self::Corrupt(Damage::Session) => f.write_str("the file is corrupt: a session cannot be read"),
            Self::Version { found, known } => {
                write!(f, "the file has form {found}, and this version reads form {known}")
            }
            Self::Io(kind) => write!(f, "{kind}"),
        }
    }
}

impl core::error::Error for DiskError {}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

impl From<redb::StorageError> for DiskError {
    fn from(error: redb::StorageError) -> Self {
        match error {
            redb::StorageError::Corrupted(_) => Self::Corrupt(Damage::Page),
            redb::StorageError::Io(error)
                if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                Self::Corrupt(Damage::Page)
            }
            redb::StorageError::Io(error) => error.into(),
            _ => Self::Io(io::ErrorKind::Other),
        }
    }
}

impl From<redb::DatabaseError> for DiskError {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Self::InUse,
            redb::DatabaseError::Storage(error) => error.into(),
            _ => Self::Corrupt(Damage::Page),
        }
    }
}

impl From<redb::TableError> for DiskError {
    fn from(error: redb::TableError) -> Self {
        match error {
            redb::TableError::Storage(error) => error.into(),
            _ => Self::Corrupt(Damage::Tables),
        }
    }
}

impl From<redb::TransactionError> for DiskError {
    fn from(error: redb::TransactionError) -> Self {
        match error {
            redb::TransactionError::Storage(error) => error.into(),
            _ => Self::Io(io::ErrorKind::Other),
        }
    }
}

impl From<redb::CommitError> for DiskError {
    fn from(error: redb::CommitError) -> Self {
        match error {
            redb::CommitError::Storage(error) => error.into(),
            _ => Self::Io(io::ErrorKind::Other),
        }
    }
}
