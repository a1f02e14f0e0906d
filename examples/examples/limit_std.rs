//! `portcullis-limit` in a plain TCP server: each address may send so many lines and bytes, all of them together too.
//!
//! `cargo run -p portcullis-examples --example limit_std`, then `yes | nc 127.0.0.1 9004`.

use core::net::IpAddr;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;

use portcullis_limit::{
    Bucket, Keyed, Limited, Quota, QuotaError, SeededHash, SharedBucket, WhenFull, check_all,
};
use portcullis_time::Instant;

const LINES: Quota = Quota::per_second_const::<5, 10>();
const BYTES: Quota = Quota::per_second_const::<1_024, 4_096>();
const SERVER: Quota = Quota::per_second_const::<1_000, 2_000>();

/// The first 64 bits of an IPv6 address: what one subscriber owns.
type Prefix = [u8; 8];

fn prefix(address: IpAddr) -> Prefix {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [0, 0, 0, 0, a, b, c, d]
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            [a, b, c, d, e, f, g, h]
        }
    }
}

struct Limits {
    start: std::time::Instant,
    /// A mutex for what has a key, an atomic word for what all threads share.
    addresses: Mutex<Keyed<Prefix>>,
    server: SharedBucket,
}

impl Limits {
    #[expect(clippy::disallowed_methods, reason = "a program of its own")]
    fn new(seed: [u64; 2]) -> Result<Self, QuotaError> {
        let addresses = Keyed::with_hasher(LINES, 1 << 16, SeededHash::new(seed), WhenFull::Share);
        Ok(Self {
            start: std::time::Instant::now(),
            addresses: Mutex::new(addresses),
            server: SharedBucket::new(&SERVER, Instant::ORIGIN)?,
        })
    }

    /// Charges the server, the address and the connection for one line, or none of them.
    fn check(&self, address: Prefix, bytes: &mut Bucket, len: usize) -> Result<(), Limited> {
        let now = Instant::ORIGIN + self.start.elapsed();
        self.server.check(now, 1)?;
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = u32::try_from(len).unwrap_or(u32::MAX);
        addresses
            .charge(address, now, 1)
            .and_then(|address| check_all(now, &mut [address, bytes.charge(cost)]))
            // What the others refuse, the server did not do.
            .inspect_err(|_| self.server.refund(1))
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let address = prefix(stream.peer_addr()?.ip());
        let mut bytes = Bucket::new(BYTES);
        let mut answers = stream.try_clone()?;
        for line in BufReader::new(stream).lines() {
            match self.check(address, &mut bytes, line?.len()) {
                Ok(()) => answers.write_all(b"ok\n")?,
                Err(limited) => {
                    let now = Instant::ORIGIN + self.start.elapsed();
                    let wait = limited.retry_at.saturating_duration_since(now);
                    writeln!(answers, "{} retry_after_ms={}", limited.code(), wait.as_millis())?;
                }
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let seed = [getrandom::u64()?, getrandom::u64()?];
    let limits = Limits::new(seed)?;
    let listener = TcpListener::bind("127.0.0.1:9004")?;
    thread::scope(|scope| {
        for stream in listener.incoming() {
            let stream = stream?;
            scope.spawn(|| limits.serve(stream));
        }
        Ok(())
    })
}
