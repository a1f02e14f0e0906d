//! Laws of the wire, and of the machine on any bytes.

use portcullis_proto::{
    Connection, Side, VecStorage,
    wire::{Header, Opcode, Utf8, encode_frame, frame_len, mask, utf8},
};
use proptest::prelude::*;

use crate::support::{START, config, frame, story};

proptest! {
    #[test]
    fn masking_is_a_byte_wise_xor_at_any_offset(key: [u8; 4], offset in 0..9_usize, bytes: Vec<u8>) {
        let mut masked = bytes.clone();
        mask::apply(key, offset, &mut masked);
        let naive: Vec<u8> = bytes.iter().enumerate().map(|(at, byte)| byte ^ key[(at + offset) % 4]).collect();
        prop_assert_eq!(masked, naive);
    }

    #[test]
    fn masking_sees_whether_the_result_is_ascii(key: [u8; 4], offset in 0..9_usize, mut bytes: Vec<u8>, clears: bool) {
        if clears {
            bytes.iter_mut().for_each(|byte| *byte &= 0x7F);
        }
        let mut masked = bytes.clone();
        mask::apply(key, offset, &mut masked);
        prop_assert_eq!(mask::apply_ascii(key, offset, &mut masked), bytes.is_ascii());
        prop_assert_eq!(masked, bytes);
    }

    #[test]
    fn unmasking_text_gives_the_text_and_the_verdict_of_std(key: [u8; 4], bytes in hostile_text()) {
        let mut masked = bytes.clone();
        mask::apply(key, 0, &mut masked);
        prop_assert_eq!(utf8::unmask(key, &mut masked).is_ok(), core::str::from_utf8(&bytes).is_ok());
        prop_assert_eq!(utf8::check(&bytes).is_ok(), core::str::from_utf8(&bytes).is_ok());
        prop_assert_eq!(masked, bytes);
    }

    #[test]
    fn utf8_of_masked_pieces_agrees_with_utf8_as_a_whole(
        key: [u8; 4],
        bytes in hostile_text(),
        cuts: Vec<prop::sample::Index>,
    ) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.sort_unstable();
        let mut masked = bytes.clone();
        mask::apply(key, 0, &mut masked);
        let (mut utf8, mut start, mut valid) = (Utf8::new(), 0, true);
        for end in at.into_iter().chain([bytes.len()]) {
            valid = utf8.push_masked(key, start, &mut masked[start..end]).is_ok() && valid;
            start = end;
        }
        prop_assert_eq!(valid && utf8.finish().is_ok(), core::str::from_utf8(&bytes).is_ok());
        prop_assert_eq!(masked, bytes);
    }

    #[test]
    fn utf8_in_pieces_agrees_with_utf8_as_a_whole(bytes in hostile_text(), cuts: Vec<prop::sample::Index>) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.sort_unstable();
        let (mut utf8, mut start, mut valid) = (Utf8::new(), 0, true);
        for end in at.into_iter().chain([bytes.len()]) {
            valid = valid && utf8.push(&bytes[start..end]).is_ok();
            start = end;
        }
        prop_assert_eq!(valid && utf8.finish().is_ok(), core::str::from_utf8(&bytes).is_ok());
    }

    #[test]
    fn utf8_fails_with_the_first_byte_that_std_cannot_go_on_with(bytes in hostile_text()) {
        let mut utf8 = Utf8::new();
        let failed = bytes.iter().position(|byte| utf8.push(&[*byte]).is_err());
        let expected = (0..bytes.len()).find(|&end| {
            core::str::from_utf8(&bytes[..=end]).is_err_and(|error| error.error_len().is_some())
        });
        prop_assert_eq!(failed, expected);
    }

    #[test]
    fn a_header_reads_back_as_it_was_written(fin: bool, rsv in 0..8_u8, bits in 0..16_u8, mask: Option<[u8; 4]>, len in 0..(1_u64 << 63)) {
        prop_assume!(Opcode::from_bits(bits).is_some());
        let header = Header { fin, rsv, opcode: Opcode::from_bits(bits).unwrap(), mask, len };
        let (bytes, end) = header.to_bytes();
        prop_assert_eq!(Header::parse(&bytes[..end]), Ok(Some((header, end))));
        for cut in 0..end {
            prop_assert_eq!(Header::parse(&bytes[..cut]), Ok(None));
        }
    }

    #[test]
    fn a_frame_is_as_long_as_it_says(payload in prop::collection::vec(any::<u8>(), 0..700), mask: Option<[u8; 4]>) {
        let side = if mask.is_some() { Side::Client } else { Side::Server };
        let mut out = vec![0; 1_024];
        let len = encode_frame(Opcode::Binary, true, &payload, mask, &mut out).unwrap();
        prop_assert_eq!(len, frame_len(side, payload.len()));
        prop_assert!(encode_frame(Opcode::Binary, true, &payload, mask, &mut out[..len - 1]).is_err());
    }

    #[test]
    fn any_bytes_at_any_cut_tell_the_same(side in side(), bytes in frames(), size in 1..64_usize) {
        let fresh = || Connection::new(config(side), START, [7; 32], VecStorage::new(4_096));
        let bytes = bytes.into_iter().flat_map(|(first, payload, raw)| match raw {
            true => payload,
            false => frame(side, first, &payload),
        }).collect::<Vec<u8>>();
        let whole = story(&mut fresh(), [&*bytes]);
        let pieces = story(&mut fresh(), bytes.chunks(size));
        // Text fails with its first bad byte, so that frames behind it may not be reached when it comes in pieces.
        prop_assert_eq!(whole, pieces);
    }
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Server), Just(Side::Client)]
}

/// Mostly well-formed frames, now and then raw bytes.
fn frames() -> impl Strategy<Value = Vec<(u8, Vec<u8>, bool)>> {
    let first = prop::sample::select(vec![0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88, 0xC1, 0x83]);
    let payload = prop_oneof![
        "[a-zü€]{0,40}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..140),
        Just(b"\x03\xe8".to_vec()),
    ];
    prop::collection::vec((first, payload, prop::bool::weighted(0.05)), 0..8)
}

/// The lengths cross every step of the vector code and of what is left behind it.
#[test]
fn a_fault_is_found_at_every_place_of_every_length() {
    for len in 1..=200_usize {
        for at in 0..len {
            let mut text = vec![b'a'; len];
            text[at] = 0xC3;
            assert!(utf8::check(&text).is_err(), "{at} of {len}");
            assert!(utf8::unmask([0; 4], &mut text).is_err(), "{at} of {len}");
            if let Some(next) = text.get_mut(at + 1) {
                *next = 0xA9;
                assert!(utf8::check(&text).is_ok(), "{at} of {len}");
                assert!(utf8::unmask([0; 4], &mut text).is_ok(), "{at} of {len}");
            }
        }
    }
}

/// Bytes that are often almost UTF-8.
fn hostile_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "\\PC{0,8}".prop_map(String::into_bytes),
        prop::collection::vec(
            prop::sample::select(vec![0xC0, 0xC3, 0xE0, 0xED, 0xF0, 0xF4, 0x80, 0x90, 0xA0, 0xBF, b'a']),
            0..5
        ),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}
