//! The tests of the session model.
#![cfg(feature = "alloc")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod abuse;
mod bounds;
mod logs;
mod model;
mod names;
mod presence;
mod resume;
mod world;
