//! Decoding a masked text frame (parse, unmask, UTF-8) and encoding one: ours beside tungstenite's in one run.

#![allow(missing_docs, clippy::unwrap_used, clippy::std_instead_of_core, reason = "a benchmark")]

use std::{
    hint::black_box,
    io::{self, Read, Write},
    time::Duration,
};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_proto::{Config, Connection, Message, SliceStorage, wire};
use portcullis_time::Instant;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

const LENGTHS: [usize; 4] = [32, 125, 1_024, 64 * 1_024];

fn masked(len: usize) -> Vec<u8> {
    let text: Vec<u8> =
        b"The quick brown fox jumps over the lazy dog. ".iter().copied().cycle().take(len).collect();
    let mut frame = vec![0; len + 14];
    let end = wire::encode_frame(wire::Opcode::Text, true, &text, Some([1, 2, 3, 4]), &mut frame).unwrap();
    frame.truncate(end);
    frame
}

/// A transport that always has the same frame, and forgets what is written.
struct Endless {
    frame: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let rest = &self.frame[self.at..];
        let len = rest.len().min(out.len());
        out[..len].copy_from_slice(&rest[..len]);
        self.at = (self.at + len) % self.frame.len();
        Ok(len)
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    for len in LENGTHS {
        let frame = masked(len);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("portcullis", len), |b| {
            let mut memory = [0; 64];
            let config = Config::server().with_ping_interval(None);
            let mut connection =
                Connection::new(config, Instant::ORIGIN, [7; 32], SliceStorage::new(&mut memory));
            // Unmasking changes the input: each frame is a fresh copy, and the copy is what `memcpy` below measures.
            let mut input = frame.clone();
            b.iter(|| {
                input.copy_from_slice(&frame);
                let step = connection.handle_input(Instant::ORIGIN, black_box(&mut input)).unwrap();
                black_box(step.event.is_some())
            });
        });
        group.bench_function(BenchmarkId::new("memcpy", len), |b| {
            let mut input = frame.clone();
            b.iter(|| {
                input.copy_from_slice(black_box(&frame));
                black_box(&mut input);
            });
        });
        group.bench_function(BenchmarkId::new("tungstenite", len), |b| {
            let transport = Endless { frame: frame.clone(), at: 0 };
            let config = WebSocketConfig::default().read_buffer_size(128 * 1_024);
            let mut socket = WebSocket::from_raw_socket(transport, Role::Server, Some(config));
            b.iter_batched(|| (), |()| black_box(socket.read().unwrap()), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    for len in [32, 1_024] {
        let text = "x".repeat(len);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("portcullis", len), |b| {
            let mut memory = [0; 64];
            let mut connection =
                Connection::new(Config::server(), Instant::ORIGIN, [7; 32], SliceStorage::new(&mut memory));
            let mut out = vec![0; len + 14];
            b.iter(|| {
                black_box(
                    connection.send(Instant::ORIGIN, Message::Text(black_box(&text)), &mut out).unwrap(),
                )
            });
        });
        group.bench_function(BenchmarkId::new("tungstenite", len), |b| {
            let transport = Endless { frame: vec![0], at: 0 };
            let mut socket = WebSocket::from_raw_socket(transport, Role::Server, None);
            let text = tungstenite::Utf8Bytes::from(text.as_str());
            b.iter(|| socket.send(tungstenite::Message::Text(black_box(text.clone()))).unwrap());
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    targets = decode, encode
}
criterion_main!(benches);
