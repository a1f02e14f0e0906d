//! The backend on disk: the same answers as the one in memory, before and after an end without warning.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::wildcard_enum_match_arm,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod damage;
mod model;
mod restart;
mod support;
