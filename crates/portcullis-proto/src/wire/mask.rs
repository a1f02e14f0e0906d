//! Masking (RFC 6455 §5.3).

/// Masks or unmasks `bytes` in place, as the part of a payload that starts `offset` bytes into it. O(n), 32 bytes at a
/// time.
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
pub fn apply(key: [u8; 4], offset: usize, bytes: &mut [u8]) {
    let [a, b, c, d] = key;
    let key = match offset % 4 {
        0 => [a, b, c, d],
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        _ => [d, a, b, c],
    };
    let word = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let (chunks, rest) = bytes.as_chunks_mut::<32>();
    for chunk in chunks {
        let (words, _) = chunk.as_chunks_mut::<8>();
        for bytes in words {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
    }
    let (words, rest) = rest.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}
