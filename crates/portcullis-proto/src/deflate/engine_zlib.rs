//! The engine where there is `std`: `zlib-rs`.

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

use super::{Level, WindowBits};

/// A raw deflate stream that is written.
pub(super) struct Deflater {
    state: Deflate,
}

impl Deflater {
    /// It cannot do with less than 512 bytes: a caller that may use less bounds distances by [`Flush::Full`].
    pub(super) const WINDOW_BITS_MIN: WindowBits = WindowBits(9);

    pub(super) fn new(window_bits: WindowBits, level: Level) -> Self {
        let window_bits = i32::from(window_bits.max(Self::WINDOW_BITS_MIN).bits());
        Self {
            state: Deflate::new_with_config(DeflateConfig {
                window_bits: -window_bits,
                level: i32::from(level.number()),
                // The buffer of symbols in proportion to the window.
                mem_level: window_bits - 7,
                ..DeflateConfig::default()
            }),
        }
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
        let (in_before, out_before) = (self.state.total_in(), self.state.total_out());
        let room = out.len();
        let status = self.state.compress(input, out, flush).ok()?;
        let consumed = self.state.total_in() - in_before;
        let written = usize::try_from(self.state.total_out() - out_before).ok()?;
        // Where the room is used up, more may be waiting.
        (status == Status::Ok && consumed == input.len() as u64 && written < room).then_some(written)
    }
}

/// How a stretch of output ends.
#[derive(Clone, Copy)]
pub(super) enum Flush {
    /// On a byte, the window kept.
    Sync,
    /// On a byte, the window emptied.
    Full,
}

/// A raw deflate stream that is read.
pub(super) struct InflateStream {
    state: Inflate,
    window_bits: WindowBits,
}

impl InflateStream {
    pub(super) fn new(window_bits: WindowBits) -> Self {
        Self { state: Inflate::new(false, window_bits.bits()), window_bits }
    }

    fn reset(&mut self) {
        // The engine's own reset goes back to the largest window.
        if self.window_bits == WindowBits::MAX {
            self.state.reset(false);
        } else {
            *self = Self::new(self.window_bits);
        }
    }

    /// Inflates into `out`: returns what was used and written. Only when `out` is full can more be waiting.
    pub(super) fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Option<(usize, usize)> {
        let (mut used, mut written) = (0, 0);
        loop {
            let rest = input.get(used..)?;
            let free = out.get_mut(written..)?;
            if free.is_empty() {
                return Some((used, written));
            }
            let (in_before, out_before) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(rest, free, InflateFlush::SyncFlush).ok()?;
            used += usize::try_from(self.state.total_in() - in_before).ok()?;
            written += usize::try_from(self.state.total_out() - out_before).ok()?;
            match status {
                // RFC 7692 §7.2.3.4: a block with BFINAL set ends nothing but itself. Who sets it starts with an empty window
                // behind it, since that is all that the common engines can do.
                Status::StreamEnd => self.reset(),
                Status::Ok | Status::BufError => return Some((used, written)),
            }
            if used == input.len() {
                return Some((used, written));
            }
        }
    }
}
