//! What was told, compared while it is told: nothing is kept.

use core::fmt::{self, Write};

/// FNV-1a with 64 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// A length, the same on machines of every size.
    pub(crate) fn len(&mut self, len: usize) {
        self.bytes(&(len as u64).to_le_bytes());
    }

    pub(crate) const fn finish(self) -> u64 {
        self.0
    }
}

/// A trace against the text that it has to be.
pub(crate) struct Trace<'t> {
    pub(crate) hash: &'t mut Hash,
    /// What has to follow.
    expected: &'t [u8],
    differs: bool,
    /// Where to show the trace as well, after it was found to differ.
    shown: Option<&'t mut dyn Write>,
}

impl<'t> Trace<'t> {
    pub(crate) fn new(hash: &'t mut Hash, expected: &'t str) -> Self {
        Self { hash, expected: expected.as_bytes(), differs: false, shown: None }
    }

    pub(crate) fn shown(self, out: &'t mut dyn Write) -> Self {
        Self { shown: Some(out), ..self }
    }

    /// Whether all that was expected was told, and nothing else.
    pub(crate) fn is_right(&self) -> bool {
        !self.differs && self.expected.is_empty()
    }
}

impl Write for Trace<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.hash.bytes(text.as_bytes());
        match self.expected.strip_prefix(text.as_bytes()) {
            Some(rest) => self.expected = rest,
            None => self.differs = true,
        }
        self.shown.as_mut().map_or(Ok(()), |out| out.write_str(text))
    }
}

/// Bytes in hex behind a space; nothing when there are none.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() {
            f.write_str(" ")?;
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;

    #[test]
    fn the_hash_is_fnv_1a() {
        let mut hash = Hash::new();
        hash.bytes(b"foobar");
        assert_eq!(hash.finish(), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_trace_differs_by_less_by_more_and_by_one_byte() {
        for (told, is_right) in
            [("text 01\n", true), ("text 0", false), ("text 01\n\n", false), ("text 02\n", false)]
        {
            let (mut hash, mut shown) = (Hash::new(), String::new());
            let mut trace = Trace::new(&mut hash, "text 01\n").shown(&mut shown);
            trace.write_str(told).unwrap();
            assert_eq!(trace.is_right(), is_right, "{told}");
            assert_eq!(shown, told);
        }
    }
}
