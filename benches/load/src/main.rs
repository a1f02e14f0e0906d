//! Load on a whole server: ten thousand clients over TLS that all come at once, are all revoked at once, or whose tokens
//! all end at once.
//!
//! `cargo run --release -p portcullis-load -- --connections 10000`, after `cargo build --release`.

extern crate alloc;

mod client;
mod server;

use core::time::Duration;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use portcullis_server::clock;

use client::{Crowd, Outcome};
use server::Server;

/// Reconnect storms, revocations and expiries of many clients.
#[derive(Debug, Parser)]
struct Options {
    /// How many clients
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// How many of them are on their way in at the same time
    #[arg(long, default_value_t = 512)]
    in_flight: usize,
    /// Worker threads of the server
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// How long the last close frame may take after a revocation or an `exp`, in milliseconds
    #[arg(long, default_value_t = 1_000)]
    close_max: u64,
    /// The program
    #[arg(long, default_value = "target/release/portcullis")]
    program: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What went wrong, as one line.
type Failure = Box<dyn core::error::Error>;

fn run(options: &Options) -> Result<(), Failure> {
    let server = Server::start(&options.program, options.workers)?;
    let mut crowd = Crowd::new(&server, options.in_flight)?;
    let count = options.connections;

    println!("{count} clients, TLS 1.3, ES256 tokens, {} workers", options.workers);
    let resident_before = server.resident_bytes();
    let tokens = || server.tokens(count, Duration::from_secs(3_600));
    for (name, resumes) in [("full TLS handshakes", false), ("TLS sessions resumed", true)] {
        let tokens = tokens()?;
        let (start, cpu) = (clock::now(), server.cpu());
        crowd.connect_all(&tokens, resumes)?;
        let wall = clock::now().saturating_duration_since(start);
        let cpu = server.cpu().saturating_sub(cpu);
        let times = crowd.times(Outcome::Welcomed);
        println!(
            "storm, {name}: {count} welcomed in {:.2} s ({:.0}/s), {:.0} µs of the server's CPU each, resumed {}",
            wall.as_secs_f64(),
            as_f64(count) / wall.as_secs_f64(),
            cpu.as_secs_f64() * 1e6 / as_f64(count),
            crowd.resumed(),
        );
        println!("  from connect to welcome: {}", Percentiles::of(times));
        if !resumes {
            let grown = server.resident_bytes().saturating_sub(resident_before);
            println!("  resident memory: {:.1} KiB a connection", as_f64(grown) / 1_024.0 / as_f64(count));
            crowd.leave_all()?;
        }
    }

    let start = clock::now();
    let answer = post(&server, "/api/revoke", "{\"all\":true}")?;
    let told = clock::now().saturating_duration_since(start);
    crowd.await_close(start, Duration::from_secs(10), 4401)?;
    println!("revocation of all: answered after {:.0} ms ({answer})", told.as_secs_f64() * 1e3);
    let closed = Percentiles::of(crowd.times(Outcome::Closed));
    println!("  from the request to the close frame: {closed}");
    closed.check(options.close_max)?;
    crowd.leave_all()?;

    // The next second's tokens are new credentials again.
    std::thread::sleep(Duration::from_millis(2_100));
    // Shorter than the interval of pings, which these clients do not answer.
    let life = Duration::from_secs(20);
    let (tokens, ends_at) = server.tokens_with_end(count, life)?;
    crowd.connect_all(&tokens, true)?;
    crowd.await_close(ends_at, life + Duration::from_secs(10), 4401)?;
    println!(
        "expiry of all: from `exp` to the close frame: {}",
        Percentiles::of(crowd.times(Outcome::Closed))
    );
    Ok(())
}

/// Whole numbers of this size are exact.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
const fn as_f64(number: usize) -> f64 {
    number as f64
}

/// A request to the operator's interface; the body of the answer.
fn post(server: &Server, path: &str, body: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(&server.admin)?;
    let (key, len) = (server::KEY, body.len());
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: admin\r\nAuthorization: Bearer {key}\r\nContent-Length: {len}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.rsplit("\r\n").next().unwrap_or_default().into())
}

/// How long something took for the many, in milliseconds.
struct Percentiles {
    half: f64,
    most: f64,
    longest: f64,
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: usize| {
            let time = times.get((times.len().saturating_sub(1)) * share / 100);
            time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        Self { half: at(50), most: at(99), longest: at(100) }
    }

    /// Whether the longest of them is within a bound.
    fn check(&self, max_ms: u64) -> Result<(), Failure> {
        let bound = Duration::from_millis(max_ms).as_secs_f64() * 1e3;
        if self.longest <= bound {
            return Ok(());
        }
        Err(format!("the last close frame took {:.0} ms, {max_ms} ms are allowed", self.longest).into())
    }
}

impl core::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms", self.half, self.most, self.longest)
    }
}
