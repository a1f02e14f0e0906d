//! A whole server under real clients, killed again and again, or sent away in order.
//!
//! `cargo run --release -p portcullis-soak -- kills`, after `cargo build --release`; or `drain`.

#![allow(clippy::wildcard_enum_match_arm, reason = "the events of the client are non-exhaustive")]

extern crate alloc;

mod drain;
mod fleet;
mod kills;
mod ledger;
mod node;
mod server;

use core::time::Duration;
use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// What went wrong, as one line.
type Failure = Box<dyn core::error::Error + Send + Sync>;

/// Kills, restarts and drains of a durable server under real clients.
#[derive(Debug, Parser)]
struct Cli {
    /// The program
    #[arg(long, global = true, default_value = "target/release/portcullis")]
    program: PathBuf,
    /// What an acknowledged message survives: process or machine; with memory it survives nothing, and the run fails
    /// unless it notices that
    #[arg(long, global = true, default_value = "process")]
    durability: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// `kill -9` at random moments: nothing lost, nothing twice, every gap told
    Kills {
        /// For how long, in seconds
        #[arg(long, default_value_t = 120)]
        seconds: u64,
        /// Clients of `portcullis-client`
        #[arg(long, default_value_t = 200)]
        rust: usize,
        /// Clients of `portcullis.js`, in Node
        #[arg(long, default_value_t = 100)]
        js: usize,
        /// The folder whose `node_modules` has `ws`
        #[arg(long, default_value = "target/e2e")]
        modules: PathBuf,
        /// The seed of when the kills come; how the processes then run is chance
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// SIGTERM: every client comes back in its slot, and misses nothing
    Drain {
        /// Clients
        #[arg(long, default_value_t = 5_000)]
        connections: usize,
        /// Over how long they are spread, in seconds
        #[arg(long, default_value_t = 10)]
        spread: u64,
        /// How far each tenth of the arrivals may be from even, in percent
        #[arg(long, default_value_t = 10.0)]
        even: f64,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("portcullis-soak: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Kills { seconds, rust, js, modules, seed } => {
                let spread = Duration::from_secs(10);
                let server = server::Server::prepare(&cli.program, &cli.durability, spread)?;
                let plan = kills::Plan { time: Duration::from_secs(seconds), rust, js, modules, seed };
                let kept = kills::run(server, &plan).await;
                match (&*cli.durability, kept) {
                    ("memory", Ok(())) => Err("a server that keeps nothing was not noticed".into()),
                    ("memory", Err(error)) => {
                        println!("as it must be: {error}");
                        Ok(())
                    }
                    (_, kept) => kept,
                }
            }
            Command::Drain { connections, spread, even } => {
                let spread = Duration::from_secs(spread);
                let server = server::Server::prepare(&cli.program, &cli.durability, spread)?;
                drain::run(server, connections, spread, even).await
            }
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis-soak: {error}");
            ExitCode::FAILURE
        }
    }
}
