//! The grammar of HTTP that the handshake needs: tokens, lists, field values, hosts. Everything is one pass.

use core::net::Ipv6Addr;

/// Whether `byte` may stand in a token. RFC 9110 §5.6.2
pub(super) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

/// Whether `bytes` are one token.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// `bytes` as text, when they are one token.
pub(super) fn token(bytes: &[u8]) -> Option<&str> {
    if is_token(bytes) { core::str::from_utf8(bytes).ok() } else { None }
}

/// Whether `bytes` can be sent as a field value and arrive unchanged. RFC 9110 §5.5
pub(super) fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7F))
        && trim(bytes).len() == bytes.len()
}

/// `bytes` without white space (SP and HTAB) at its ends.
pub(super) const fn trim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b' ' | b'\t', tail @ ..] = rest {
        rest = tail;
    }
    while let [init @ .., b' ' | b'\t'] = rest {
        rest = init;
    }
    rest
}

/// The elements of a list of tokens, white space taken off, empty ones too.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

/// The port, without its colon, behind a host; `None` when `bytes` are no host.
fn host_port(bytes: &[u8]) -> Option<&[u8]> {
    let after = if let Some(rest) = bytes.strip_prefix(b"[") {
        let len = rest.iter().position(|&byte| byte == b']')?;
        let (address, after) = rest.split_at_checked(len)?;
        core::str::from_utf8(address).ok()?.parse::<Ipv6Addr>().ok()?;
        after.get(1..)?
    } else {
        let len = bytes.iter().position(|&byte| byte == b':').unwrap_or(bytes.len());
        let (name, after) = bytes.split_at_checked(len)?;
        if !is_host_name(name) {
            return None;
        }
        after
    };
    if after.is_empty() { Some(after) } else { after.strip_prefix(b":") }
}

/// Whether `name` is a `reg-name` with something in it. RFC 3986 §3.2.2
fn is_host_name(name: &[u8]) -> bool {
    let mut rest = name;
    loop {
        rest = match rest {
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => tail,
            [
                b'0'..=b'9'
                | b'A'..=b'Z'
                | b'a'..=b'z'
                | b'-'
                | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'=',
                tail @ ..,
            ] => tail,
            [] => return !name.is_empty(),
            _ => return false,
        };
    }
}

/// `bytes` as text, when they are a host with or without a port. RFC 9110 §7.2
pub(super) fn host(bytes: &[u8]) -> Option<&str> {
    let port = host_port(bytes)?;
    // Five digits cannot overflow; the length is looked at first, because a peer chose it.
    if port.len() > 5 || !port.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = port.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit & 0x0F));
    if number <= 65_535 { core::str::from_utf8(bytes).ok() } else { None }
}

/// Whether every byte is visible ASCII and none is `#`, as in a request target. RFC 9112 §3.2
pub(super) fn is_target(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, 0x21..=0x7E) && *byte != b'#')
}
