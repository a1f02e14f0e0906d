//! Every clause, on this machine.
#![forbid(unsafe_code)]

use std::{fmt, process::ExitCode};

/// Standard output for `core::fmt`.
struct Out;

impl fmt::Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        print!("{text}");
        Ok(())
    }
}

fn main() -> ExitCode {
    let summary = portcullis_mcu::run(&mut Box::default(), &mut Out);
    print!("{summary}");
    if summary.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
