//! Choices out of the bytes of an input. When they run out, each choice is 0.

/// The input that is left.
#[derive(Clone, Debug)]
pub struct Source<'d> {
    rest: &'d [u8],
}

impl<'d> Source<'d> {
    /// From the first byte on.
    #[must_use]
    pub const fn new(rest: &'d [u8]) -> Self {
        Self { rest }
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// The next bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        for (slot, &byte) in array.iter_mut().zip(self.take(N)) {
            *slot = byte;
        }
        array
    }

    /// The next `len` bytes, or what is left.
    pub fn take(&mut self, len: usize) -> &'d [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Some bytes: their number comes first, most often in one byte.
    pub fn some(&mut self) -> &'d [u8] {
        let len = self.len();
        self.take(len)
    }

    /// A length below 64 KiB: one byte up to 251, else it says how the next two count.
    pub fn len(&mut self) -> usize {
        match self.byte() {
            short @ 0..=251 => usize::from(short),
            _ => usize::from(u16::from_be_bytes(self.array())),
        }
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'d [u8] {
        self.take(usize::MAX)
    }
}
