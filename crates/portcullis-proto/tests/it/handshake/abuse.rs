//! Flaws that other implementations had, one test for each.

use core::cell::Cell;

use portcullis_proto::{
    SliceStorage, Storage, StorageFull,
    handshake::{FIELDS_MAX, HEAD_LEN_MAX, HandshakeError, HeadReader, RequestHead},
};
use portcullis_time::Instant;

use super::{altered, head::read, upgrade, with};

/// A storage that counts how many bytes go in and how often they are looked at again.
struct Counting<'s> {
    inner: SliceStorage<'s>,
    written: usize,
    reads: &'s Cell<usize>,
}

impl Storage for Counting<'_> {
    fn as_slice(&self) -> &[u8] {
        self.reads.set(self.reads.get() + 1);
        self.inner.as_slice()
    }
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.reads.set(self.reads.get() + 1);
        self.inner.as_mut_slice()
    }
    fn extend(&mut self, bytes: &[u8]) -> Result<(), StorageFull> {
        self.written += bytes.len();
        self.inner.extend(bytes)
    }
    fn clear(&mut self) {
        self.inner.clear();
    }
    fn capacity_max(&self) -> usize {
        self.inner.capacity_max()
    }
}

/// tungstenite parsed the whole head again for each byte that came.
#[test]
fn cve_2023_43669_a_head_byte_by_byte_costs_linear_work() {
    let filler = HEAD_LEN_MAX - with(&[("x", b"")]).len();
    let head = with(&[("x", "y".repeat(filler).as_bytes())]);
    assert_eq!(head.len(), HEAD_LEN_MAX);
    let (reads, mut memory) = (Cell::new(0), [0; HEAD_LEN_MAX]);
    let storage = Counting { inner: SliceStorage::new(&mut memory), written: 0, reads: &reads };
    let mut reader = HeadReader::new(storage, Instant::FAR_FUTURE);
    for (index, byte) in head.iter().enumerate() {
        let step = reader.handle_input(Instant::ORIGIN, core::slice::from_ref(byte)).unwrap();
        assert_eq!(step.head.is_some(), index + 1 == head.len());
        let is_complete = step.head.is_some();
        assert_eq!(
            reads.get(),
            usize::from(is_complete),
            "what was read is not looked at again before its end"
        );
    }
    assert_eq!(reader.bytes_scanned(), head.len(), "one step for each byte");
    assert_eq!(reader.into_storage().written, head.len(), "one copy of each byte");
}

/// The regular expression of npm ws for subprotocols backtracked.
#[test]
fn cve_2021_32640_spaces_in_a_subprotocol() {
    let value = format!("b{}x", " ".repeat(7_000));
    assert_eq!(
        upgrade(&with(&[("Sec-WebSocket-Protocol", value.as_bytes())])).unwrap_err(),
        HandshakeError::SubprotocolsInvalid
    );
}

/// The regular expression of websocket-extensions for quoted parameters backtracked.
#[test]
fn cve_2020_7662_an_unclosed_quoted_parameter() {
    let value = format!("a;b=\"{}", "\\c".repeat(3_500));
    let head = with(&[("Sec-WebSocket-Extensions", value.as_bytes())]);
    assert_eq!(upgrade(&head).unwrap_err(), HandshakeError::ExtensionsInvalid);
}

/// npm ws looked extensions up in an object that had a prototype.
#[test]
fn ghsa_5v72_xg48_5rpm_names_that_mean_something_elsewhere() {
    for name in ["constructor", "__proto__", "toString", "hasOwnProperty"] {
        let value = format!("{name};{name}={name}");
        let head = with(&[
            ("Sec-WebSocket-Extensions", value.as_bytes()),
            ("Sec-WebSocket-Protocol", name.as_bytes()),
        ]);
        let request = upgrade(&head).unwrap();
        assert_eq!(request.extensions().next().unwrap().name(), name);
        assert!(request.subprotocols().eq([name]));
    }
}

/// npm ws crashed when Node.js had cut the fields off behind a maximum, and `Upgrade` with them.
#[test]
fn cve_2024_37890_two_thousand_fields() {
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a:\r\n".repeat(2_000));
    let too_many = HandshakeError::TooManyFields { fields_max: FIELDS_MAX };
    assert_eq!(read(many.as_bytes(), many.len()), Err(too_many));
    assert_eq!(RequestHead::parse(many.as_bytes()).unwrap_err(), too_many);
}

/// Granian unwrapped the text of a subprotocol that was none.
#[test]
fn cve_2026_42544_each_byte_in_each_value() {
    let names = [
        "Host",
        "Upgrade",
        "Connection",
        "Origin",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Content-Length",
        "Transfer-Encoding",
        "Cookie",
    ];
    for byte in 0..=u8::MAX {
        for name in names {
            for value in [&[byte][..], &[b'a', byte], &[byte, b'a'], &[b'a', byte, b'a']] {
                let head = with(&[(name, value)]);
                let outcome = upgrade(&head).map(|request| request.head().fields().count());
                let is_free = matches!(name, "Origin" | "Cookie" | "Connection");
                if is_free && (byte >= 0x80 || byte.is_ascii_graphic()) {
                    assert_eq!(outcome, Ok(super::REQUIRED.len() + 1), "{name} {value:?}");
                }
                if byte >= 0x80 && !is_free {
                    assert!(outcome.is_err(), "{name} {value:?}");
                }
            }
        }
    }
}

/// webpack-dev-server threw on an `Origin` or `Host` that was no URL.
#[test]
fn cve_2026_14631_malformed_origin_and_host() {
    for text in [
        "http://",
        "://",
        "[",
        "]",
        "http://[::1",
        "%",
        "%%",
        "http://a:b",
        "//",
        "null",
        "\\",
        "http://\u{e9}",
    ] {
        let head = with(&[("Origin", text.as_bytes())]);
        let request = upgrade(&head).unwrap();
        assert_eq!(request.origin(), Some(text.as_bytes()), "what it means is for the policy to say");
        let outcome = upgrade(&altered("Host", Some(text))).map(|_| ());
        assert_eq!(outcome.is_ok(), text == "null", "{text}");
    }
}

/// NATS accepted keys of any length.
#[test]
fn nats_2026_a_key_of_another_length() {
    for len in 0..48 {
        let digits = "A".repeat(len);
        for padding in ["", "=", "=="] {
            let key = format!("{digits}{padding}");
            let outcome = upgrade(&altered("Sec-WebSocket-Key", Some(&key))).map(|_| ());
            assert_eq!(outcome.is_ok(), key == "AAAAAAAAAAAAAAAAAAAAAA==", "{key}");
        }
    }
}

/// Next.js checked requests, but not those that were upgrades.
#[test]
fn ghsa_c4j6_fc7j_m34r_an_upgrade_passes_the_checks_of_each_request() {
    for bad in ["GET http://169.254.169.254/ HTTP/1.1", "GET //\u{e9} HTTP/1.1", "GET ws://b/ HTTP/1.1"] {
        let plain = format!("{bad}\r\nHost: a\r\n\r\n");
        let fields =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let upgrading = format!("{bad}\r\nHost: a\r\n{fields}Sec-WebSocket-Version: 13\r\n\r\n");
        let plain = RequestHead::parse(plain.as_bytes()).unwrap_err();
        assert_eq!(upgrade(upgrading.as_bytes()).unwrap_err(), plain, "{bad}");
    }
}

/// actix-http let two lengths of one body through.
#[test]
fn cve_2021_38512_conflicting_lengths() {
    for fields in [
        [("Content-Length", &b"0"[..]), ("Content-Length", b"0")],
        [("Content-Length", b"0"), ("Transfer-Encoding", b"chunked")],
        [("Transfer-Encoding", b"identity"), ("content-length", b"4")],
    ] {
        assert_eq!(upgrade(&with(&fields)).unwrap_err(), HandshakeError::BodyLengthInvalid, "{fields:?}");
    }
}
