//! Sides, kinds and limits.

use core::time::Duration;

use crate::wire::Opcode;

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 knows two")]
pub enum Side {
    /// The end that opened the connection; it masks what it sends.
    Client,
    /// The end that accepted it.
    Server,
}

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 knows two")]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Binary,
}

impl MessageKind {
    /// The opcode of a message's first frame.
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A message to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 knows two")]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// What it holds.
    #[must_use]
    pub const fn kind(self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// Its bytes.
    #[must_use]
    pub const fn payload(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl<'a> Message<'a> {
    /// The same as something that no compressor takes: see [`Secret`].
    #[must_use]
    pub const fn secret(self) -> Secret<'a> {
        Secret(self)
    }
}

/// A message that is never compressed, for a secret that may stand beside text of somebody else's choice: the length
/// of what is compressed tells about its content (RFC 7692 §8.1).
///
/// Only [`Connection::send_secret`](crate::Connection::send_secret) takes it; everything that compresses takes a
/// [`Message`], and there is no way back to one.
#[cfg_attr(feature = "deflate", doc = "```compile_fail,E0308")]
#[cfg_attr(feature = "deflate", doc = "use portcullis_proto::{Message, deflate::PreparedMessage};")]
#[cfg_attr(feature = "deflate", doc = "")]
#[cfg_attr(
    feature = "deflate",
    doc = "PreparedMessage::new(Message::Text(\"token\").secret(), None); // does not compile"
)]
#[cfg_attr(feature = "deflate", doc = "```")]
#[derive(Clone, Copy)]
pub struct Secret<'a>(Message<'a>);

impl<'a> Secret<'a> {
    /// For the one place that sends it.
    pub(crate) const fn message(self) -> Message<'a> {
        self.0
    }
}

impl core::fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(_)")
    }
}

/// The limits and deadlines of a connection. The defaults are 64 KiB for a frame and for a message, 1,024 fragments, a
/// ping after 25 s of silence, 10 s for its answer and 5 s for the closing handshake.
///
/// ```
/// use portcullis_proto::Config;
///
/// let config = Config::server().with_message_len_max(1_024).with_ping_interval(None);
/// assert_eq!(config.fragments_max, 1_024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Which end this is.
    pub side: Side,
    /// The longest message that is received, in bytes over all its fragments.
    pub message_len_max: u64,
    /// The longest payload of one frame that is received, in bytes.
    pub frame_len_max: u64,
    /// The most frames that one message may come in, empty ones counted.
    pub fragments_max: u32,
    /// The most bytes that a compressed message may inflate to for each byte that its frames have declared. The first
    /// 4 KiB of a message are free.
    ///
    /// Precedents: Apache's `DeflateInflateRatioLimit` is 200; what people and programs say to each other stays under 10.
    pub inflate_ratio_max: u32,
    /// Whether messages are reported in parts as they arrive, and never gathered.
    pub streaming: bool,
    /// A ping is sent when nothing was heard for this long (less a part of an eighth of it, chosen by the seed, so
    /// that connections made together do not ping together); `None` sends none.
    pub ping_interval: Option<Duration>,
    /// A peer of which nothing is heard for this long after a ping is gone.
    pub pong_timeout: Duration,
    /// How long the peer may take over its side of the closing handshake.
    pub close_timeout: Duration,
}

impl Config {
    /// For the accepting side.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            side: Side::Server,
            message_len_max: 64 * 1_024,
            frame_len_max: 64 * 1_024,
            fragments_max: 1_024,
            inflate_ratio_max: 10,
            streaming: false,
            ping_interval: Some(Duration::from_secs(25)),
            pong_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
        }
    }

    /// For the opening side.
    #[must_use]
    pub const fn client() -> Self {
        Self { side: Side::Client, ..Self::server() }
    }

    /// The same with another [`Config::message_len_max`].
    #[must_use]
    pub const fn with_message_len_max(self, message_len_max: u64) -> Self {
        Self { message_len_max, ..self }
    }

    /// The same with another [`Config::frame_len_max`].
    #[must_use]
    pub const fn with_frame_len_max(self, frame_len_max: u64) -> Self {
        Self { frame_len_max, ..self }
    }

    /// The same with another [`Config::fragments_max`].
    #[must_use]
    pub const fn with_fragments_max(self, fragments_max: u32) -> Self {
        Self { fragments_max, ..self }
    }

    /// The same with another [`Config::inflate_ratio_max`].
    #[must_use]
    pub const fn with_inflate_ratio_max(self, inflate_ratio_max: u32) -> Self {
        Self { inflate_ratio_max, ..self }
    }

    /// The same with another [`Config::streaming`].
    #[must_use]
    pub const fn with_streaming(self, streaming: bool) -> Self {
        Self { streaming, ..self }
    }

    /// The same with another [`Config::ping_interval`].
    #[must_use]
    pub const fn with_ping_interval(self, ping_interval: Option<Duration>) -> Self {
        Self { ping_interval, ..self }
    }

    /// The same with another [`Config::pong_timeout`].
    #[must_use]
    pub const fn with_pong_timeout(self, pong_timeout: Duration) -> Self {
        Self { pong_timeout, ..self }
    }

    /// The same with another [`Config::close_timeout`].
    #[must_use]
    pub const fn with_close_timeout(self, close_timeout: Duration) -> Self {
        Self { close_timeout, ..self }
    }
}

/// The most memory that a connection over a `VecStorage` ever holds, in bytes: itself, a whole message, and the half
/// of one that is held twice while the storage grows for the last time.
#[cfg(feature = "alloc")]
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "compared just before")]
pub const fn worst_case_bytes(config: &Config) -> usize {
    let message =
        if config.message_len_max > usize::MAX as u64 { usize::MAX } else { config.message_len_max as usize };
    size_of::<crate::Connection<crate::VecStorage>>().saturating_add(message).saturating_add(message / 2)
}
