//! The tests of the limiter.
#![allow(missing_docs, clippy::unwrap_used, clippy::std_instead_of_alloc, reason = "tests")]

mod abuse;
#[cfg(feature = "alloc")]
mod allocations;
mod api;
mod bill;
mod keyed;
mod model;
#[cfg(target_has_atomic = "64")]
mod shared;
mod stored;
