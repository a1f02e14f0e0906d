//! Connections with compression, and what they report.

use std::{cell::Cell, rc::Rc};

use portcullis_proto::{
    Config, Connection, Event, MessageKind, ProtocolError, Side, Storage, StorageFull,
    deflate::{Agreed, CompressorMode, DeflateConfig, Level, WindowBits},
    handshake::{ClientRequest, RequestHead},
    wire::CONTROL_FRAME_LEN_MAX,
};
use portcullis_time::Instant;

use crate::Source;

/// What both sides agreed on, of all that can be agreed on.
pub fn agreed(source: &mut Source<'_>) -> Agreed {
    let [bits, takeover] = source.array();
    let window = |bits: u8| WindowBits::new(8 + bits % 8).unwrap_or(WindowBits::MAX);
    let config = DeflateConfig::server()
        .with_server_max_window_bits(window(bits))
        .with_client_max_window_bits(window(bits / 8))
        .with_server_no_context_takeover(takeover & 1 != 0)
        .with_client_no_context_takeover(takeover & 2 != 0);
    let offer = "permessage-deflate; client_max_window_bits";
    let request = ClientRequest { extensions: Some(offer), ..ClientRequest::new("a", "/") };
    let mut head = [0; 512];
    let len = request.emit([0; 16], &mut head).expect("there is room");
    let upgrade = RequestHead::parse(&head[..len]).and_then(|head| head.upgrade()).expect("our own");
    let agreed = config.accept(upgrade.extensions()).expect("it can be met");
    assert_eq!(agreed.window_bits(Side::Server), window(bits));
    assert_eq!(agreed.window_bits(Side::Client), window(bits / 8));
    agreed
}

/// How one side sends.
pub fn sending(source: &mut Source<'_>) -> DeflateConfig {
    let flags = source.byte();
    let mode = if flags & 1 == 0 { CompressorMode::Own } else { CompressorMode::Shared };
    DeflateConfig::server()
        .with_compressor(mode)
        .with_level(level(flags >> 1))
        .with_threshold(usize::from(flags >> 4) * 8)
}

/// Any level.
#[must_use]
pub const fn level(number: u8) -> Level {
    match number % 4 {
        0 | 3 => Level::Fast,
        1 => Level::Balanced,
        _ => Level::Best,
    }
}

/// Something that was reported. Messages are whole, whether they were reported so or in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Message(MessageKind, Vec<u8>),
    /// Any other event, as it prints itself.
    Other(String),
}

/// What a connection made of what it was fed.
#[derive(Debug)]
pub struct Ears<S> {
    connection: Connection<Watched<S>>,
    stored: Rc<Cell<usize>>,
    /// What was reported, in order.
    pub heard: Vec<Heard>,
    /// The message of which parts have come.
    pub open: Option<(MessageKind, Vec<u8>)>,
    /// The error that ended it.
    pub error: Option<ProtocolError>,
}

impl<S: Storage> Ears<S> {
    /// Around a connection.
    pub fn new(config: Config, storage: S) -> Self {
        let stored = Rc::new(Cell::new(0));
        let storage = Watched { storage, len_max: config.message_len_max, len: Rc::clone(&stored) };
        let connection = Connection::new(config, Instant::ORIGIN, [7; 32], storage);
        Self { connection, stored, heard: Vec::new(), open: None, error: None }
    }

    /// The same with compression.
    #[must_use]
    pub fn with_deflate(self, agreed: Agreed, config: &DeflateConfig) -> Self {
        Self { connection: self.connection.with_deflate(agreed, config), ..self }
    }

    /// To send with.
    pub const fn connection(&mut self) -> &mut Connection<Watched<S>> {
        &mut self.connection
    }

    /// Feeds all of `input` in pieces. After an error nothing else may come.
    pub fn hear(&mut self, input: &[u8], piece: usize) {
        for piece in input.chunks(piece.max(1)) {
            let mut piece = piece.to_vec();
            let mut rest = piece.as_mut_slice();
            while !rest.is_empty() {
                let consumed = self.step(rest);
                rest = &mut rest[consumed..];
            }
            if self.error.is_some() {
                break;
            }
        }
        if let Some(error) = self.error {
            assert!(!self.connection.is_open());
            assert_eq!(self.connection.error(), Some(error));
            for mut more in [*b"\x81\x00", *b"\xC1\x80"] {
                assert_eq!(self.connection.handle_input(Instant::ORIGIN, &mut more).err(), Some(error));
            }
            assert_eq!(self.stored.get(), 0, "a failed connection holds nothing");
        }
        let mut out = [0; CONTROL_FRAME_LEN_MAX];
        while self.connection.poll_transmit(&mut out) > 0 {}
    }

    /// One step; returns what was consumed.
    fn step(&mut self, input: &mut [u8]) -> usize {
        let len = input.len();
        let config = *self.connection.config();
        let step = match self.connection.handle_input(Instant::ORIGIN, input) {
            Ok(step) => step,
            Err(error) => {
                self.error = Some(error);
                return len;
            }
        };
        assert!(step.consumed <= len);
        assert!(step.consumed > 0 || step.event.is_some(), "a step consumed nothing and said nothing");
        match step.event {
            None => {}
            Some(Event::Message { kind, payload }) => {
                assert!(!config.streaming);
                assert!(self.open.is_none());
                self.heard.push(Heard::Message(kind, payload.to_vec()));
            }
            Some(Event::Fragment { kind, payload, is_last }) => {
                assert!(config.streaming);
                assert!(is_last || !payload.is_empty(), "only the last part can be empty");
                let (begun, bytes) = self.open.get_or_insert((kind, Vec::new()));
                assert_eq!(*begun, kind);
                bytes.extend_from_slice(payload);
                if is_last {
                    self.heard.extend(self.open.take().map(|(kind, bytes)| Heard::Message(kind, bytes)));
                }
            }
            Some(other) => self.heard.push(Heard::Other(format!("{other:?}"))),
        }
        if let Some((kind, bytes)) = &self.open {
            check(&config, *kind, bytes, false);
        }
        if let Some(Heard::Message(kind, bytes)) = self.heard.last() {
            check(&config, *kind, bytes, true);
        }
        step.consumed
    }
}

/// What holds for whatever is reported.
fn check(config: &Config, kind: MessageKind, bytes: &[u8], is_whole: bool) {
    assert!(bytes.len() as u64 <= config.message_len_max, "a message over its limit");
    if kind == MessageKind::Text
        && let Err(error) = std::str::from_utf8(bytes)
    {
        assert!(!is_whole && error.error_len().is_none(), "text that is not UTF-8 was reported");
    }
}

/// Storage that never holds more than a message may have.
#[derive(Debug)]
pub struct Watched<S> {
    storage: S,
    len_max: u64,
    len: Rc<Cell<usize>>,
}

impl<S: Storage> Storage for Watched<S> {
    fn as_slice(&self) -> &[u8] {
        self.storage.as_slice()
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.storage.as_mut_slice()
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), StorageFull> {
        self.storage.extend(bytes)?;
        let len = self.storage.as_slice().len();
        assert!(len as u64 <= self.len_max, "the storage holds more than a message may have");
        self.len.set(len);
        Ok(())
    }

    fn clear(&mut self) {
        self.storage.clear();
        self.len.set(0);
    }

    fn capacity_max(&self) -> usize {
        self.storage.capacity_max()
    }
}
