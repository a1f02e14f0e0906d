//! permessage-deflate: JSON messages compressed and inflated, with and without context takeover, ours beside sockudo-ws,
//! whose engine is `flate2` over zlib-rs. `ws-deflate.mjs` is the same for Node's zlib, which is the engine of `ws`.
//!
//! Ours is measured through the whole connection (frame, mask, UTF-8, the limit on the ratio), the rival's engine alone.
//! The heap that one connection keeps is printed first.

#![allow(missing_docs, clippy::unwrap_used, clippy::std_instead_of_core, reason = "a benchmark")]

#[path = "proto/cpu.rs"]
mod cpu;

use std::{hint::black_box, time::Duration};

use cpu::CpuTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_benches::{agreed, json};
use portcullis_proto::{
    Config, Connection, Message, Side, VecStorage,
    deflate::{DeflateConfig, Level},
    wire,
};
use portcullis_testkit::allocations;
use portcullis_time::Instant;
use sockudo_ws::deflate::{DeflateDecoder, DeflateEncoder, DeflateWindowBits};

const LENGTHS: [usize; 2] = [1_024, 64 * 1_000];
const MESSAGE_LEN_MAX: usize = 128 * 1_024;

/// Enough of them that what repeats is what messages share, not a message.
fn messages(len: usize) -> Vec<String> {
    (0..32).map(|seed| json(len, seed)).collect()
}

/// Both sides of a connection.
fn connection(side: Side, takeover: bool, level: Level) -> Connection<VecStorage> {
    let config = DeflateConfig::server()
        .with_server_no_context_takeover(!takeover)
        .with_client_no_context_takeover(!takeover)
        .with_level(level);
    let agreed = agreed(&config, "permessage-deflate; client_max_window_bits").unwrap().unwrap();
    let limits = match side {
        Side::Server => Config::server(),
        Side::Client => Config::client(),
    };
    let limits =
        limits.with_message_len_max(MESSAGE_LEN_MAX as u64).with_frame_len_max(MESSAGE_LEN_MAX as u64);
    let storage = VecStorage::new(MESSAGE_LEN_MAX);
    Connection::new(limits.with_inflate_ratio_max(1_000), Instant::ORIGIN, [7; 32], storage)
        .with_deflate(agreed, &config)
}

fn sockudo(takeover: bool, level: u32) -> DeflateEncoder {
    DeflateEncoder::new(DeflateWindowBits::Bits15, !takeover, level, 0)
}

const fn mode(takeover: bool) -> &'static str {
    if takeover { "takeover" } else { "no takeover" }
}

/// Calls `work` with the messages in turn.
fn rotate(criterion: &mut Criterion<CpuTime>, name: &str, messages: &[String], mut work: impl FnMut(&str)) {
    let len = messages[0].len();
    let mut group = criterion.benchmark_group("deflate");
    group.throughput(Throughput::Bytes(len as u64));
    let mut next = messages.iter().cycle();
    group.bench_function(BenchmarkId::new(name, len), |b| b.iter(|| work(next.next().unwrap())));
}

fn compress(criterion: &mut Criterion<CpuTime>) {
    for len in LENGTHS {
        let messages = messages(len);
        for takeover in [true, false] {
            for (level, number) in [(Level::Fast, 1), (Level::Balanced, 6)] {
                let (mode, mut out) = (mode(takeover), vec![0; MESSAGE_LEN_MAX]);
                let mut server = connection(Side::Server, takeover, level);
                let name = format!("compress {number}, {mode}/portcullis");
                rotate(criterion, &name, &messages, |text| {
                    let sent =
                        server.send(Instant::ORIGIN, Message::Text(black_box(text)), black_box(&mut out));
                    assert!(sent.unwrap() < text.len());
                });
                let mut rival = sockudo(takeover, number);
                let name = format!("compress {number}, {mode}/sockudo-ws");
                rotate(criterion, &name, &messages, |text| {
                    let out = rival.compress(black_box(text.as_bytes())).unwrap().unwrap();
                    assert!(black_box(out).len() < text.len());
                });
            }
        }
    }
}

fn inflate(criterion: &mut Criterion<CpuTime>) {
    for len in LENGTHS {
        let messages = messages(len);
        for takeover in [true, false] {
            // Compressed once from an empty window on; the first refers to nothing before it, so they can go round.
            let mut client = connection(Side::Client, takeover, Level::Balanced);
            let frames: Vec<Vec<u8>> = messages
                .iter()
                .map(|text| {
                    let mut out = vec![0; MESSAGE_LEN_MAX];
                    let len = client.send(Instant::ORIGIN, Message::Text(text), &mut out).unwrap();
                    out.truncate(len);
                    out
                })
                .collect();
            let payloads: Vec<Vec<u8>> = frames.iter().map(|frame| payload(frame)).collect();
            let mode = mode(takeover);

            let mut server = connection(Side::Server, takeover, Level::Balanced);
            let (mut input, mut at) = (Vec::with_capacity(MESSAGE_LEN_MAX), 0);
            let name = format!("inflate, {mode}/portcullis");
            rotate(criterion, &name, &messages, |text| {
                input.clear();
                input.extend_from_slice(&frames[at]);
                at = (at + 1) % frames.len();
                let step = server.handle_input(Instant::ORIGIN, black_box(&mut input)).unwrap();
                assert!(matches!(step.event, Some(portcullis_proto::Event::Message { payload, .. })
                    if payload.len() == text.len()));
            });

            let (mut rival, mut at) = (DeflateDecoder::new(DeflateWindowBits::Bits15, !takeover), 0);
            let name = format!("inflate, {mode}/sockudo-ws");
            rotate(criterion, &name, &messages, |text| {
                let out = rival.decompress(black_box(&payloads[at]), MESSAGE_LEN_MAX).unwrap();
                at = (at + 1) % payloads.len();
                // A text has to be checked, which its engine alone does not do.
                assert_eq!(str::from_utf8(black_box(&out)).unwrap().len(), text.len());
            });
        }
    }
}

/// What a client's frame carries.
fn payload(frame: &[u8]) -> Vec<u8> {
    let (header, start) = wire::Header::parse(frame).unwrap().unwrap();
    let mut payload = frame[start..].to_vec();
    wire::mask::apply(header.mask.unwrap(), 0, &mut payload);
    payload
}

/// The heap that is kept after a message each way.
fn memory(_: &mut Criterion<CpuTime>) {
    let text = json(1_024, 1);
    println!("heap of one connection after one message of 1 KiB each way, in bytes:");
    for takeover in [true, false] {
        let mut frame = vec![0; 2 * text.len()];
        let mut client = connection(Side::Client, takeover, Level::Fast);
        let len = client.send(Instant::ORIGIN, Message::Text(&text), &mut frame).unwrap();
        frame.truncate(len);
        let (compressed, mut out) = (payload(&frame), vec![0; 2 * text.len()]);

        let mut server = connection(Side::Server, takeover, Level::Fast);
        let sends = allocations(|| {
            server.send(Instant::ORIGIN, Message::Text(&text), &mut out).unwrap();
        });
        let receives = allocations(|| {
            let _ = black_box(server.handle_input(Instant::ORIGIN, &mut frame).unwrap());
            server.poll_transmit(&mut []);
        });
        let (sends, receives) = (sends.bytes_kept, receives.bytes_kept);
        println!("  portcullis, {}: to send {sends}, to receive {receives}", mode(takeover));

        let (mut encoder, mut decoder) = (None, None);
        let sends = allocations(|| drop(encoder.insert(sockudo(takeover, 1)).compress(text.as_bytes())));
        let receives = allocations(|| {
            let decoder = decoder.insert(DeflateDecoder::new(DeflateWindowBits::Bits15, !takeover));
            drop(decoder.decompress(&compressed, MESSAGE_LEN_MAX));
        });
        let (sends, receives) = (sends.bytes_kept, receives.bytes_kept);
        println!("  sockudo-ws, {}: to send {sends}, to receive {receives}", mode(takeover));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(700));
    targets = memory, compress, inflate
}
criterion_main!(benches);
