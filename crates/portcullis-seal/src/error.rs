//! What can go wrong.

use core::fmt;

use crate::form::Generation;

/// A message that cannot be sealed. The caller is at fault, or time has come for the next generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SealError {
    /// The buffer has no room for header, message and tag.
    Room {
        /// Its length in bytes.
        len: usize,
        /// What is needed, in bytes.
        needed: usize,
    },
    /// This generation has sealed 2³² messages; go on with the next one.
    Exhausted,
    /// A generation that is not later than the one in use.
    Generation {
        /// The one in use.
        current: Generation,
        /// The one that was asked for.
        next: Generation,
    },
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room { len, needed } => write!(f, "the buffer has {len} bytes, {needed} are needed"),
            Self::Exhausted => f.write_str("this generation of the key has sealed all that it may"),
            Self::Generation { current, next } => {
                write!(f, "generation {} is not later than {}", next.get(), current.get())
            }
        }
    }
}

impl core::error::Error for SealError {}

/// A sealed message that cannot be opened. The peer, or somebody on the way, is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenError {
    /// It is shorter than a header and a tag, or its text is no base64url.
    Malformed,
    /// It is of another session than this opener's.
    Session,
    /// It is of a generation that is not in use here.
    Generation {
        /// The one that it names.
        generation: Generation,
    },
    /// It has been opened before, or is older than the replay window remembers.
    Replayed {
        /// Its counter.
        counter: u32,
    },
    /// It was not sealed with this key for this place, or was changed on the way. The buffer is wiped.
    Forged,
}

impl OpenError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "seal_malformed",
            Self::Session => "seal_session",
            Self::Generation { .. } => "seal_generation",
            Self::Replayed { .. } => "seal_replayed",
            Self::Forged => "seal_forged",
        }
    }

    /// The code to close a connection with that is sealed as a whole: 1008, the peer keeps to none of the rules.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        1008
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for OpenError {}
