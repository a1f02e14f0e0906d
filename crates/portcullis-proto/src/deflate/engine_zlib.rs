//! The engine where there is `std`: `zlib-rs`.

use alloc::{boxed::Box, vec::Vec};

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

use super::{Flush, Inflated, Level, WindowBits, engine_miniz};

/// A raw deflate stream that is written.
pub(super) struct Deflater {
    state: Deflate,
    /// Room for whatever may come out. In version 0.6.8 a stream whose output has to wait can panic.
    scratch: Vec<u8>,
}

/// Longer scratch memory is given back behind the message.
const SCRATCH_LEN_KEPT: usize = 64 * 1_024;

impl Deflater {
    /// The most heap that it takes for a message of `input_len` bytes, in bytes.
    pub(super) const fn worst_case_bytes(input_len: usize) -> usize {
        // Its window, hash chains, code tables and buffer of codes; a test counts. The scratch memory may be there twice
        // while it grows.
        let scratch = input_len.saturating_add(input_len / 7 + 600);
        (376 * 1_024_usize).saturating_add(scratch.saturating_mul(2))
    }

    /// It cannot do with less than 512 bytes: a caller that may use less bounds distances by [`Flush::Full`].
    pub(super) const WINDOW_BITS_MIN: WindowBits = WindowBits(9);

    pub(super) fn new(window_bits: WindowBits, level: Level) -> Self {
        let window_bits = i32::from(window_bits.max(Self::WINDOW_BITS_MIN).bits());
        let state = Deflate::new_with_config(DeflateConfig {
            window_bits: -window_bits,
            level: i32::from(level.number()),
            ..DeflateConfig::default()
        });
        Self { state, scratch: Vec::new() }
    }

    pub(super) fn reset(&mut self) {
        self.state.reset();
    }

    /// Compresses all of `input` and flushes; returns the length, or `None` if `out` is too small.
    pub(super) fn deflate(&mut self, input: &[u8], flush: Flush, out: &mut [u8]) -> Option<usize> {
        let flush = match flush {
            Flush::Sync => DeflateFlush::SyncFlush,
            Flush::Full => DeflateFlush::FullFlush,
        };
        // Nine bits for each byte, and what a block and a flush begin and end with.
        let room = input.len() + input.len() / 7 + 600;
        if self.scratch.len() < room {
            self.scratch.resize(room, 0);
        }
        let (in_before, out_before) = (self.state.total_in(), self.state.total_out());
        let status = self.state.compress(input, &mut self.scratch, flush).ok()?;
        let consumed = self.state.total_in() - in_before;
        let written = usize::try_from(self.state.total_out() - out_before).ok()?;
        let is_whole = status == Status::Ok && consumed == input.len() as u64 && written < self.scratch.len();
        let copied = is_whole.then_some(()).and_then(|()| {
            out.get_mut(..written)?.copy_from_slice(self.scratch.get(..written)?);
            Some(written)
        });
        if self.scratch.len() > SCRATCH_LEN_KEPT {
            self.scratch = Vec::new();
        }
        copied
    }
}

/// A raw deflate stream that is read.
pub(super) enum InflateStream {
    /// This engine has a window of 32 KiB always, and looks further back than a smaller one where the output allows.
    Full(Box<Inflate>),
    Small(engine_miniz::InflateStream),
}

impl InflateStream {
    /// The heap that it takes, in bytes.
    pub(super) const fn worst_case_bytes(window_bits: WindowBits) -> usize {
        // A test counts.
        let full = size_of::<Inflate>() + 48 * 1_024;
        let small = engine_miniz::InflateStream::worst_case_bytes(window_bits);
        if window_bits.bits() == WindowBits::MAX.bits() { full } else { small }
    }

    pub(super) fn new(window_bits: WindowBits) -> Self {
        if window_bits == WindowBits::MAX {
            Self::Full(Box::new(Inflate::new(false, window_bits.bits())))
        } else {
            Self::Small(engine_miniz::InflateStream::new(window_bits))
        }
    }

    /// Inflates into `out`. What comes before an error is given out first, and the error at the next call.
    pub(super) fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Option<Inflated> {
        match self {
            Self::Full(state) => inflate(state, input, out),
            Self::Small(stream) => stream.inflate(input, out),
        }
    }
}

fn inflate(state: &mut Inflate, input: &[u8], out: &mut [u8]) -> Option<Inflated> {
    let (mut used, mut written) = (0, 0);
    loop {
        let rest = input.get(used..)?;
        let free = out.get_mut(written..)?;
        if free.is_empty() {
            return Some(Inflated { used, written, has_more: true });
        }
        let (in_before, out_before) = (state.total_in(), state.total_out());
        let status = state.decompress(rest, free, InflateFlush::SyncFlush);
        used += usize::try_from(state.total_in() - in_before).ok()?;
        written += usize::try_from(state.total_out() - out_before).ok()?;
        match status {
            Err(_) if written > 0 => return Some(Inflated { used, written, has_more: true }),
            Err(_) => return None,
            // RFC 7692 §7.2.3.4: "implementors can choose to flush data using DEFLATE blocks with "BFINAL" set to 1"
            // Who does starts with an empty window behind it, since that is all that the common engines can do.
            Ok(Status::StreamEnd) => state.reset(false),
            Ok(Status::Ok | Status::BufError) => {
                // This engine does not tell whether more is waiting; where the room is used up, it may be.
                return Some(Inflated { used, written, has_more: written == out.len() });
            }
        }
        if used == input.len() {
            return Some(Inflated { used, written, has_more: false });
        }
    }
}
