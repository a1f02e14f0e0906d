//! Unpredictable bytes from a seed: SHA-1 over the seed and a counter, which is already here for the handshake.

use sha1::{Digest, Sha1};

/// A stream of random bytes. Without the 32 bytes of the seed the next ones cannot be told from the earlier ones; RFC
/// 6455 §5.3 asks that of masking keys.
#[derive(Clone)]
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
    /// What the last hash came to; `block[used..]` has not been given out. One hash is five masking keys.
    block: [u8; BLOCK_LEN as usize],
    used: u8,
}

const BLOCK_LEN: u8 = 20;

impl Random {
    pub(crate) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0, block: [0; BLOCK_LEN as usize], used: BLOCK_LEN }
    }

    /// The next `N` bytes, at most 20.
    #[inline]
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        if usize::from(self.used) + N > usize::from(BLOCK_LEN) {
            self.refill();
        }
        let start = usize::from(self.used);
        let bytes = self.block.get(start..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N]);
        self.used += u8::try_from(N).unwrap_or(0);
        bytes
    }

    fn refill(&mut self) {
        let mut hash = Sha1::new();
        hash.update(self.seed);
        hash.update(self.counter.to_le_bytes());
        self.counter = self.counter.wrapping_add(1);
        self.block = hash.finalize().into();
        self.used = 0;
    }
}

impl core::fmt::Debug for Random {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Random(_)")
    }
}
