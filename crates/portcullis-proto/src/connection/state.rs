//! How far a connection has come.

use crate::{ProtocolError, Side};

/// The states of RFC 6455 §7, and the ways between them: `Open` → `CloseSent` or `CloseReceived` → `Complete` → `Ended`;
/// from each to `Failed` or `Ended`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// Our close frame is sent or owed; the peer's is awaited, and its data is discarded.
    CloseSent,
    /// Both close frames have come and gone (ours may still be owed).
    Complete,
    /// The peer broke the protocol.
    Failed(ProtocolError),
    /// The transport is gone, or was given up.
    Ended {
        clean: bool,
    },
}

impl State {
    /// Whether a close frame of ours may still follow.
    pub(super) const fn may_send_close(self) -> bool {
        matches!(self, Self::Open)
    }

    pub(super) const fn is_complete(self) -> bool {
        matches!(self, Self::Complete)
    }

    pub(super) const fn is_closed(self, side: Side) -> bool {
        match self {
            Self::Open | Self::CloseSent => false,
            // RFC 6455 §5.5.1: "The server MUST close the underlying TCP connection immediately; the client SHOULD wait for the
            // server to close the connection"
            Self::Complete => matches!(side, Side::Server),
            Self::Failed(_) | Self::Ended { .. } => true,
        }
    }
}
