//! The engine that needs no operating system: `miniz_oxide`.

use alloc::{boxed::Box, vec, vec::Vec};

#[cfg(not(feature = "zlib"))]
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{
        DecompressorOxide, decompress_with_limit,
        inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
    },
};

#[cfg(not(feature = "zlib"))]
use super::{Flush, Level};
use super::{Inflated, WindowBits};

/// A raw deflate stream that is written.
#[cfg(not(feature = "zlib"))]
pub(super) struct Deflater {
    state: Box<CompressorOxide>,
}

#[cfg(not(feature = "zlib"))]
impl Deflater {
    /// The most heap that it takes, in bytes.
    pub(super) const fn worst_case_bytes(_input_len: usize) -> usize {
        // Its dictionary, hash chains, code tables and buffer of codes; a test counts.
        320 * 1_024
    }

    /// Its window is always 32 KiB: a caller that may use less bounds distances by [`Flush::Full`].
    pub(super) const WINDOW_BITS_MIN: WindowBits = WindowBits::MAX;

    pub(super) fn new(_window_bits: WindowBits, level: Level) -> Self {
        let flags = create_comp_flags_from_zip_params(i32::from(level.number()), -15, 0);
        Self { state: Box::new(CompressorOxide::new(flags)) }
    }

    pub(super) fn reset(&mut self) {
        self.state.reset();
    }

    /// Compresses all of `input` and flushes; returns the length, or `None` if `out` is too small.
    pub(super) fn deflate(&mut self, input: &[u8], flush: Flush, out: &mut [u8]) -> Option<usize> {
        let flush = match flush {
            Flush::Sync => TDEFLFlush::Sync,
            Flush::Full => TDEFLFlush::Full,
        };
        let room = out.len();
        let (status, consumed, written) = compress(&mut self.state, input, out, flush);
        // Where the room is used up, more may be waiting.
        (status == TDEFLStatus::Okay && consumed == input.len() && written < room).then_some(written)
    }
}

/// A raw deflate stream that is read. Its window is a ring of just the agreed size, so that what refers further back is
/// seen, however the input is cut. Until the ring has been filled once it is no ring but a plain buffer, so that what
/// refers to before the first byte is seen too.
pub(super) struct InflateStream {
    state: Box<DecompressorOxide>,
    /// The window, as a ring.
    ring: Vec<u8>,
    at: usize,
    is_full: bool,
}

impl InflateStream {
    /// The heap that it takes, in bytes.
    pub(super) const fn worst_case_bytes(window_bits: WindowBits) -> usize {
        size_of::<DecompressorOxide>() + window_bits.len()
    }

    pub(super) fn new(window_bits: WindowBits) -> Self {
        Self { state: Box::default(), ring: vec![0; window_bits.len()], at: 0, is_full: false }
    }

    /// Inflates into `out`. What comes before an error is given out first, and the error at the next call.
    pub(super) fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Option<Inflated> {
        let (mut used, mut written) = (0, 0);
        loop {
            let rest = input.get(used..)?;
            let free = out.get_mut(written..)?;
            if free.is_empty() {
                return Some(Inflated { used, written, has_more: true });
            }
            let wrapping = if self.is_full { 0 } else { TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF };
            let (status, consumed, produced) = decompress_with_limit(
                &mut self.state,
                rest,
                &mut self.ring,
                self.at,
                free.len(),
                TINFL_FLAG_HAS_MORE_INPUT | wrapping,
            );
            let made = self.ring.get(self.at..self.at + produced)?;
            free.get_mut(..produced)?.copy_from_slice(made);
            self.at += produced;
            if self.at == self.ring.len() {
                (self.at, self.is_full) = (0, true);
            }
            used += consumed;
            written += produced;
            match status {
                TINFLStatus::NeedsMoreInput => return Some(Inflated { used, written, has_more: false }),
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::Done => {
                    // RFC 7692 §7.2.3.4: "implementors can choose to flush data using DEFLATE blocks with "BFINAL" set to 1"
                    self.state.init();
                    if used == input.len() {
                        return Some(Inflated { used, written, has_more: false });
                    }
                }
                TINFLStatus::FailedCannotMakeProgress
                | TINFLStatus::BadParam
                | TINFLStatus::Adler32Mismatch
                | TINFLStatus::Failed
                | _ if written > 0 => return Some(Inflated { used, written, has_more: true }),
                TINFLStatus::FailedCannotMakeProgress
                | TINFLStatus::BadParam
                | TINFLStatus::Adler32Mismatch
                | TINFLStatus::Failed
                | _ => return None,
            }
        }
    }
}
