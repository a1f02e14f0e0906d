//! The tests of the limiter.
#![allow(missing_docs, clippy::unwrap_used, clippy::std_instead_of_alloc, reason = "tests")]

mod abuse;
mod api;
mod keyed;
mod model;
