#![doc = include_str!("../README.md")]

mod allocations;
mod clock;
mod prng;

pub use allocations::{Allocations, allocations};
pub use clock::VirtualClock;
pub use prng::Prng;
