//! One binary for all integration tests.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

extern crate alloc;

#[cfg(feature = "std")]
mod blocking;
mod clauses;
#[cfg(feature = "deflate")]
mod deflate;
mod handshake;

#[cfg(feature = "alloc")]
mod laws;
#[cfg(feature = "alloc")]
mod machine;
#[cfg(feature = "alloc")]
mod streaming;
#[cfg(feature = "alloc")]
mod support;
