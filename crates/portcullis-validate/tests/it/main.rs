//! One binary for all integration tests.

mod differential;
mod limits;
mod suites;
mod verdicts;
