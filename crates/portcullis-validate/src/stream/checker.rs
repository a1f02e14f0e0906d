//! The check of a message in pieces, for applications.

use core::ops::Range;

use super::Stream;
use crate::{
    graph::Graph,
    options::CAPTURES_MAX,
    verdict::{Invalid, Span},
};

/// A check that takes its message in pieces, cut anywhere. It keeps nothing of the message, allocates nothing, and can be
/// used for one message after the other. Its memory is [`crate::Cost::stack_bytes`]: put it into a box where stacks are
/// small.
#[derive(Debug)]
pub struct Checker<'v> {
    machine: Stream<'v>,
    failed: Option<Invalid>,
}

/// Proof that all pieces together are JSON that meets the schema.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    captures: [Span; CAPTURES_MAX],
}

impl Checked {
    /// Where the value of the captured member `index` lies in the message, if it has it.
    #[must_use]
    pub fn capture_range(&self, index: usize) -> Option<Range<usize>> {
        self.captures.get(index)?.range()
    }
}

impl<'v> Checker<'v> {
    pub(crate) fn new(graph: &'v Graph) -> Self {
        Self { machine: Stream::new(graph), failed: None }
    }

    /// Takes the next piece. O(n).
    ///
    /// # Errors
    /// The message is wrong whatever may follow. The same error comes until the message is over.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Invalid> {
        match self.failed {
            Some(invalid) => Err(invalid),
            None => self.machine.push(piece).inspect_err(|invalid| self.failed = Some(*invalid)),
        }
    }

    /// The message ends here; the next piece begins another one.
    ///
    /// # Errors
    /// The message was wrong, or its end is missing.
    pub fn finish(&mut self) -> Result<Checked, Invalid> {
        let verdict = match self.failed.take() {
            Some(invalid) => Err(invalid),
            None => self.machine.finish(),
        };
        self.machine.reset();
        verdict.map(|captures| Checked { captures })
    }
}
