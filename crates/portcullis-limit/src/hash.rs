use core::hash::{BuildHasher, Hasher};

/// SipHash-1-3 with a key that the caller hands in: peers who choose their own names cannot choose their slots.
///
/// The key has to come from a random source and stay secret. Anything else that implements [`BuildHasher`] with a
/// secret, such as `std::hash::RandomState`, may be used in its place.
#[derive(Clone, Copy)]
pub struct SeededHash {
    key: [u64; 2],
}

impl SeededHash {
    /// A hash function of its own for each `key`.
    #[must_use]
    pub const fn new(key: [u64; 2]) -> Self {
        Self { key }
    }
}

impl core::fmt::Debug for SeededHash {
    /// The key is a secret and is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SeededHash")
    }
}

impl BuildHasher for SeededHash {
    type Hasher = SeededHasher;

    #[inline]
    fn build_hasher(&self) -> SeededHasher {
        let [k0, k1] = self.key;
        SeededHasher {
            v: [
                k0 ^ 0x736f_6d65_7073_6575,
                k1 ^ 0x646f_7261_6e64_6f6d,
                k0 ^ 0x6c79_6765_6e65_7261,
                k1 ^ 0x7465_6462_7974_6573,
            ],
            tail: 0,
            len: 0,
        }
    }
}

/// The state of one hash that [`SeededHash`] makes.
#[derive(Clone)]
pub struct SeededHasher {
    v: [u64; 4],
    /// Bytes that do not yet fill a word, the first in the lowest bits.
    tail: u64,
    len: usize,
}

impl core::fmt::Debug for SeededHasher {
    /// The state would give the key away.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SeededHasher")
    }
}

#[inline]
const fn round(v: [u64; 4]) -> [u64; 4] {
    let [mut v0, mut v1, mut v2, mut v3] = v;
    v0 = v0.wrapping_add(v1);
    v2 = v2.wrapping_add(v3);
    v1 = v1.rotate_left(13) ^ v0;
    v3 = v3.rotate_left(16) ^ v2;
    v0 = v0.rotate_left(32);
    v2 = v2.wrapping_add(v1);
    v0 = v0.wrapping_add(v3);
    v1 = v1.rotate_left(17) ^ v2;
    v3 = v3.rotate_left(21) ^ v0;
    v2 = v2.rotate_left(32);
    [v0, v1, v2, v3]
}

impl SeededHasher {
    #[inline]
    const fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.v = round(self.v);
        self.v[0] ^= word;
    }

    /// Adds the `count` low bytes of `bytes`, 1 to 8 of them; the others are zero.
    #[inline]
    const fn bytes(&mut self, bytes: u64, count: usize) {
        let held = self.len & 7;
        self.len = self.len.wrapping_add(count);
        self.tail |= bytes << (8 * held);
        if held + count < 8 {
            return;
        }
        let word = self.tail;
        self.word(word);
        // Bytes that the word had no room for; a shift by 64 would be an overflow.
        self.tail = if held == 0 { 0 } else { bytes >> (8 * (8 - held)) };
    }
}

impl Hasher for SeededHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte));
            self.bytes(word, chunk.len());
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.bytes(u64::from(value), 1);
    }

    fn write_u32(&mut self, value: u32) {
        self.bytes(u64::from(value), 4);
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.bytes(value, 8);
    }

    #[inline]
    fn finish(&self) -> u64 {
        let mut end = self.clone();
        end.word(((self.len as u64) << 56) | self.tail);
        end.v[2] ^= 0xff;
        let [v0, v1, v2, v3] = round(round(round(end.v)));
        v0 ^ v1 ^ v2 ^ v3
    }
}

/// A hash function for keys that are one integer, several times faster than [`SeededHash`]: multiply, add, shift.
///
/// With a random seed the hashes of any two integers of up to 64 bits are independent of each other (Dietzfelbinger's
/// strongly universal hashing), so that keys chosen without a look at the answers cannot crowd a table. A peer who
/// chooses keys freely *and* measures their effect could learn more: its keys belong to [`SeededHash`].
#[derive(Clone, Copy)]
pub struct IntegerHash {
    factor: u128,
    offset: u128,
}

impl IntegerHash {
    /// A hash function of its own for each `seed`, which has to come from a random source and stay secret.
    #[must_use]
    pub const fn new(seed: [u64; 4]) -> Self {
        let [a, b, c, d] = seed;
        Self { factor: ((a as u128) << 64) | b as u128, offset: ((c as u128) << 64) | d as u128 }
    }
}

impl core::fmt::Debug for IntegerHash {
    /// The seed is a secret and is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("IntegerHash")
    }
}

impl BuildHasher for IntegerHash {
    type Hasher = IntegerHasher;

    #[inline]
    fn build_hasher(&self) -> IntegerHasher {
        IntegerHasher { hash: *self, state: 0 }
    }
}

/// The state of one hash that [`IntegerHash`] makes.
#[derive(Clone)]
pub struct IntegerHasher {
    hash: IntegerHash,
    state: u64,
}

impl core::fmt::Debug for IntegerHasher {
    /// The state would give the seed away.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("IntegerHasher")
    }
}

impl Hasher for IntegerHasher {
    /// Correct for any bytes, made for integers: what follows the first eight bytes is only mixed in.
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte));
            self.write_u64(word);
        }
    }

    #[inline]
    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    #[inline]
    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        let word = u128::from(self.state ^ value);
        let sum = self.hash.factor.wrapping_mul(word).wrapping_add(self.hash.offset);
        self.state = (sum >> 64) as u64;
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.state
    }
}
