#![doc = include_str!("../README.md")]
#![allow(clippy::std_instead_of_alloc, reason = "a crate of files and threads")]

mod backend;
mod error;
mod file;
mod marker;
mod store;
mod writer;

pub use backend::{DiskBackend, Options};
pub use error::{Damage, DiskError};
pub use store::{Durability, Found};
