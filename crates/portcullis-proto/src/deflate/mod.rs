//! Compression of messages: permessage-deflate (RFC 7692), both sides. Feature `deflate`.
//!
//! The two sides agree in the opening handshake, then the connection is told:
//!
//! ```
//! use portcullis_proto::{Config, Connection, Message, VecStorage, deflate::DeflateConfig};
//! use portcullis_proto::handshake::{Acceptance, ClientRequest, RequestHead, ResponseHead, accept};
//! use portcullis_time::Instant;
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let (ours, theirs) = (DeflateConfig::server(), DeflateConfig::client());
//! let offer = theirs.offer();
//! let wanted = ClientRequest { extensions: Some(&offer), ..ClientRequest::new("example.com", "/ws") };
//! let (mut request, mut response) = ([0; 1_024], [0; 1_024]);
//! let len = wanted.emit([7; 16], &mut request)?;
//!
//! // The server:
//! let head = RequestHead::parse(&request[..len])?;
//! let upgrade = head.upgrade()?;
//! let agreed = ours.accept(upgrade.extensions()).expect("the offer can be met");
//! let answer = agreed.response();
//! let len = accept(&upgrade, &Acceptance { extensions: Some(&answer), ..Acceptance::default() }, &mut response)?;
//! let mut server = Connection::new(Config::server(), Instant::ORIGIN, [1; 32], VecStorage::new(65_536))
//!     .with_deflate(agreed, &ours);
//!
//! // The client:
//! let accepted = ResponseHead::parse(&response[..len])?.verify(&wanted, [7; 16])?;
//! assert_eq!(theirs.agree(accepted.extensions())?, Some(agreed));
//!
//! let text = "again and again and again ".repeat(20);
//! let mut out = [0; 1_024];
//! let len = server.send(Instant::ORIGIN, Message::Text(&text), &mut out)?;
//! assert!(len < text.len() / 5);
//! # Ok(())
//! # }
//! ```
//!
//! # What is sent
//!
//! A message shorter than [`DeflateConfig::threshold`] is sent as it is, and so is one that does not become shorter: a
//! frame is never longer than it would be without compression. [`Message::secret`](crate::Message::secret) makes a
//! message that no compressor takes, for what stands beside text of an attacker's choice (CRIME, BREACH).
//!
//! A connection has a [`Compressor`] of its own ([`CompressorMode::Own`]: repetition between messages is found, at
//! hundreds of kilobytes each), or many share one ([`CompressorMode::Shared`]).
//!
//! # What is received
//!
//! A message is inflated a few kilobytes at a time, and ends the connection as soon as it is longer than
//! [`Config::message_len_max`](crate::Config::message_len_max), or than
//! [`Config::inflate_ratio_max`](crate::Config::inflate_ratio_max) times what came over the wire.

mod compressor;
mod engine_miniz;
#[cfg(feature = "zlib")]
mod engine_zlib;
mod inflater;
mod negotiate;
mod prepared;

#[cfg(not(feature = "zlib"))]
use engine_miniz as engine;
#[cfg(feature = "zlib")]
use engine_zlib as engine;

pub use compressor::{Compressor, Level};
pub(crate) use inflater::{Inflated, Inflater};
pub use negotiate::Agreed;
pub use prepared::PreparedMessage;

use crate::Side;

/// How a stretch of an engine's output ends: on a byte, with the window kept or emptied.
#[derive(Clone, Copy)]
enum Flush {
    Sync,
    Full,
}

/// RFC 7692 §7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The size of an LZ77 window, as its base-2 logarithm (RFC 7692 §7.1.2): 8 to 15, so 256 bytes to 32 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 256 bytes.
    pub const MIN: Self = Self(8);
    /// 32 KiB, which holds where nothing is said.
    pub const MAX: Self = Self(15);

    /// From 8 to 15; `None` for any other number.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits >= Self::MIN.0 && bits <= Self::MAX.0 { Some(Self(bits)) } else { None }
    }

    /// The logarithm.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The window's size in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        1 << self.0
    }

    /// Never: the smallest window has 256 bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        false
    }
}

/// Where the compressor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressorMode {
    /// In the connection, made with the first message that is compressed. Keeps its window from message to message
    /// unless no context takeover was agreed.
    Own,
    /// With the caller, who hands it in where it sends. [`Connection::send`](crate::Connection::send) alone does not
    /// compress.
    Shared,
}

/// What one side wants of permessage-deflate, and how it uses what is agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// The largest window that the server may compress with.
    pub server_max_window_bits: WindowBits,
    /// The largest window that the client may compress with. A server that sets less than 15 declines clients that do
    /// not say that they can be told.
    pub client_max_window_bits: WindowBits,
    /// The server starts each message with an empty window.
    pub server_no_context_takeover: bool,
    /// The client starts each message with an empty window. On a server this keeps each message's ratio honest and
    /// frees the window between messages.
    pub client_no_context_takeover: bool,
    /// Where this side's compressor is.
    pub compressor: CompressorMode,
    /// How much work goes into compression.
    pub level: Level,
    /// Messages shorter than this are not compressed, in bytes.
    pub threshold: usize,
}

impl DeflateConfig {
    /// For the accepting side: a compressor of its own, no takeover by the client.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            server_max_window_bits: WindowBits::MAX,
            client_max_window_bits: WindowBits::MAX,
            server_no_context_takeover: false,
            client_no_context_takeover: true,
            compressor: CompressorMode::Own,
            level: Level::Fast,
            threshold: 128,
        }
    }

    /// For the opening side: anything that the server likes.
    #[must_use]
    pub const fn client() -> Self {
        Self { client_no_context_takeover: false, ..Self::server() }
    }

    /// The same with another [`DeflateConfig::server_max_window_bits`].
    #[must_use]
    pub const fn with_server_max_window_bits(self, server_max_window_bits: WindowBits) -> Self {
        Self { server_max_window_bits, ..self }
    }

    /// The same with another [`DeflateConfig::client_max_window_bits`].
    #[must_use]
    pub const fn with_client_max_window_bits(self, client_max_window_bits: WindowBits) -> Self {
        Self { client_max_window_bits, ..self }
    }

    /// The same with another [`DeflateConfig::server_no_context_takeover`].
    #[must_use]
    pub const fn with_server_no_context_takeover(self, server_no_context_takeover: bool) -> Self {
        Self { server_no_context_takeover, ..self }
    }

    /// The same with another [`DeflateConfig::client_no_context_takeover`].
    #[must_use]
    pub const fn with_client_no_context_takeover(self, client_no_context_takeover: bool) -> Self {
        Self { client_no_context_takeover, ..self }
    }

    /// The same with another [`DeflateConfig::compressor`].
    #[must_use]
    pub const fn with_compressor(self, compressor: CompressorMode) -> Self {
        Self { compressor, ..self }
    }

    /// The same with another [`DeflateConfig::level`].
    #[must_use]
    pub const fn with_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// The same with another [`DeflateConfig::threshold`].
    #[must_use]
    pub const fn with_threshold(self, threshold: usize) -> Self {
        Self { threshold, ..self }
    }
}

/// What compression adds at the most to [`worst_case_bytes`](crate::worst_case_bytes) of a connection of `side`, in
/// bytes: its inflater, and its compressor if it has one of its own, for sent messages of up to `sent_len_max` bytes.
#[must_use]
pub const fn worst_case_bytes(
    agreed: &Agreed,
    config: &DeflateConfig,
    side: Side,
    sent_len_max: usize,
) -> usize {
    let inflater = Inflater::worst_case_bytes(agreed.window_bits(peer_of(side)));
    let compressor = match config.compressor {
        CompressorMode::Own => Compressor::worst_case_bytes(sent_len_max),
        CompressorMode::Shared => 0,
    };
    size_of::<Deflate>().saturating_add(inflater).saturating_add(compressor)
}

const fn peer_of(side: Side) -> Side {
    match side {
        Side::Server => Side::Client,
        Side::Client => Side::Server,
    }
}

/// What a connection keeps of compression.
#[derive(Debug)]
pub(crate) struct Deflate {
    agreed: Agreed,
    config: DeflateConfig,
    /// Ours, once it was needed.
    compressor: Option<Compressor>,
    pub(crate) inflater: Inflater,
}

impl Deflate {
    /// What `side` needs.
    pub(crate) const fn new(agreed: Agreed, config: &DeflateConfig, side: Side) -> Self {
        let peer = peer_of(side);
        Self {
            agreed,
            config: *config,
            compressor: None,
            inflater: Inflater::new(agreed.window_bits(peer), agreed.context_takeover(peer)),
        }
    }

    pub(crate) const fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The connection's own compressor, ready for a message of `side`, and whether that stands alone: `None` when it is
    /// too short, or compressors are shared.
    pub(crate) fn compressor(&mut self, side: Side, len: usize) -> Option<(&mut Compressor, bool)> {
        if len < self.config.threshold || self.config.compressor != CompressorMode::Own {
            return None;
        }
        let window_bits = self.agreed.window_bits(side);
        let compressor =
            self.compressor.get_or_insert_with(|| Compressor::new(window_bits, self.config.level));
        Some((compressor, !self.agreed.context_takeover(side)))
    }

    /// A compressed message of another's making goes out: what came before it cannot be referred to.
    pub(crate) fn forget(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.forget();
        }
    }

    /// Whether a message of this length is worth it.
    pub(crate) const fn is_worth(&self, len: usize) -> bool {
        len >= self.config.threshold
    }

    /// Gives the memory of the receiving half back.
    pub(crate) fn clear(&mut self) {
        self.inflater.clear();
    }
}
