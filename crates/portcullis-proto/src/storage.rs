//! Where the parts of a message gather while it arrives: memory of the caller's choice, always bounded.

/// Memory for one message. It never holds more than [`Storage::capacity_max`], and never reserves for a length that a
/// peer has only declared.
pub trait Storage {
    /// What it holds.
    fn as_slice(&self) -> &[u8];

    /// What it holds, to be worked on in place.
    fn as_mut_slice(&mut self) -> &mut [u8];

    /// Appends `bytes`, all or none. Amortised O(n).
    ///
    /// # Errors
    /// They do not fit.
    fn extend(&mut self, bytes: &[u8]) -> Result<(), StorageFull>;

    /// Forgets everything, and gives back memory that can be given back.
    fn clear(&mut self);

    /// The most that it can hold, in bytes.
    fn capacity_max(&self) -> usize;
}

/// There is no room for all of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageFull {
    /// The most that the storage can hold, in bytes.
    pub capacity_max: usize,
}

impl core::fmt::Display for StorageFull {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the storage holds at most {} bytes", self.capacity_max)
    }
}

impl core::error::Error for StorageFull {}

/// A slice of the caller's.
#[derive(Debug)]
pub struct SliceStorage<'s> {
    memory: &'s mut [u8],
    len: usize,
}

impl<'s> SliceStorage<'s> {
    /// Empty, with room for `memory.len()` bytes.
    #[must_use]
    pub const fn new(memory: &'s mut [u8]) -> Self {
        Self { memory, len: 0 }
    }
}

impl Storage for SliceStorage<'_> {
    fn as_slice(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.memory.get_mut(..self.len).unwrap_or_default()
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), StorageFull> {
        let full = StorageFull { capacity_max: self.memory.len() };
        let end = self.len.checked_add(bytes.len()).ok_or(full)?;
        self.memory.get_mut(self.len..end).ok_or(full)?.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    fn capacity_max(&self) -> usize {
        self.memory.len()
    }
}

/// An inline array of `N` bytes.
#[cfg(feature = "heapless")]
#[derive(Debug, Default)]
pub struct HeaplessStorage<const N: usize>(heapless::Vec<u8, N>);

#[cfg(feature = "heapless")]
impl<const N: usize> HeaplessStorage<N> {
    /// Empty, with room for `N` bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }
}

#[cfg(feature = "heapless")]
impl<const N: usize> Storage for HeaplessStorage<N> {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), StorageFull> {
        self.0.extend_from_slice(bytes).map_err(|_| StorageFull { capacity_max: N })
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn capacity_max(&self) -> usize {
        N
    }
}

/// Heap memory that grows with what has arrived, up to a cap, and is freed between messages.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct VecStorage {
    memory: alloc::vec::Vec<u8>,
    capacity_max: usize,
}

#[cfg(feature = "alloc")]
impl VecStorage {
    /// Empty and without memory, growing to `capacity_max` bytes.
    #[must_use]
    pub const fn new(capacity_max: usize) -> Self {
        Self { memory: alloc::vec::Vec::new(), capacity_max }
    }
}

#[cfg(feature = "alloc")]
impl Storage for VecStorage {
    fn as_slice(&self) -> &[u8] {
        &self.memory
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), StorageFull> {
        let len = self.memory.len();
        let full = StorageFull { capacity_max: self.capacity_max };
        let len_new = len.checked_add(bytes.len()).filter(|&len| len <= self.capacity_max).ok_or(full)?;
        if len_new > self.memory.capacity() {
            // At most twice of what has really come: that keeps the copies linear, and leaves room for the few bytes that
            // a read cuts off a message. The cap keeps the last doubling from going past it.
            let capacity = len_new.checked_next_power_of_two().unwrap_or(len_new).min(self.capacity_max);
            self.memory.reserve_exact(capacity - len);
        }
        self.memory.extend_from_slice(bytes);
        Ok(())
    }

    fn clear(&mut self) {
        self.memory = alloc::vec::Vec::new();
    }

    fn capacity_max(&self) -> usize {
        self.capacity_max
    }
}
