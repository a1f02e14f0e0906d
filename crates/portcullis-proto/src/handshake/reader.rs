//! Finding the end of a head while it arrives.

use portcullis_time::Instant;

use super::{FIELDS_MAX, HEAD_LEN_MAX, HandshakeError};
use crate::Storage;

/// Where in a line the last byte was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the first byte of a line.
    #[default]
    Start,
    /// In a line with something in it.
    Inside,
    /// Behind the CR of an empty line.
    EmptyReturn,
    /// Behind the CR of a line with something in it.
    Return,
}

/// The search for the empty line. Each byte is looked at once, and nothing is kept but these counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    len: usize,
    lines: usize,
    place: Place,
}

impl Scan {
    /// Looks at the next bytes of a head; returns how many of them end it, or `None` when it goes on.
    pub(super) fn run(&mut self, input: &[u8], len_max: usize) -> Result<Option<usize>, HandshakeError> {
        for (index, &byte) in input.iter().enumerate() {
            self.len += 1;
            if self.byte(byte)? {
                return Ok(Some(index + 1));
            }
            if self.len >= len_max {
                return Err(HandshakeError::HeadTooBig { len_max });
            }
        }
        Ok(None)
    }

    /// Whether `byte` ends the head.
    fn byte(&mut self, byte: u8) -> Result<bool, HandshakeError> {
        self.place = match (self.place, byte) {
            (Place::Start, b'\r') => Place::EmptyReturn,
            (Place::Inside, b'\r') => Place::Return,
            (Place::Return, b'\n') => {
                self.lines += 1;
                if self.lines > FIELDS_MAX + 1 {
                    return Err(HandshakeError::TooManyFields { fields_max: FIELDS_MAX });
                }
                Place::Start
            }
            // RFC 9112 §2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at least one
            // empty line (CRLF) received prior to the request-line"
            (Place::EmptyReturn, b'\n') if self.lines == 0 => Place::Start,
            (Place::EmptyReturn, b'\n') => return Ok(true),
            // A CR or LF alone is where two parsers disagree; a control character is where a TLS hello came to a
            // plaintext port. Neither is worth waiting for the rest.
            (Place::Return | Place::EmptyReturn, _) => return Err(HandshakeError::Malformed),
            (_, 0..=8 | 10..=31 | 127) => return Err(HandshakeError::Malformed),
            (Place::Start | Place::Inside, _) => Place::Inside,
        };
        Ok(false)
    }
}

/// Reads one HTTP/1 head, of a request or of a response, from input in pieces of any size.
///
/// The work is linear in the head however it is cut, and a head that arrives in one piece is lent from the input
/// without a copy. It keeps at most the storage's capacity and [`HEAD_LEN_MAX`], whichever is less.
///
/// ```
/// use portcullis_proto::{SliceStorage, handshake::HeadReader};
/// use portcullis_time::Instant;
///
/// # fn main() -> Result<(), portcullis_proto::handshake::HandshakeError> {
/// let now = Instant::ORIGIN;
/// let mut memory = [0; 1_024];
/// let mut reader = HeadReader::new(SliceStorage::new(&mut memory), now + core::time::Duration::from_secs(5));
/// assert!(reader.handle_input(now, b"GET / HTTP/1.1\r\nHost: a\r")?.head.is_none());
/// let step = reader.handle_input(now, b"\n\r\nrest")?;
/// assert_eq!(step.consumed, 3);
/// assert_eq!(step.head, Some(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HeadReader<S> {
    storage: S,
    deadline: Instant,
    scan: Scan,
    verdict: Option<Result<(), HandshakeError>>,
}

/// What one call of [`HeadReader::handle_input`] did.
#[must_use]
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadStep<'a> {
    /// How many bytes of the input belong to the head. What follows them is the first input of the connection.
    pub consumed: usize,
    /// The whole head with its last empty line, once it is complete.
    pub head: Option<&'a [u8]>,
}

impl<S: Storage> HeadReader<S> {
    /// A reader that gives up at `deadline`. `storage` should be empty.
    pub const fn new(storage: S, deadline: Instant) -> Self {
        Self { storage, deadline, scan: Scan { len: 0, lines: 0, place: Place::Start }, verdict: None }
    }

    /// Takes the next bytes. Behind a complete head it consumes nothing more. Linear in `input`.
    ///
    /// # Errors
    /// The deadline has passed, the head is over a limit, or it can be seen already that it is no head. The error is
    /// sticky.
    pub fn handle_input<'a>(
        &'a mut self,
        now: Instant,
        input: &'a [u8],
    ) -> Result<HeadStep<'a>, HandshakeError> {
        self.handle_timeout(now)?;
        if self.verdict.is_some() {
            return Ok(HeadStep { consumed: 0, head: None });
        }
        let is_first = self.scan.len == 0;
        let len_max = self.storage.capacity_max().min(HEAD_LEN_MAX);
        let end = self.scan.run(input, len_max).map_err(|error| self.fail(error))?;
        let consumed = end.unwrap_or(input.len());
        let taken = input.get(..consumed).unwrap_or(input);
        if end.is_some() {
            self.verdict = Some(Ok(()));
            if is_first {
                return Ok(HeadStep { consumed, head: Some(taken) });
            }
        }
        if self.storage.extend(taken).is_err() {
            return Err(self.fail(HandshakeError::HeadTooBig { len_max }));
        }
        Ok(HeadStep { consumed, head: end.map(|_| self.storage.as_slice()) })
    }

    /// Says that the deadline may have passed. A spurious call does nothing.
    ///
    /// # Errors
    /// The reader has failed, of the deadline ([`HandshakeError::Timeout`]: answer 408 or just close) or before.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), HandshakeError> {
        match self.verdict {
            Some(verdict) => verdict,
            None if now >= self.deadline => Err(self.fail(HandshakeError::Timeout)),
            None => Ok(()),
        }
    }

    /// The deadline, until the head is complete or has failed.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        if self.verdict.is_some() { None } else { Some(self.deadline) }
    }

    /// How many bytes have been looked at: the work done so far. It never exceeds the input's total length.
    #[must_use]
    pub const fn bytes_scanned(&self) -> usize {
        self.scan.len
    }

    /// Gives the storage back, with what was read of the head.
    pub fn into_storage(self) -> S {
        self.storage
    }

    fn fail(&mut self, error: HandshakeError) -> HandshakeError {
        self.storage.clear();
        self.verdict = Some(Err(error));
        error
    }
}
