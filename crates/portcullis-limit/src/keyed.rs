use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::marker::PhantomData;

use portcullis_time::Instant;

use crate::{Charge, Gcra, Limited, Quota, SeededHash};

/// How many slots a key may be in, so that no choice of keys makes a check slow.
const PROBES: usize = 16;

/// What happens to a key that finds no slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is refused until one of the slots that it may take is full again. Strict: a flood of keys shuts newcomers out.
    Refuse,
    /// All such keys are charged to one shared bucket of the same quota. Newcomers pass as long as they are few.
    #[default]
    Share,
}

/// Room for one key and its bucket: 32 bytes for keys of up to eight.
///
/// Aligned so that two such slots are one line of a cache and none lies in two.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub struct Slot<K>(Option<(K, Gcra)>);

impl<K> Slot<K> {
    /// A slot that nothing is in.
    #[must_use]
    pub const fn empty() -> Self {
        Self(None)
    }
}

impl<K> Default for Slot<K> {
    fn default() -> Self {
        Self::empty()
    }
}

/// One bucket per key in memory that never grows: `S` is any storage of slots, a slice, an array, a boxed slice or
/// a `heapless::Vec`.
///
/// A key's bucket is forgotten only when it is full again, which nobody can tell from a bucket that was never used:
/// no flood of keys gives anybody a token. A key is looked for in at most 16 slots. The table has one clock, the
/// latest instant it was given.
///
/// ```
/// use portcullis_limit::{KeyedSlice, Quota, SeededHash, Slot, WhenFull};
/// use portcullis_time::Instant;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut slots = [Slot::empty(); 64];
/// let hasher = SeededHash::new([7, 11]); // From a random source.
/// let quota = Quota::per_second(1, 1)?;
/// let mut users: KeyedSlice<'_, u32> = KeyedSlice::with_slots(quota, &mut slots[..], hasher, WhenFull::Refuse)?;
/// assert!(users.check(1, Instant::ORIGIN, 1).is_ok());
/// assert!(users.check(1, Instant::ORIGIN, 1).is_err());
/// assert!(users.check(2, Instant::ORIGIN, 1).is_ok());
/// # Ok(())
/// # }
/// ```
pub struct KeyedTable<K, S, H = SeededHash> {
    slots: S,
    quota: Quota,
    hasher: H,
    when_full: WhenFull,
    /// The bucket of all keys without a slot.
    shared: Gcra,
    clock: Instant,
    keys: PhantomData<K>,
}

/// A [`KeyedTable`] on the heap.
#[cfg(feature = "alloc")]
pub type Keyed<K, H = SeededHash> = KeyedTable<K, alloc::boxed::Box<[Slot<K>]>, H>;

/// A [`KeyedTable`] in an array.
pub type KeyedArray<K, const N: usize, H = SeededHash> = KeyedTable<K, [Slot<K>; N], H>;

/// A [`KeyedTable`] in a `heapless::Vec`, of which only the slots that are in it are used.
#[cfg(feature = "heapless")]
pub type KeyedHeapless<K, const N: usize, H = SeededHash> = KeyedTable<K, heapless::Vec<Slot<K>, N>, H>;

/// A [`KeyedTable`] in the caller's memory.
pub type KeyedSlice<'s, K, H = SeededHash> = KeyedTable<K, &'s mut [Slot<K>], H>;

#[cfg(feature = "alloc")]
impl<K: Hash + Eq> KeyedTable<K, alloc::boxed::Box<[Slot<K>]>, SeededHash> {
    /// A table of `slots` slots, rounded up to a power of two and to at least 16, allocated here and never again.
    ///
    /// `seed` has to come from a random source. Keys without a slot share a bucket; [`Keyed::with_hasher`] decides
    /// otherwise.
    #[must_use]
    pub fn new(quota: Quota, slots: usize, seed: u64) -> Self {
        Self::with_hasher(quota, slots, SeededHash::new([seed, !seed]), WhenFull::Share)
    }
}

#[cfg(feature = "alloc")]
impl<K: Hash + Eq, H: BuildHasher> KeyedTable<K, alloc::boxed::Box<[Slot<K>]>, H> {
    /// As [`Keyed::new`], with a hasher and a policy of the caller's.
    #[must_use]
    pub fn with_hasher(quota: Quota, slots: usize, hasher: H, when_full: WhenFull) -> Self {
        let len = slots.max(PROBES).checked_next_power_of_two().unwrap_or(1 << (usize::BITS - 1));
        let slots = core::iter::repeat_with(Slot::empty).take(len).collect();
        Self::over(quota, slots, hasher, when_full)
    }
}

impl<K, S, H> KeyedTable<K, S, H> {
    const fn over(quota: Quota, slots: S, hasher: H, when_full: WhenFull) -> Self {
        Self {
            slots,
            quota,
            hasher,
            when_full,
            shared: Gcra::new(),
            clock: Instant::ORIGIN,
            keys: PhantomData,
        }
    }

    /// The quota of each key.
    #[must_use]
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }
}

impl<K, S, H> KeyedTable<K, S, H>
where
    K: Hash + Eq,
    S: AsRef<[Slot<K>]> + AsMut<[Slot<K>]>,
    H: BuildHasher,
{
    /// A table in `slots`, which may hold keys of an earlier table with the same quota and hasher.
    ///
    /// # Errors
    /// [`TableError`] unless the number of slots is a power of two and at least 16.
    pub fn with_slots(quota: Quota, slots: S, hasher: H, when_full: WhenFull) -> Result<Self, TableError> {
        let len = slots.as_ref().len();
        if len < PROBES {
            return Err(TableError::TooSmall { len, len_min: PROBES });
        }
        if !len.is_power_of_two() {
            return Err(TableError::NotPowerOfTwo { len });
        }
        Ok(Self::over(quota, slots, hasher, when_full))
    }

    /// Charges `cost` tokens to the bucket of `key`, or charges nothing. At most 16 slots are looked at.
    ///
    /// # Errors
    /// [`Limited`] when the bucket has fewer tokens, or when there is no slot and the policy says so.
    #[inline]
    pub fn check(&mut self, key: K, now: Instant, cost: u32) -> Result<(), Limited> {
        self.clock = self.clock.max(now);
        let now = self.clock;
        let quota = self.quota;
        match self.place(&key, now) {
            Place::Found(index) => match self.slots.as_mut().get_mut(index) {
                Some(Slot(Some((_, gcra)))) => gcra.check(&quota, now, cost),
                // `place` has just seen the key there.
                Some(Slot(None)) | None => self.without_slot(now, now, cost),
            },
            Place::Free(index) => {
                let mut gcra = Gcra::new();
                // A refused newcomer leaves nothing behind: its bucket is still full.
                gcra.check(&quota, now, cost)?;
                if let Some(slot) = self.slots.as_mut().get_mut(index) {
                    *slot = Slot(Some((key, gcra)));
                }
                Ok(())
            }
            Place::None { free_at } => self.without_slot(now, free_at, cost),
        }
    }

    /// A line of a bill for [`check_all`](crate::check_all): `cost` tokens of the bucket of `key`, which takes its slot now.
    ///
    /// A bill that is refused leaves a full bucket in that slot, which is as good as none.
    ///
    /// # Errors
    /// [`Limited`] when there is no slot and the policy is to refuse. Nothing is charged: do not send the bill.
    pub fn charge(&mut self, key: K, now: Instant, cost: u32) -> Result<Charge<'_>, Limited> {
        self.clock = self.clock.max(now);
        let clock = self.clock;
        let place = self.place(&key, clock);
        let gcra = match place {
            Place::Found(index) => match self.slots.as_mut().get_mut(index) {
                Some(Slot(Some((_, gcra)))) => gcra,
                // `place` has just seen the key there.
                Some(Slot(None)) | None => &mut self.shared,
            },
            Place::Free(index) => match self.slots.as_mut().get_mut(index) {
                Some(slot) => &mut slot.0.insert((key, Gcra::new())).1,
                None => &mut self.shared,
            },
            Place::None { .. } if self.when_full == WhenFull::Share => &mut self.shared,
            Place::None { free_at } => return Err(refused(&self.quota, free_at, cost)),
        };
        Ok(Charge::new(gcra, &self.quota, cost).not_before(clock))
    }

    /// The verdict that [`KeyedTable::check`] would give, without charging.
    ///
    /// # Errors
    /// As [`KeyedTable::check`].
    pub fn peek(&self, key: &K, now: Instant, cost: u32) -> Result<(), Limited> {
        let now = self.clock.max(now);
        let gcra = match self.place(key, now) {
            Place::Found(index) => match self.slots.as_ref().get(index) {
                Some(Slot(Some((_, gcra)))) => *gcra,
                Some(Slot(None)) | None => self.shared,
            },
            Place::Free(_) => Gcra::new(),
            Place::None { .. } if self.when_full == WhenFull::Share => self.shared,
            Place::None { free_at } => return Err(refused(&self.quota, free_at, cost)),
        };
        gcra.peek(&self.quota, now, cost)
    }

    /// The first instant from `now` on at which `cost` passes for `key`: see [`Gcra::retry_at`].
    pub fn retry_at(&self, key: &K, now: Instant, cost: u32) -> Instant {
        self.peek(key, now, cost).map_or_else(|limited| limited.retry_at, |()| now)
    }

    /// Whole tokens that may be charged to `key` at `now`.
    pub fn available(&self, key: &K, now: Instant) -> u32 {
        let now = self.clock.max(now);
        match self.place(key, now) {
            Place::Found(index) => match self.slots.as_ref().get(index) {
                Some(Slot(Some((_, gcra)))) => gcra.available(&self.quota, now),
                Some(Slot(None)) | None => 0,
            },
            Place::Free(_) => self.quota.burst(),
            Place::None { .. } => match self.when_full {
                WhenFull::Refuse => 0,
                WhenFull::Share => self.shared.available(&self.quota, now),
            },
        }
    }

    /// Gives back `cost` tokens to `key`: see [`Gcra::refund`]. A key that has no slot gets nothing.
    pub fn refund(&mut self, key: &K, cost: u32) {
        if let Place::Found(index) = self.place(key, self.clock)
            && let Some(Slot(Some((_, gcra)))) = self.slots.as_mut().get_mut(index)
        {
            gcra.refund(&self.quota, cost);
        }
    }

    fn without_slot(&mut self, now: Instant, free_at: Instant, cost: u32) -> Result<(), Limited> {
        match self.when_full {
            WhenFull::Share => self.shared.check(&self.quota, now, cost),
            WhenFull::Refuse => Err(refused(&self.quota, free_at, cost)),
        }
    }

    /// Looks for `key`. Slots are never emptied, only taken over, so that an empty one ends the search.
    #[inline]
    fn place(&self, key: &K, now: Instant) -> Place {
        let slots = self.slots.as_ref();
        let mask = slots.len().wrapping_sub(1);
        #[expect(clippy::cast_possible_truncation, reason = "the low bits choose the slot")]
        let home = self.hasher.hash_one(key) as usize;
        for step in 0..PROBES {
            let index = probe(home, step) & mask;
            match slots.get(index) {
                Some(Slot(Some((held, _)))) if held == key => return Place::Found(index),
                Some(Slot(Some(_))) => {}
                Some(Slot(None)) | None => break,
            }
        }
        self.vacancy(home, now)
    }

    /// The slot for a key that is in none of those from `home` on: the first that is empty or full again. A pass of
    /// its own, so that a known key is found by comparing keys alone.
    #[inline(never)]
    fn vacancy(&self, home: usize, now: Instant) -> Place {
        let slots = self.slots.as_ref();
        let mask = slots.len().wrapping_sub(1);
        let mut free_at = Instant::FAR_FUTURE;
        for step in 0..PROBES {
            let index = probe(home, step) & mask;
            match slots.get(index) {
                Some(Slot(Some((_, gcra)))) if !gcra.is_full(&self.quota, now) => {
                    free_at = free_at.min(gcra.full_at(&self.quota));
                }
                Some(_) => return Place::Free(index),
                None => break,
            }
        }
        Place::None { free_at }
    }
}

impl<K, S, H> fmt::Debug for KeyedTable<K, S, H> {
    /// Keys may be personal data and are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedTable")
            .field("quota", &self.quota)
            .field("when_full", &self.when_full)
            .finish_non_exhaustive()
    }
}

/// The `step`th place of a key: its own, the other of the pair in the same line of the cache, then pair after pair.
#[inline]
const fn probe(home: usize, step: usize) -> usize {
    (home & !1).wrapping_add(step ^ (home & 1))
}

/// The verdict on a key for which there is no slot before `free_at`.
const fn refused(quota: &Quota, free_at: Instant, cost: u32) -> Limited {
    Limited { retry_at: if cost > quota.burst() { Instant::FAR_FUTURE } else { free_at } }
}

/// Where a key is or may go.
enum Place {
    Found(usize),
    Free(usize),
    None { free_at: Instant },
}

/// Why slots do not make a table. The caller is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableError {
    /// There are too few slots.
    TooSmall {
        /// The slots that were given.
        len: usize,
        /// The slots that are needed.
        len_min: usize,
    },
    /// The number of slots is not a power of two.
    NotPowerOfTwo {
        /// The slots that were given.
        len: usize,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { len, len_min } => write!(f, "{len} slots are fewer than {len_min}"),
            Self::NotPowerOfTwo { len } => write!(f, "{len} slots are not a power of two"),
        }
    }
}

impl core::error::Error for TableError {}
