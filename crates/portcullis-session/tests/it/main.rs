//! The tests of the session model.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

#[cfg(feature = "alloc")]
mod abuse;
#[cfg(feature = "alloc")]
mod announce;
#[cfg(feature = "alloc")]
mod bounds;
#[cfg(feature = "alloc")]
mod journal;
#[cfg(feature = "alloc")]
mod logs;
#[cfg(feature = "alloc")]
mod model;
mod names;
#[cfg(feature = "alloc")]
mod presence;
#[cfg(feature = "alloc")]
mod resume;
#[cfg(feature = "alloc")]
mod subscribers;
#[cfg(feature = "alloc")]
mod world;
