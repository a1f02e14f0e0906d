//! The client: the scenarios that all clients share, and what is its own.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::wildcard_enum_match_arm,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[cfg(any(feature = "blocking", feature = "tokio"))]
mod drivers;
mod scenarios;
mod upgrade;
mod world;
