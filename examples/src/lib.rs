//! Runnable programs, one idea each: see `examples/`.
