#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod bucket;
mod gcra;
mod hash;
mod keyed;
mod limited;
mod quota;

pub use bucket::{Bucket, Charge, check_all};
pub use gcra::Gcra;
pub use hash::{SeededHash, SeededHasher};
#[cfg(feature = "alloc")]
pub use keyed::Keyed;
#[cfg(feature = "heapless")]
pub use keyed::KeyedHeapless;
pub use keyed::{KeyedArray, KeyedSlice, KeyedTable, Slot, TableError, WhenFull};
pub use limited::Limited;
pub use quota::{Quota, QuotaError};
