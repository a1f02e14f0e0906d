//! What a connection still has to write, and the pool that idle connections give their buffers back to.
//!
//! All replies of one readiness, and all deliveries of one turn of the loop, gather here and go out in one write. A
//! connection that has nothing to write holds no buffer at all.

use core::ops::Range;

/// A pooled buffer is at least this long.
const BUFFER_LEN: usize = 16 * 1_024;
/// A longer buffer is freed instead of pooled.
const POOLED_LEN_MAX: usize = 256 * 1_024;
/// The pool keeps this many.
const POOL_MAX: usize = 64;

/// Spare buffers of one worker.
#[derive(Debug, Default)]
pub(super) struct Pool {
    spare: Vec<Vec<u8>>,
}

impl Pool {
    fn take(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| vec![0; BUFFER_LEN])
    }

    fn give(&mut self, buffer: Vec<u8>) {
        if (BUFFER_LEN..=POOLED_LEN_MAX).contains(&buffer.len()) && self.spare.len() < POOL_MAX {
            self.spare.push(buffer);
        }
    }
}

/// Bytes to write, in order: `buffer[start..end]`. The buffer is always initialised to its whole length, so that
/// nothing is zeroed on the way of a message.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Outbound {
    pub(super) const fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Room for at least `len` bytes; what was written there counts after [`Outbound::commit`].
    pub(super) fn room(&mut self, pool: &mut Pool, len: usize) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer = pool.take();
        }
        if self.buffer.len() - self.end < len {
            self.make_room(len);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Moves what is pending to the front, and grows when that is not enough.
    fn make_room(&mut self, len: usize) {
        let pending = Range { start: self.start, end: self.end };
        self.buffer.copy_within(pending, 0);
        self.end -= self.start;
        self.start = 0;
        let needed = self.end.saturating_add(len);
        if needed > self.buffer.len() {
            self.buffer.resize(needed.next_power_of_two(), 0);
        }
    }

    /// Counts `len` bytes of the last [`Outbound::room`] as written.
    pub(super) fn commit(&mut self, len: usize) {
        self.end = (self.end + len).min(self.buffer.len());
    }

    pub(super) fn append(&mut self, pool: &mut Pool, bytes: &[u8]) {
        if let Some(target) = self.room(pool, bytes.len()).get_mut(..bytes.len()) {
            target.copy_from_slice(bytes);
        }
        self.commit(bytes.len());
    }

    /// Forgets `len` bytes from the front; an empty queue gives its buffer back.
    pub(super) fn consume(&mut self, pool: &mut Pool, len: usize) {
        self.start = (self.start + len).min(self.end);
        if self.is_empty() {
            self.release(pool);
        }
    }

    pub(super) fn release(&mut self, pool: &mut Pool) {
        self.start = 0;
        self.end = 0;
        if !self.buffer.is_empty() {
            pool.give(core::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BUFFER_LEN, Outbound, Pool};

    #[test]
    fn bytes_come_out_in_order_through_growth_and_partial_writes() {
        let (mut pool, mut outbound, mut expected) = (Pool::default(), Outbound::default(), Vec::new());
        for round in 0..200_usize {
            let chunk: Vec<u8> =
                (0..round * 37 % 3_000).filter_map(|i| u8::try_from(i * round % 251).ok()).collect();
            outbound.append(&mut pool, &chunk);
            expected.extend_from_slice(&chunk);
            let taken = outbound.len() / 3;
            assert_eq!(&outbound.pending()[..taken], &expected[..taken]);
            outbound.consume(&mut pool, taken);
            expected.drain(..taken);
        }
        assert_eq!(outbound.pending(), expected);
    }

    #[test]
    fn an_empty_queue_holds_no_buffer_and_the_pool_lends_it_again() {
        let (mut pool, mut outbound) = (Pool::default(), Outbound::default());
        outbound.append(&mut pool, b"hello");
        outbound.consume(&mut pool, 5);
        assert_eq!((outbound.buffer.capacity(), pool.spare.len()), (0, 1));
        assert_eq!(outbound.room(&mut pool, 1).len(), BUFFER_LEN);
        assert_eq!(pool.spare.len(), 0);
    }
}
