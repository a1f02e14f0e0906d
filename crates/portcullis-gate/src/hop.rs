//! A hop that is sealed: each message between the gate and its client, whole, in both directions.

use alloc::vec::Vec;

use portcullis_proto::MessageKind;
use portcullis_seal::{Generation, HEADER_LEN, OVERHEAD, OpenError, Opener, SealError, Sealer};

/// Bytes of the generation before a sealed message.
const GENERATION_LEN: usize = 4;

/// Seals what goes out and opens what comes in. A message is binary: `generation (4 bytes, big-endian) ‖ sealed text`, with an
/// empty channel. It hides text from whoever ends TLS before this program does; what the gate checks it checks as ever.
#[derive(Debug)]
pub struct Hop {
    opener: Opener,
    sealer: Sealer,
    /// Reused for every message that goes out.
    out: Vec<u8>,
}

/// Why a message does not come through a sealed hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HopError {
    /// It is text, in the open.
    Plain,
    Open(OpenError),
}

impl HopError {
    pub(crate) const fn close_code(self) -> u16 {
        match self {
            Self::Plain => 1003,
            Self::Open(error) => error.close_code(),
        }
    }

    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Plain => "sealed_only",
            Self::Open(error) => error.code(),
        }
    }
}

impl Hop {
    /// `opener` is for what the client sends, `sealer` for what it gets.
    #[must_use]
    pub const fn new(opener: Opener, sealer: Sealer) -> Self {
        Self { opener, sealer, out: Vec::new() }
    }

    /// Takes the next generation of keys for both directions. Messages of the last one that are on their way still open.
    ///
    /// # Errors
    /// It is not later than the one in use.
    pub fn advance(&mut self, next: Generation) -> Result<(), SealError> {
        self.opener.advance(next)?;
        self.sealer.advance(next)
    }

    /// The text in a sealed message, opened in place.
    pub(crate) fn open<'m>(
        &mut self,
        kind: MessageKind,
        message: &'m mut [u8],
    ) -> Result<&'m mut [u8], HopError> {
        if kind != MessageKind::Binary {
            return Err(HopError::Plain);
        }
        let malformed = HopError::Open(OpenError::Malformed);
        let (generation, sealed) = message.split_first_chunk_mut::<GENERATION_LEN>().ok_or(malformed)?;
        let generation = Generation::new(u32::from_be_bytes(*generation));
        let opened = self.opener.open_in_place(generation, "", sealed).map_err(HopError::Open)?;
        Ok(opened.into_message())
    }

    /// The sealed form of a text.
    pub(crate) fn seal(&mut self, text: &[u8]) -> Result<&[u8], SealError> {
        self.out.clear();
        self.out.extend_from_slice(&self.sealer.generation().get().to_be_bytes());
        self.out.extend_from_slice(&[0; HEADER_LEN]);
        self.out.extend_from_slice(text);
        self.out.resize(GENERATION_LEN + text.len() + OVERHEAD, 0);
        let sealed = self.out.get_mut(GENERATION_LEN..).unwrap_or_default();
        self.sealer.seal_in_place("", sealed, text.len())?;
        Ok(&self.out)
    }
}

/// The bytes that a sealed hop adds to a message.
pub const HOP_OVERHEAD: usize = GENERATION_LEN + OVERHEAD;
