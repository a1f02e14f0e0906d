//! Headers, masks, UTF-8 and close codes beside the plainest code that says the same.
#![no_main]

use portcullis_fuzz::Source;
use portcullis_proto::{
    Side,
    wire::{CloseCode, HEADER_LEN_MAX, Header, Opcode, Utf8, encode_frame, frame_len, mask, utf8},
};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    let key = source.array();
    let (start, piece) = (usize::from(source.byte()), usize::from(source.byte()).max(1));
    let bytes = source.rest();
    parse(bytes);
    build(bytes);
    close_code(bytes);
    masks(key, start, bytes);
    text(key, start, piece, bytes);
    frame(key, bytes);
});

/// Reading the start of `bytes`: what is known of a prefix stays so, and what was read is written the same.
fn parse(bytes: &[u8]) {
    let mut before = Ok(None);
    for len in 0..=bytes.len().min(HEADER_LEN_MAX + 2) {
        let now = Header::parse(&bytes[..len]);
        if before != Ok(None) {
            assert_eq!(now, before);
        }
        if let (Ok(None), Ok(Some((header, head_len)))) = (before, now) {
            assert_eq!(head_len, len, "a header is known with its last byte");
            let (written, written_len) = header.to_bytes();
            assert_eq!(&written[..written_len], &bytes[..len]);
            assert!(header.len < 1 << 63);
        }
        before = now;
    }
    if bytes.len() >= HEADER_LEN_MAX {
        assert_ne!(before, Ok(None), "no header is longer");
    }
}

/// Any header that can be written is read again, with its length in the fewest bytes.
fn build(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let flags = source.byte();
    let Some(opcode) = Opcode::from_bits(flags & 0x0F) else { return };
    assert_eq!(opcode.bits(), flags & 0x0F);
    let key = source.array();
    let shift = u32::from(source.byte() % 64);
    let header = Header {
        fin: flags & 0x80 != 0,
        rsv: source.byte() & 7,
        opcode,
        mask: (flags & 0x40 != 0).then_some(key),
        len: (u64::from_be_bytes(source.array()) >> 1) >> shift,
    };
    let (written, len) = header.to_bytes();
    assert_eq!(Header::parse(&written[..len]), Ok(Some((header, len))));
    let extended = match header.len {
        0..=125 => 0,
        126..=0xFFFF => 2,
        _ => 8,
    };
    assert_eq!(len, 2 + extended + if header.mask.is_some() { 4 } else { 0 });
}

fn close_code(bytes: &[u8]) {
    let Some(&code) = bytes.first_chunk() else { return };
    let code = u16::from_be_bytes(code);
    let is_reserved = matches!(code, 1004 | 1005 | 1006 | 1015) || (1016..3000).contains(&code);
    let may_be_sent = (1000..5000).contains(&code) && !is_reserved;
    assert_eq!(CloseCode::new(code).map(CloseCode::get), may_be_sent.then_some(code));
}

/// Masking from any place of the key, at any alignment.
fn masks(key: [u8; 4], start: usize, bytes: &[u8]) {
    let bytes = &bytes[(start / 16).min(bytes.len())..];
    let expected = masked(key, start, bytes);
    let mut result = bytes.to_vec();
    mask::apply(key, start, &mut result);
    assert_eq!(result, expected);
    mask::apply(key, start, &mut result);
    assert_eq!(result, bytes, "twice is never");
    let is_ascii = mask::apply_ascii(key, start, &mut result);
    assert_eq!((result.as_slice(), is_ascii), (expected.as_slice(), expected.is_ascii()));
    let mut result = bytes.to_vec();
    mask::apply(key, usize::MAX - 3 + start % 4, &mut result);
    assert_eq!(result, expected, "an offset may be any number");
}

fn masked(key: [u8; 4], start: usize, bytes: &[u8]) -> Vec<u8> {
    bytes.iter().enumerate().map(|(index, byte)| byte ^ key[(start + index) % 4]).collect()
}

/// The three ways to check text, against the standard library's.
fn text(key: [u8; 4], start: usize, piece: usize, bytes: &[u8]) {
    let verdict = std::str::from_utf8(bytes);
    assert_eq!(utf8::check(bytes).is_ok(), verdict.is_ok());
    let mut wire = masked(key, 0, bytes);
    assert_eq!(utf8::unmask(key, &mut wire).is_ok(), verdict.is_ok());
    assert_eq!(wire, bytes);

    // The first byte that no text can go on with.
    let failing = verdict.err().filter(|error| error.error_len().is_some()).map(|error| {
        let is_wrong = |&end: &usize| {
            let tail = std::str::from_utf8(&bytes[error.valid_up_to()..=end]);
            tail.is_err_and(|error| error.error_len().is_some())
        };
        (error.valid_up_to()..bytes.len()).find(is_wrong).expect("it is in there")
    });
    for piece in [1, piece] {
        let (mut plain, mut under_mask) = (Utf8::new(), Utf8::new());
        for (index, part) in bytes.chunks(piece).enumerate() {
            let at = index * piece;
            let fails = failing.is_some_and(|failing| (at..at + part.len()).contains(&failing));
            assert_eq!(plain.push(part).is_err(), fails);
            let mut wire = masked(key, start + at, part);
            assert_eq!(under_mask.push_masked(key, start + at, &mut wire).is_err(), fails);
            assert_eq!(wire, part);
            if fails {
                break;
            }
        }
        if failing.is_none() {
            assert_eq!(plain.finish().is_ok(), verdict.is_ok());
            assert_eq!(under_mask.finish().is_ok(), verdict.is_ok());
        }
    }
}

/// A frame takes as much as was told beforehand, or nothing is written.
fn frame(key: [u8; 4], payload: &[u8]) {
    for (side, mask) in [(Side::Server, None), (Side::Client, Some(key))] {
        let len = frame_len(side, payload.len());
        let mut out = vec![0xEE; len];
        let short = encode_frame(Opcode::Binary, true, payload, mask, &mut out[..len - 1]);
        assert_eq!(short.map_err(|error| (error.len, error.len_min)), Err((len - 1, len)));
        assert!(out.iter().all(|&byte| byte == 0xEE));
        assert_eq!(encode_frame(Opcode::Text, false, payload, mask, &mut out), Ok(len));
        let (header, head_len) = Header::parse(&out).expect("a header").expect("all of it");
        let expected = Header { fin: false, rsv: 0, opcode: Opcode::Text, mask, len: payload.len() as u64 };
        assert_eq!(header, expected);
        mask::apply(mask.unwrap_or_default(), 0, &mut out[head_len..]);
        assert_eq!(&out[head_len..], payload);
    }
}
