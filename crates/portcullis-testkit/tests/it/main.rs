//! The house rules of the workspace.
#![allow(missing_docs, clippy::unwrap_used, clippy::std_instead_of_alloc, reason = "tests")]

mod architecture;
mod compression;
mod engines;
mod musts;
mod tidy;
mod tree;
