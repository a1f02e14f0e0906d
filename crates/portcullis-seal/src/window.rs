//! The replay window: which of the latest numbers have been seen.

/// Words of the ring. One of them is always being filled, so that the window is one word shorter.
const WORDS: u32 = 5;
/// How far behind the latest number a message may come and still be told from a replay.
pub(crate) const WINDOW_LEN: u32 = (WORDS - 1) * 64;

/// A ring of bits (the idea of RFC 6479): moving it clears whole words and shifts nothing.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    words: [u64; WORDS as usize],
    /// The largest number seen.
    latest: Option<u32>,
}

impl Window {
    pub(crate) const fn new() -> Self {
        Self { words: [0; WORDS as usize], latest: None }
    }

    /// Whether `number` was seen, or is too old to tell.
    pub(crate) fn knows(&self, number: u32) -> bool {
        let Some(latest) = self.latest else { return false };
        if number > latest {
            return false;
        }
        latest - number >= WINDOW_LEN || self.word(number) >> (number % 64) & 1 == 1
    }

    /// Notes a number that it does not know.
    pub(crate) fn remember(&mut self, number: u32) {
        let latest = self.latest.unwrap_or(0);
        if number > latest || self.latest.is_none() {
            // The words between the two are of numbers long ago.
            let steps = (number / 64 - latest / 64).min(WORDS);
            for step in 1..=steps {
                *self.word_mut((latest / 64 + step).wrapping_mul(64)) = 0;
            }
            self.latest = Some(number);
        }
        *self.word_mut(number) |= 1 << (number % 64);
    }

    fn word(&self, number: u32) -> u64 {
        self.words.get(Self::place(number)).copied().unwrap_or(u64::MAX)
    }

    fn word_mut(&mut self, number: u32) -> &mut u64 {
        // The remainder is a place in the array.
        &mut self.words[Self::place(number)]
    }

    const fn place(number: u32) -> usize {
        (number / 64 % WORDS) as usize
    }
}

#[cfg(test)]
mod tests;
