//! What a peer can do wrong, and what a caller can ask in vain.

use core::fmt;

use crate::wire::{BufferTooSmall, HeaderError};

/// The peer broke the protocol or a limit. The connection is failed (RFC 6455 §7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set that no extension has given a meaning (RFC 6455 §5.2).
    ReservedBits,
    /// The opcode is reserved (RFC 6455 §5.2).
    ReservedOpcode,
    /// A payload length is not written in the fewest bytes (RFC 6455 §5.2).
    NonMinimalLength,
    /// The most significant bit of a 64-bit length is set (RFC 6455 §5.2).
    LengthOverflow,
    /// A client sent a frame without a mask (RFC 6455 §5.1).
    UnmaskedFrame,
    /// A server sent a frame with a mask (RFC 6455 §5.1).
    MaskedFrame,
    /// A control frame is fragmented (RFC 6455 §5.5).
    ControlFragmented,
    /// A control frame is longer than 125 bytes (RFC 6455 §5.5).
    ControlTooBig {
        /// Its length in bytes.
        len: u64,
    },
    /// A continuation without a message to continue (RFC 6455 §5.4).
    UnexpectedContinuation,
    /// A new message inside another one (RFC 6455 §5.4).
    ExpectedContinuation,
    /// A frame is longer than [`crate::Config::frame_len_max`].
    FrameTooBig {
        /// Its length in bytes.
        len: u64,
        /// The limit in bytes.
        len_max: u64,
    },
    /// A message is longer than [`crate::Config::message_len_max`], or than its storage.
    MessageTooBig {
        /// Its length in bytes, as far as it is known.
        len: u64,
        /// The limit in bytes.
        len_max: u64,
    },
    /// A message comes in more frames than [`crate::Config::fragments_max`].
    TooManyFragments {
        /// The limit.
        fragments_max: u32,
    },
    /// A compressed message inflates to more than [`crate::Config::inflate_ratio_max`] times its length.
    InflateRatio {
        /// The limit.
        ratio_max: u32,
    },
    /// A compressed message is no deflate stream, or refers to more than the agreed window (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// A text message or a close reason is not UTF-8 (RFC 6455 §8.1).
    InvalidUtf8,
    /// A close frame has a payload of one byte (RFC 6455 §5.5.1).
    ClosePayloadInvalid,
    /// A close code that may not be sent (RFC 6455 §7.4).
    CloseCodeInvalid {
        /// The code.
        code: u16,
    },
    /// Nothing was heard after a ping for [`crate::Config::pong_timeout`].
    PongTimeout,
}

impl ProtocolError {
    /// The code that the connection is closed with.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            // RFC 6455 §7.4.1: "data within a message that was not consistent with the type of the message"
            Self::InvalidUtf8 | Self::InvalidDeflate => 1007,
            Self::TooManyFragments { .. } => 1008,
            Self::FrameTooBig { .. } | Self::MessageTooBig { .. } | Self::InflateRatio { .. } => 1009,
            Self::PongTimeout => 1001,
            Self::ReservedBits
            | Self::ReservedOpcode
            | Self::NonMinimalLength
            | Self::LengthOverflow
            | Self::UnmaskedFrame
            | Self::MaskedFrame
            | Self::ControlFragmented
            | Self::ControlTooBig { .. }
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::ClosePayloadInvalid
            | Self::CloseCodeInvalid { .. } => 1002,
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved_bits",
            Self::ReservedOpcode => "reserved_opcode",
            Self::NonMinimalLength => "non_minimal_length",
            Self::LengthOverflow => "length_overflow",
            Self::UnmaskedFrame => "unmasked_frame",
            Self::MaskedFrame => "masked_frame",
            Self::ControlFragmented => "control_fragmented",
            Self::ControlTooBig { .. } => "control_too_big",
            Self::UnexpectedContinuation => "unexpected_continuation",
            Self::ExpectedContinuation => "expected_continuation",
            Self::FrameTooBig { .. } => "frame_too_big",
            Self::MessageTooBig { .. } => "message_too_big",
            Self::TooManyFragments { .. } => "too_many_fragments",
            Self::InflateRatio { .. } => "inflate_ratio",
            Self::InvalidDeflate => "invalid_deflate",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::ClosePayloadInvalid => "close_payload_invalid",
            Self::CloseCodeInvalid { .. } => "close_code_invalid",
            Self::PongTimeout => "pong_timeout",
        }
    }
}

impl From<HeaderError> for ProtocolError {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::ReservedOpcode => Self::ReservedOpcode,
            HeaderError::NonMinimalLength => Self::NonMinimalLength,
            HeaderError::LengthOverflow => Self::LengthOverflow,
        }
    }
}

impl fmt::Display for ProtocolError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others have no numbers to tell")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameTooBig { len, len_max } => {
                write!(f, "a frame of {len} bytes, at most {len_max} are allowed")
            }
            Self::MessageTooBig { len, len_max } => {
                write!(f, "a message of {len} bytes or more, at most {len_max} are allowed")
            }
            Self::TooManyFragments { fragments_max } => write!(f, "more than {fragments_max} fragments"),
            Self::InflateRatio { ratio_max } => {
                write!(f, "a message inflates to more than {ratio_max} times its length")
            }
            Self::ControlTooBig { len } => {
                write!(f, "a control frame of {len} bytes, at most 125 are allowed")
            }
            Self::CloseCodeInvalid { code } => write!(f, "close code {code} may not be sent"),
            other => f.write_str(other.code()),
        }
    }
}

impl core::error::Error for ProtocolError {}

/// Why something cannot be sent. Nothing was written, and the connection is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The closing handshake has begun, or the connection is over (RFC 6455 §5.5.1).
    Closing,
    /// Another message is being sent in parts (RFC 6455 §5.4).
    InsideMessage,
    /// A client would send a frame that is not masked (RFC 6455 §5.1).
    Unmasked,
    /// The output has less room than the frame needs.
    BufferTooSmall {
        /// The room that there is, in bytes.
        len: usize,
        /// The room that is needed, in bytes.
        len_min: usize,
    },
    /// A ping's payload is longer than 125 bytes, or a close reason longer than 123 (RFC 6455 §5.5).
    ControlTooBig {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        len_max: usize,
    },
}

impl From<BufferTooSmall> for SendError {
    fn from(error: BufferTooSmall) -> Self {
        Self::BufferTooSmall { len: error.len, len_min: error.len_min }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closing => f.write_str("the connection is closing"),
            Self::Unmasked => f.write_str("a client masks what it sends"),
            Self::InsideMessage => f.write_str("another message is being sent in parts"),
            Self::BufferTooSmall { len, len_min } => {
                write!(f, "the frame needs {len_min} bytes, the buffer has {len}")
            }
            Self::ControlTooBig { len, len_max } => {
                write!(f, "{len} bytes do not fit a control frame's {len_max}")
            }
        }
    }
}

impl core::error::Error for SendError {}
