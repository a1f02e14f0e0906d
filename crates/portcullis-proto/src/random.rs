//! Unpredictable bytes from a seed: SHA-1 over the seed and a counter, which is already here for the handshake.

use sha1::{Digest, Sha1};

/// A stream of random bytes. Without the 32 bytes of the seed the next ones cannot be told from the earlier ones; RFC
/// 6455 §5.3 asks that of masking keys.
#[derive(Clone)]
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    pub(crate) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// The next `N` bytes, at most 20.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut hash = Sha1::new();
        hash.update(self.seed);
        hash.update(self.counter.to_le_bytes());
        self.counter = self.counter.wrapping_add(1);
        let block: [u8; 20] = hash.finalize().into();
        let mut bytes = [0; N];
        for (byte, random) in bytes.iter_mut().zip(block) {
            *byte = random;
        }
        bytes
    }
}

impl core::fmt::Debug for Random {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Random(_)")
    }
}
