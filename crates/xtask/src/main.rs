//! The commands of this workspace: `cargo xtask help`.

mod checks;
mod elf;
mod fuzz;
mod instructions;
mod mcu;
mod nostd;
mod packages;
mod report;
mod setup;
mod soak;
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use report::Report;

const HELP: &str = "\
cargo xtask COMMAND

  test      install what is missing, run every test, print what ran
  fmt       check the format of every file
  lint      clippy with warnings as errors, for each set of features
  docs      build the documentation with warnings as errors
  deny      licenses, sources and forbidden dependencies
  nostd     the no_std crates for Cortex-M4F, Cortex-M0 and RISC-V
  mcu       the clauses of portcullis-proto on a Cortex-M3 in qemu; its flash and RAM
  packages  whether the crates can be published
  fuzz [S]  replay the seeds of each fuzz target, then run each for S seconds (5)
  autobahn [server|client|client-zlib] [--full]
            the 517 cases of the Autobahn suite against `portcullis echo` and the example client; --full sends 1,000
            messages in each compression case instead of 50: some twenty minutes for each instead of one
  tls-audit sslyze and testssl.sh against `portcullis serve`; fails on anything above informational
  soak [SECONDS [SEED]]
            a durable server that is killed at random for SECONDS (120) under 300 clients in Rust and JavaScript, then
            sent away in order under 5,000
  bench     all benchmarks
  instructions [--bless]
            count the instructions of the hot paths; fail when there are more than in the baseline, or accept them
  ci        fmt, lint, docs, deny, test
";

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut report = Report::new();
    match arguments.first().map(String::as_str) {
        Some("test") => tests::all(&mut report),
        Some("fmt") => checks::fmt(&mut report),
        Some("lint") => checks::lint(&mut report),
        Some("docs") => checks::docs(&mut report),
        Some("deny") => checks::deny(&mut report),
        Some("packages") => checks::packages(&mut report),
        Some("fuzz") => {
            let seconds = arguments.get(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(5);
            fuzz::smoke(&mut report, seconds);
        }
        Some("nostd") => nostd::all(&mut report),
        Some("mcu") => mcu::all(&mut report),
        Some("autobahn") => {
            let known = |argument: &&String| {
                matches!(argument.as_str(), "server" | "client" | "client-zlib" | "--full")
            };
            if let Some(unknown) = arguments.iter().skip(1).find(|argument| !known(argument)) {
                eprint!("{unknown}: no argument of autobahn\n\n{HELP}");
                return ExitCode::from(2);
            }
            tests::autobahn(&mut report, arguments.get(1..).unwrap_or_default());
        }
        Some("tls-audit") => tests::tls_audit(&mut report),
        Some("instructions") => {
            instructions::check(&mut report, arguments.get(1).is_some_and(|argument| argument == "--bless"));
        }
        Some("soak") => {
            let number = |at: usize, or| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(or);
            soak::long(&mut report, number(1, 120), number(2, 1));
        }
        Some("bench") => checks::bench(&mut report),
        Some("ci") => {
            checks::fmt(&mut report);
            checks::lint(&mut report);
            checks::docs(&mut report);
            checks::deny(&mut report);
            checks::packages(&mut report);
            tests::all(&mut report);
        }
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    }
    report.finish()
}
