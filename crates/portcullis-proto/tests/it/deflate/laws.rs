//! What holds for whatever is agreed and whatever is sent.

use portcullis_proto::{
    Config, Connection, Message, ProtocolError, Side, VecStorage,
    deflate::{DeflateConfig, Level},
};
use proptest::prelude::*;

use super::{agree, agreed, bits, connection, open_server, prose, receive, send};
use crate::support::{START, frame};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 1_000 }))]

    #[test]
    fn whatever_is_agreed_what_is_sent_arrives(
        offer in 0..64_u8,
        server_bits in 8..=15_u8,
        client_bits in 8..=15_u8,
        texts in prop::collection::vec(text(), 1..6),
        size in 1..5_000_usize,
    ) {
        let server_wants = DeflateConfig::server()
            .with_threshold(0)
            .with_server_max_window_bits(bits(server_bits))
            .with_client_no_context_takeover(offer & 1 != 0)
            .with_server_no_context_takeover(offer & 2 != 0)
            .with_level(if offer & 4 != 0 { Level::Fast } else { Level::Best });
        let client_wants = DeflateConfig::client().with_threshold(0).with_client_max_window_bits(bits(client_bits));
        let ours = agreed(&server_wants, &client_wants.offer());
        let theirs = agree(&client_wants, &ours.response()).unwrap().unwrap();
        let mut server = connection(Side::Server, ours, &server_wants);
        let mut client = connection(Side::Client, theirs, &client_wants);
        for text in &texts {
            let sent = send(&mut server, text);
            let mut told = Vec::new();
            for piece in sent.chunks(size) {
                told.extend(receive(&mut client, piece).unwrap());
            }
            prop_assert_eq!(told.len(), 1);
            prop_assert_eq!(&told[0], text);
            let sent = send(&mut client, text);
            let mut told = Vec::new();
            for piece in sent.chunks(size) {
                told.extend(receive(&mut server, piece).unwrap());
            }
            prop_assert_eq!(told.len(), 1);
            prop_assert_eq!(&told[0], text);
        }
    }

    #[test]
    fn limits_are_met_at_the_same_byte_at_any_cut(
        pieces in prop::collection::vec((text(), prop::bool::weighted(0.2)), 1..4),
        limits in (200..9_000_u64, 1..12_u32, 0..9_000_usize),
        size in 1..3_000_usize,
        flip in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let deflate = open_server();
        let all = agreed(&deflate, "permessage-deflate");
        let (len_max, ratio_max, room) = limits;
        // Storage that is smaller than the limit refuses what would be lent if it came in one piece.
        let capacity = usize::try_from(len_max).unwrap() + room;
        let config = Config::server()
            .with_message_len_max(len_max)
            .with_frame_len_max(1 << 20)
            .with_inflate_ratio_max(ratio_max);
        let fresh =
            || Connection::new(config, START, [7; 32], VecStorage::new(capacity)).with_deflate(all, &deflate);
        let mut client = connection(Side::Client, all, &DeflateConfig::client().with_threshold(0));
        let mut input = Vec::new();
        for (piece, is_text) in &pieces {
            let mut out = vec![0; piece.len() + 14];
            let message = match core::str::from_utf8(piece) {
                Ok(text) if *is_text => Message::Text(text),
                _ => Message::Binary(piece),
            };
            let len = client.send(START, message, &mut out).unwrap();
            input.extend_from_slice(&out[..len]);
        }
        if let Some((at, byte)) = flip {
            // Not in the first header: what is declared there stays within memory.
            let at = 14.min(input.len() - 1) + at.index(input.len() - 14.min(input.len() - 1));
            input[at] ^= byte;
        }
        let whole = receive(&mut fresh(), &input);
        prop_assert_eq!(whole, in_pieces(&mut fresh(), &input, size));
    }

    #[test]
    fn any_bytes_inflate_to_the_same_or_fail_the_same_at_any_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        begins in prop::sample::select(vec![0x00, 0x02, 0x04, 0x05, 0x03, 0xf2, 0xed]),
        size in 1..50_usize,
    ) {
        let deflate = open_server();
        let all = agreed(&deflate, "permessage-deflate");
        let fresh = || connection(Side::Server, all, &deflate);
        let payload = [&[begins][..], &bytes].concat();
        let input = frame(Side::Server, 0xC2, &payload);
        let whole = receive(&mut fresh(), &input);
        prop_assert_eq!(whole, in_pieces(&mut fresh(), &input, size));
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0..6_000_usize).prop_map(prose),
        prop::collection::vec(any::<u8>(), 0..3_000),
        (any::<u8>(), 0..40_000_usize).prop_map(|(byte, len)| vec![byte; len]),
        prop::collection::vec("[a-c]{1,9}", 0..800).prop_map(|words| words.join(" ").into_bytes()),
    ]
}

/// What `input` comes to in pieces of `size`, up to the first error.
fn in_pieces(
    connection: &mut Connection<VecStorage>,
    input: &[u8],
    size: usize,
) -> Result<Vec<Vec<u8>>, ProtocolError> {
    input.chunks(size).try_fold(Vec::new(), |mut told, piece| {
        told.extend(receive(connection, piece)?);
        Ok(told)
    })
}
