//! One binary for all integration tests.
#![cfg(feature = "connect")]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

extern crate alloc;

mod cancel;
mod clock;
mod peers;
mod support;
mod web;
