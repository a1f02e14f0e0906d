//! The `portcullis` binary: all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    portcullis_server::cli::main()
}
