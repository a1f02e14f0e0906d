//! The tests of the crate.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod generations;
mod laws;
mod messages;
mod vectors;
