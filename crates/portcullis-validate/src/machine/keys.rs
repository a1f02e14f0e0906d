//! The names of undeclared members that are open, to find duplicates in bounded memory.

use crate::{string::Decoded, verdict::Keyword};

/// Hashes and places of names, the innermost object's last. Lent by the caller; its length is the bound.
#[derive(Debug)]
pub(crate) struct KeyStore<'a> {
    hashes: &'a mut [u32],
    starts: &'a mut [u32],
    len: usize,
    seed: u64,
}

impl<'a> KeyStore<'a> {
    pub(crate) const fn new(hashes: &'a mut [u32], starts: &'a mut [u32], seed: u64) -> Self {
        Self { hashes, starts, len: 0, seed }
    }

    pub(crate) fn len(&self) -> u16 {
        u16::try_from(self.len).unwrap_or(u16::MAX)
    }

    /// Forgets the names of an object that ends.
    pub(crate) fn truncate(&mut self, len: u16) {
        self.len = usize::from(len);
    }

    /// Remembers the name at `start..end` of `text` in the object whose names begin at `base`.
    pub(crate) fn insert(&mut self, text: &[u8], start: usize, end: usize, base: u16) -> Result<(), Keyword> {
        let name = text.get(start..end).unwrap_or_default();
        let hash = hash(name, self.seed);
        let open = self.hashes.get(usize::from(base)..self.len).unwrap_or_default();
        let places = self.starts.get(usize::from(base)..self.len).unwrap_or_default();
        if contains(open, hash) {
            let same = |&(_, &place): &(&u32, &u32)| {
                // Behind a name's quote its text ends by itself.
                Decoded::new(text.get(place as usize..).unwrap_or_default()).eq(Decoded::new(name))
            };
            if open.iter().zip(places).filter(|(other, _)| **other == hash).any(|pair| same(&pair)) {
                return Err(Keyword::DuplicateKey);
            }
        }
        let slots = self.hashes.get_mut(self.len).zip(self.starts.get_mut(self.len));
        let Some((hash_slot, start_slot)) = slots else { return Err(Keyword::KeysMax) };
        *hash_slot = hash;
        *start_slot = u32::try_from(start).unwrap_or(u32::MAX);
        self.len += 1;
        Ok(())
    }
}

/// Whether `hash` is among `hashes`: whole chunks without a branch, which compiles to vector compares.
fn contains(hashes: &[u32], hash: u32) -> bool {
    let (chunks, rest) = hashes.as_chunks::<16>();
    chunks.iter().any(|chunk| chunk.iter().fold(false, |any, &other| any | (other == hash)))
        || rest.contains(&hash)
}

/// A hash of the name with its escapes undone, so that `"a"` and `"\u0061"` meet.
fn hash(name: &[u8], seed: u64) -> u32 {
    let mut state = seed;
    let mut len = 0_u64;
    if name.contains(&b'\\') {
        let (mut word, mut filled) = (0_u64, 0_u32);
        for byte in Decoded::new(name) {
            word |= u64::from(byte) << (8 * filled);
            filled += 1;
            len += 1;
            if filled == 8 {
                state = mix(state, word);
                (word, filled) = (0, 0);
            }
        }
        if filled > 0 {
            state = mix(state, word);
        }
    } else {
        let (words, rest) = name.as_chunks::<8>();
        state = words.iter().fold(state, |state, word| mix(state, u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let tail = rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
            state = mix(state, tail);
        }
        len = name.len() as u64;
    }
    let bytes = mix(state, len).to_le_bytes();
    u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])
}

/// Folds the two halves of a full product, so that every bit of the word reaches every bit of the state.
#[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
const fn mix(state: u64, word: u64) -> u64 {
    let product = (state ^ word ^ 0x9e37_79b9_7f4a_7c15) as u128 * 0xd6e8_feb8_6659_fd93;
    product as u64 ^ (product >> 64) as u64
}
