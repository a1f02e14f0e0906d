//! Masking (RFC 6455 §5.3).

/// Masks or unmasks `bytes` in place, as the part of a payload that starts `offset` bytes into it. O(n), with vector
/// instructions where the target has them.
///
/// ```
/// use portcullis_proto::wire::mask::apply;
///
/// let mut bytes = *b"Hello";
/// apply([0x37, 0xfa, 0x21, 0x3d], 0, &mut bytes);
/// assert_eq!(bytes, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// apply([0x37, 0xfa, 0x21, 0x3d], 0, &mut bytes);
/// assert_eq!(&bytes, b"Hello");
/// ```
#[inline]
pub fn apply(key: [u8; 4], offset: usize, bytes: &mut [u8]) {
    run::<false>(key, offset, bytes);
}

/// The same as [`apply`], and tells whether all of the result is ASCII, from the same pass: most text needs no other
/// check. O(n).
#[inline]
#[allow(clippy::must_use_candidate, reason = "the masking is the work, the answer is free")]
pub fn apply_ascii(key: [u8; 4], offset: usize, bytes: &mut [u8]) -> bool {
    run::<true>(key, offset, bytes)
}

/// The result is only looked at when it `LOOKS`.
#[inline]
fn run<const LOOKS: bool>(key: [u8; 4], offset: usize, bytes: &mut [u8]) -> bool {
    let (word, len) = (twice(key_at(key, offset)), bytes.len());
    // The bytes behind the last whole word are the end of a last word that overlaps the one before. It is read before
    // anything is written, so the bytes that both write get the same value twice.
    let last =
        bytes.last_chunk().map(|last| u64::from_le_bytes(*last) ^ twice(key_at(key, offset % 4 + len)));
    let mut seen = 0;
    // This loop becomes vector instructions only while it is this plain.
    for bytes in bytes.as_chunks_mut().0 {
        let result = u64::from_le_bytes(*bytes) ^ word;
        seen |= if LOOKS { result } else { 0 };
        *bytes = result.to_le_bytes();
    }
    if let (Some(last), Some(end)) = (last, bytes.last_chunk_mut()) {
        *end = last.to_le_bytes();
        seen |= if LOOKS { last } else { 0 };
    } else {
        for (byte, key) in bytes.iter_mut().zip(word.to_le_bytes()) {
            *byte ^= key;
            seen |= if LOOKS { u64::from(*byte) } else { 0 };
        }
    }
    seen & 0x8080_8080_8080_8080 == 0
}

/// The key as it lies over the bytes from `offset` on.
#[inline]
const fn key_at(key: [u8; 4], offset: usize) -> u32 {
    let bits = match offset % 4 {
        0 => 0,
        1 => 8,
        2 => 16,
        _ => 24,
    };
    u32::from_le_bytes(key).rotate_right(bits)
}

/// The key, twice, as it lies over eight bytes.
#[inline]
const fn twice(key: u32) -> u64 {
    (key as u64) << 32 | key as u64
}
