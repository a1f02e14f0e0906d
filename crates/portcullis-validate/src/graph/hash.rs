//! Digests of JSON values: equal values have equal ones, however they are written. Unequal values share one with a
//! chance of one in 2^128, and nobody who does not know the seed can look for such a pair.

use crate::decimal::Decimal;

/// What kind of value a digest is of, so that `1` and `"1"` differ.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Tag {
    Null = 1,
    False,
    True,
    Number,
    Text,
    Array,
    Object,
}

/// Two lanes of 64 bits, fed eight bytes at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digester {
    left: u64,
    right: u64,
    word: u64,
    filled: u32,
    len: u64,
}

impl Digester {
    pub(crate) const fn new(seed: u64, tag: Tag) -> Self {
        let left = mix(seed, tag as u64);
        Self { left, right: mix(left ^ 0xa5a5_a5a5_a5a5_a5a5, seed), word: 0, filled: 0, len: 0 }
    }

    #[inline]
    pub(crate) fn push(&mut self, byte: u8) {
        self.word |= u64::from(byte) << (8 * self.filled);
        self.filled += 1;
        self.len += 1;
        if self.filled == 8 {
            self.flush();
        }
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.push(byte));
    }

    /// Takes in another digest.
    pub(crate) const fn chain(&mut self, digest: u128) {
        let [low, high] = halves(digest);
        self.left = mix(mix(self.left, low), high);
        self.right = mix(mix(self.right, high), low);
        self.len += 1;
    }

    const fn flush(&mut self) {
        self.left = mix(self.left, self.word);
        self.right = mix(self.right ^ 0x6a09_e667_f3bc_c909, self.word);
        self.word = 0;
        self.filled = 0;
    }

    pub(crate) const fn finish(mut self) -> u128 {
        self.flush();
        let left = mix(self.left, self.len);
        let right = mix(self.right, self.len ^ left);
        (left as u128) << 64 | right as u128
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
const fn halves(digest: u128) -> [u64; 2] {
    [digest as u64, (digest >> 64) as u64]
}

/// Folds the two halves of a full product, so that every bit of the word reaches every bit of the state.
const fn mix(state: u64, word: u64) -> u64 {
    let product = (state ^ word ^ 0x9e37_79b9_7f4a_7c15) as u128 * 0xd6e8_feb8_6659_fd93;
    let [low, high] = halves(product);
    low ^ high
}

/// The digest of a value without parts.
pub(crate) const fn plain(seed: u64, tag: Tag) -> u128 {
    Digester::new(seed, tag).finish()
}

/// The digest of a number: 1, 1.0 and 10e-1 have the same.
pub(crate) fn number(seed: u64, number: &Decimal<'_>) -> u128 {
    let mut digester = Digester::new(seed, Tag::Number);
    if !number.is_zero() {
        digester.push(u8::from(number.is_negative()));
        digester.extend(&number.point().to_le_bytes());
        number.digits().for_each(|digit| digester.push(digit));
    }
    digester.finish()
}

/// The digest of a text; also of a name.
pub(crate) fn text(seed: u64, bytes: impl Iterator<Item = u8>) -> u128 {
    let mut digester = Digester::new(seed, Tag::Text);
    bytes.for_each(|byte| digester.push(byte));
    digester.finish()
}

/// One member's part of an object's digest. The parts are added, so that their order does not matter.
pub(crate) const fn member(seed: u64, name: u128, value: u128) -> u128 {
    let mut digester = Digester::new(seed, Tag::Object);
    digester.chain(name);
    digester.chain(value);
    digester.finish()
}

/// The digest of an object from the sum of its members' parts.
pub(crate) const fn object(seed: u64, sum: u128) -> u128 {
    let mut digester = Digester::new(seed, Tag::Object);
    digester.chain(sum);
    digester.finish()
}
