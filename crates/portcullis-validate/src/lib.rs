#![no_std]
#![cfg_attr(feature = "alloc", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "alloc"),
    doc = "JSON checked against a compiled schema while it is parsed; see the crate page."
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod compile;
mod decimal;
#[cfg(feature = "serde")]
mod deserialize;
#[cfg(feature = "alloc")]
mod graph;
mod machine;
pub mod number;
mod options;
mod pointer;
#[doc(hidden)]
pub mod program;
#[cfg(feature = "alloc")]
mod stream;
pub mod string;
mod validator;
mod verdict;

pub use compile::{SchemaError, SchemaReason};
#[cfg(feature = "serde")]
pub use deserialize::DeserializeError;
pub use options::{CAPTURES_MAX, DEPTH_LIMIT, Options};
pub use pointer::Pointer;
#[cfg(feature = "alloc")]
pub use stream::{Checked, Checker};
#[cfg(feature = "alloc")]
pub use validator::{Cost, Validator};
pub use validator::{FixedValidator, KEYS_MAX, StaticValidator};
pub use verdict::{Invalid, Keyword, Valid};
