//! The house rules of the workspace.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod architecture;
mod tidy;
mod tree;
