#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod bill;
mod bucket;
mod gcra;
mod hash;
mod keyed;
mod limited;
mod quota;
#[cfg(target_has_atomic = "64")]
mod shared;
mod stored;

pub use bill::{Charge, check_all};
pub use bucket::Bucket;
pub use gcra::Gcra;
pub use hash::{IntegerHash, IntegerHasher, SeededHash, SeededHasher};
#[cfg(feature = "alloc")]
pub use keyed::Keyed;
#[cfg(feature = "heapless")]
pub use keyed::KeyedHeapless;
pub use keyed::{KeyedArray, KeyedSlice, KeyedTable, Slot, TableError, WhenFull};
pub use limited::Limited;
pub use quota::{Quota, QuotaError};
#[cfg(target_has_atomic = "64")]
pub use shared::SharedBucket;
pub use stored::{Stored, StoredQuota, Verdict};
