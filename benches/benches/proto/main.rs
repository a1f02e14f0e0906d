//! Decoding masked text frames (parse, unmask, UTF-8) and encoding text: ours beside the rivals in one run.
//!
//! Every decoder reads from the same endless stream of frames that stand back to back, as they do on a busy socket: a
//! read copies as many bytes as the reader has room for, wherever that cuts a frame. So each figure has one copy of the
//! bytes in it, the same for all; `read` alone is the row of that name.

#![allow(missing_docs, clippy::unwrap_used, clippy::std_instead_of_core, reason = "a benchmark")]

mod cpu;
mod rivals;
mod stream;

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_proto::{Config, Connection, Event, Message, SliceStorage, VecStorage};
use portcullis_time::Instant;

use cpu::CpuTime;
use rivals::{FastWebSockets, Nexus, Sockudo, Tungstenite};
use stream::{Endless, text};

const LENGTHS: [usize; 4] = [32, 125, 1_024, 64 * 1_024];
/// What is read at a time: tungstenite's default, and what a server with many connections may rather give each.
const READ_LEN: usize = 128 * 1_024;
const READ_LEN_SMALL: usize = 4 * 1_024;

/// Something that reads frames from an [`Endless`] stream.
trait Decoder: Sized {
    fn new(stream: Endless, read_len: usize) -> Self;

    /// Hands the next message to `look`; fails when it is refused.
    fn next<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T, ()>;
}

/// Ours, driven as a server drives it: one buffer for whatever has come, each message lent from there.
struct Portcullis {
    connection: Connection<VecStorage>,
    stream: Endless,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Decoder for Portcullis {
    fn new(stream: Endless, read_len: usize) -> Self {
        let storage = VecStorage::new(64 * 1_024);
        let connection = Connection::new(Config::server(), Instant::ORIGIN, [7; 32], storage);
        Self { connection, stream, buffer: vec![0; read_len], start: 0, end: 0 }
    }

    #[inline]
    fn next<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T, ()> {
        loop {
            if self.start == self.end {
                self.end = self.stream.take(&mut self.buffer);
                self.start = 0;
            }
            let input = &mut self.buffer[self.start..self.end];
            let step = self.connection.handle_input(Instant::ORIGIN, input).map_err(drop)?;
            self.start += step.consumed;
            if let Some(Event::Message { payload, .. }) = step.event {
                return Ok(look(payload));
            }
        }
    }
}

/// What no decoder can do without.
fn read_alone(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("decode");
    for len in LENGTHS {
        group.bench_function(BenchmarkId::new("read", len), |b| {
            let (mut stream, mut buffer) = (Endless::new(&text(len)), vec![0; READ_LEN]);
            let (mut left, frame_len) = (0, stream.frame_len());
            b.iter(|| {
                while left < frame_len {
                    left += stream.take(black_box(&mut buffer));
                }
                left -= frame_len;
            });
        });
    }
}

fn decode_with<D: Decoder>(criterion: &mut Criterion<CpuTime>, name: &str, read_len: usize) {
    // A decoder that does not check is no rival: what is not UTF-8 has to be refused, what is has to come out as it
    // went in.
    let mut decoder = D::new(Endless::new(b"caf\xC3\x28 and more than enough after it"), read_len);
    assert!(decoder.next(|_| ()).is_err());
    for len in LENGTHS {
        let mut decoder = D::new(Endless::new(&text(len)), read_len);
        assert!((0..1_000).all(|_| decoder.next(|message| message == text(len)).unwrap()));
        let mut group = criterion.benchmark_group("decode");
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new(name, len), |b| {
            b.iter(|| decoder.next(|message| black_box(message).len()).unwrap());
        });
    }
}

fn decode(criterion: &mut Criterion<CpuTime>) {
    read_alone(criterion);
    decode_with::<Portcullis>(criterion, "portcullis", READ_LEN);
    decode_with::<Tungstenite>(criterion, "tungstenite", READ_LEN);
    decode_with::<Nexus>(criterion, "nexus-web", READ_LEN);
    decode_with::<Sockudo>(criterion, "sockudo-ws", READ_LEN);
    decode_with::<FastWebSockets>(criterion, "fastwebsockets", READ_LEN);
    decode_with::<Portcullis>(criterion, "portcullis 4k", READ_LEN_SMALL);
    decode_with::<Tungstenite>(criterion, "tungstenite 4k", READ_LEN_SMALL);
}

fn encode(criterion: &mut Criterion<CpuTime>) {
    for len in [32, 1_024] {
        let bytes = text(len);
        let text = str::from_utf8(&bytes).unwrap();
        let mut group = criterion.benchmark_group("encode");
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("portcullis", len), |b| {
            let mut memory = [0; 64];
            let storage = SliceStorage::new(&mut memory);
            let mut connection = Connection::new(Config::server(), Instant::ORIGIN, [7; 32], storage);
            let mut out = vec![0; len + 14];
            b.iter(|| {
                let message = Message::Text(black_box(text));
                connection.send(Instant::ORIGIN, message, black_box(&mut out)).unwrap()
            });
        });
        group.bench_function(BenchmarkId::new("tungstenite", len), |b| rivals::encode_tungstenite(b, text));
        group.bench_function(BenchmarkId::new("nexus-web", len), |b| rivals::encode_nexus(b, text));
        group.bench_function(BenchmarkId::new("sockudo-ws", len), |b| rivals::encode_sockudo(b, text));
        group.bench_function(BenchmarkId::new("fastwebsockets", len), |b| {
            rivals::encode_fastwebsockets(b, text);
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = decode, encode
}
criterion_main!(benches);
