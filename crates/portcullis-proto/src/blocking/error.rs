//! What can go wrong on a blocking connection.

use core::fmt;
use std::io;

use crate::{ProtocolError, SendError, handshake::HandshakeError};

/// Why a call did not do what it should.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The transport. With [`is_would_block`](Self::is_would_block) nothing is lost: call again.
    Io(io::Error),
    /// The opening handshake.
    Handshake(HandshakeError),
    /// The peer broke the protocol or a limit.
    Protocol(ProtocolError),
    /// What was to be sent cannot be; the connection is as it was.
    Send(SendError),
    /// The transport ended without a closing handshake, or the peer did not answer our close frame in time.
    Unclean,
}

impl Error {
    /// Whether the transport only had nothing to read, or no room to write, in its time.
    #[must_use]
    pub fn is_would_block(&self) -> bool {
        matches!(self, Self::Io(error) if would_block(error))
    }
}

/// A read timeout is one or the other of these, by operating system.
pub(super) fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Unclean => f.write_str("the transport ended without a closing handshake"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Unclean => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}
