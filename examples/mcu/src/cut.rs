//! The ways to cut an input into pieces.

use core::{fmt, ops::Range};

/// An input of some thousand bytes is the same byte again and again: there not each cut is tried.
const CUTS_MAX: usize = 1_024;

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Whole,
    Bytes,
    At(usize),
}

impl Cut {
    /// Every way to cut `len` bytes.
    pub(crate) fn all(len: usize) -> impl Iterator<Item = Self> {
        let at = (1..len).step_by(len / CUTS_MAX + 1).map(Self::At);
        [Self::Whole, Self::Bytes].into_iter().chain(at)
    }

    /// Where the pieces of `len` bytes lie.
    pub(crate) fn pieces(self, len: usize) -> impl Iterator<Item = Range<usize>> {
        let (first, step) = match self {
            Self::Whole => (len, len),
            Self::Bytes => (1, 1),
            Self::At(at) => (at, len),
        };
        let mut start = 0_usize;
        core::iter::from_fn(move || {
            let end = if start == 0 { first } else { start.saturating_add(step) };
            let piece = start..end.min(len);
            start = piece.end;
            (!piece.is_empty()).then_some(piece)
        })
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Bytes => f.write_str("byte by byte"),
            Self::At(at) => write!(f, "cut at {at}"),
        }
    }
}
