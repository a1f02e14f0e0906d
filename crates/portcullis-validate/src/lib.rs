#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod compile;
mod decimal;
mod machine;
pub mod number;
mod options;
mod pointer;
mod program;
pub mod string;
mod validator;
mod verdict;

pub use compile::{SchemaError, SchemaReason};
pub use options::{CAPTURES_MAX, DEPTH_LIMIT, Options};
pub use pointer::Pointer;
#[cfg(feature = "alloc")]
pub use validator::Validator;
pub use validator::{FixedValidator, KEYS_MAX};
pub use verdict::{Invalid, Keyword, Valid};
