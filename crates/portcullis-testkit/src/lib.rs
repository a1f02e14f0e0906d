#![doc = include_str!("../README.md")]

mod allocations;
mod clock;
mod engine;
mod prng;
mod transcript;

pub use allocations::{Allocations, allocations};
pub use clock::VirtualClock;
pub use engine::Tungstenite;
pub use prng::Prng;
pub use transcript::{Entry, record};
