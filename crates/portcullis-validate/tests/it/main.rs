//! One binary for all integration tests.
#![allow(clippy::unwrap_used, reason = "a test's helper may fail the test")]

#[cfg(feature = "alloc")]
mod differential;
mod fixed;
#[cfg(feature = "alloc")]
mod limits;
#[cfg(feature = "alloc")]
mod suites;
#[cfg(feature = "alloc")]
mod verdicts;
