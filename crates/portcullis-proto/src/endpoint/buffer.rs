//! Bytes that have come and wait to be understood; bytes that wait to be written.

use alloc::{boxed::Box, vec, vec::Vec};

/// A buffer that is made once and filled again and again, never zeroed in between.
#[derive(Debug)]
pub(super) struct Input {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    pub(super) fn new(len: usize) -> Self {
        Self { memory: vec![0; len.max(1)].into_boxed_slice(), start: 0, end: 0 }
    }

    /// What has come and is not done with.
    pub(super) fn unread(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
    }

    pub(super) const fn clear(&mut self) {
        self.start = self.end;
    }

    /// Where the next bytes go. Empty only while the buffer is full.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.memory.get_mut(self.end..).unwrap_or_default()
    }

    /// `len` bytes of the room are filled.
    pub(super) fn filled(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.memory.len());
    }
}

/// What is kept of an empty output buffer, in bytes. A larger one goes back to the allocator.
const KEPT_LEN: usize = 16 * 1_024;

/// A buffer that grows with what is appended, and is used again when all of it was written.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Initialised as far as it was ever used: a byte is zeroed once and not for each frame.
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl Output {
    pub(super) const fn new() -> Self {
        Self { memory: Vec::new(), start: 0, end: 0 }
    }

    pub(super) fn pending(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// At least `len` bytes to write into.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        if self.memory.len() - self.end < len && self.start > 0 {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let needed = self.end.saturating_add(len);
        if self.memory.len() < needed {
            self.memory.resize(needed, 0);
        }
        self.memory.get_mut(self.end..).unwrap_or_default()
    }

    /// `len` bytes of the room are to be written.
    pub(super) fn filled(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.memory.len());
    }

    /// The transport took `len` bytes.
    pub(super) fn wrote(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        if self.memory.len() > KEPT_LEN {
            self.memory = Vec::new();
        }
    }
}
