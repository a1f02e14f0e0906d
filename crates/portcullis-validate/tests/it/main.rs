//! One binary for all integration tests.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

#[cfg(feature = "regex")]
mod differential;
mod fixed;
#[cfg(feature = "alloc")]
mod limits;
#[cfg(feature = "regex")]
mod pieces;
#[cfg(feature = "regex")]
mod suites;
#[cfg(feature = "regex")]
mod verdicts;
