//! Sealing and opening, beside the bare cipher and beside aws-lc.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use core::hint::black_box;

use aes_gcm::aead::{AeadInOut as _, KeyInit as _, inout::InOutBuf};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_seal::{
    ChaCha20Poly1305, Direction, Generation, HEADER_LEN, OVERHEAD, Opener, Sealer, Secret, Session,
};

const SESSION: Session = [1; 16];
const FIRST: Generation = Generation::new(1);
const CHANNEL: &str = "chat:lobby";
/// As many bytes as are bound to a message of that channel.
const PLACE: [u8; 35] = [0; 35];

fn seal(criterion: &mut Criterion) {
    let secret = Secret::new([7; 32]);
    for len in [64, 1_024, 65_536] {
        let mut group = criterion.benchmark_group(format!("seal/{len}"));
        group.throughput(Throughput::Bytes(len as u64));
        let mut buffer = vec![0; len + OVERHEAD];
        let mut sealer = Sealer::new(&secret, SESSION, Direction::ToServer, FIRST);
        group.bench_function("portcullis, AES-256-GCM", |bencher| {
            bencher.iter(|| sealer.seal_in_place(CHANNEL, black_box(&mut buffer), len).unwrap().len());
        });
        let mut sealer =
            Sealer::<ChaCha20Poly1305>::with_cipher(&secret, SESSION, Direction::ToServer, FIRST);
        group.bench_function("portcullis, ChaCha20-Poly1305", |bencher| {
            bencher.iter(|| sealer.seal_in_place(CHANNEL, black_box(&mut buffer), len).unwrap().len());
        });
        let bare = aes_gcm::Aes256Gcm::new(&[7; 32].into());
        let mut message = vec![0; len];
        let mut counter = 0_u64;
        let mut nonce = || {
            counter += 1;
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&counter.to_be_bytes());
            nonce
        };
        group.bench_function("bare aes-gcm", |bencher| {
            bencher.iter(|| {
                let buffer = InOutBuf::from(black_box(&mut message[..]));
                bare.encrypt_inout_detached(&nonce().into(), &PLACE, buffer).unwrap()
            });
        });
        let bare = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
        group.bench_function("bare aws-lc", |bencher| {
            bencher.iter(|| {
                let nonce = Nonce::assume_unique_for_key(nonce());
                let place = Aad::from(PLACE);
                bare.seal_in_place_separate_tag(nonce, place, black_box(&mut message)).unwrap()
            });
        });
        group.finish();
    }
}

fn open(criterion: &mut Criterion) {
    let secret = Secret::new([7; 32]);
    for len in [64, 1_024, 65_536] {
        let mut group = criterion.benchmark_group(format!("open/{len}"));
        group.throughput(Throughput::Bytes(len as u64));
        let mut sealer = Sealer::new(&secret, SESSION, Direction::ToServer, FIRST);
        let mut opener = Opener::new(&secret, SESSION, Direction::ToServer, FIRST);
        group.bench_function("portcullis, AES-256-GCM", |bencher| {
            let sealed = || {
                let mut buffer = vec![0; len + OVERHEAD];
                sealer.seal_in_place(CHANNEL, &mut buffer, len).unwrap();
                buffer
            };
            let open = |buffer: &mut Vec<u8>| opener.open_in_place(FIRST, CHANNEL, buffer).unwrap().counter();
            bencher.iter_batched_ref(sealed, open, BatchSize::SmallInput);
        });
        let bare = aes_gcm::Aes256Gcm::new(&[7; 32].into());
        let mut message = vec![0; len];
        let tag =
            bare.encrypt_inout_detached(&[0; 12].into(), &PLACE, InOutBuf::from(&mut message[..])).unwrap();
        group.bench_function("bare aes-gcm", |bencher| {
            let open = |message: &mut Vec<u8>| {
                let buffer = InOutBuf::from(&mut message[..]);
                bare.decrypt_inout_detached(&[0; 12].into(), &PLACE, buffer, &tag).unwrap();
            };
            bencher.iter_batched_ref(
                || {
                    let mut sealed = vec![0; len + OVERHEAD];
                    sealed[HEADER_LEN..HEADER_LEN + len].copy_from_slice(&message);
                    sealed.drain(..HEADER_LEN);
                    sealed.truncate(len);
                    sealed
                },
                open,
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, seal, open);
criterion_main!(benches);
