//! `request-*.toml`, `response.toml`, `bytes.toml`: what each side makes of the other's head.

use core::fmt::Write;

use portcullis_proto::{
    SliceStorage,
    handshake::{
        Acceptance, ClientRequest, HandshakeError, HeadReader, RequestHead, ResponseHead, accept, refuse,
    },
};
use portcullis_time::Instant;

use crate::{
    Count, Memory,
    cut::Cut,
    data,
    trace::{Hash, Trace},
};

/// The nonce of RFC 6455 §1.3, that each response here answers.
const NONCE: [u8; 16] = *b"the sample nonce";

/// Whose head it is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A client's, and the whole answer where a clause has it.
    Request { answer: Option<&'static str> },
    /// A server's, and what it answers to.
    Response { subprotocols: &'static [&'static str], extensions: &'static str },
}

/// One clause.
pub(crate) struct Clause {
    pub(crate) id: &'static str,
    pub(crate) kind: Kind,
    /// The head, as numbers of lines in [`data::LINES`]: the flash has no room for the same lines again and again.
    pub(crate) lines: &'static [u16],
    pub(crate) verdict: &'static str,
}

/// A place where every byte is tried.
pub(crate) struct Place {
    pub(crate) id: &'static str,
    pub(crate) kind: Kind,
    pub(crate) before: &'static [u8],
    pub(crate) after: &'static [u8],
    /// The last byte of each range, and its verdict.
    pub(crate) ranges: &'static [(u8, &'static str)],
}

/// A head put together.
struct Head<'m> {
    kind: Kind,
    bytes: &'m [u8],
    storage: &'m mut [u8],
}

pub(crate) fn all(memory: &mut Memory, hash: &mut Hash, out: &mut dyn Write) -> Count {
    let mut count = Count::default();
    for clause in data::HEADS {
        let pieces = clause.lines.iter().filter_map(|&line| data::LINES.get(usize::from(line)).copied());
        let len = fill(&mut memory.input, pieces);
        let Memory { input, storage } = &mut *memory;
        let mut head = Head { kind: clause.kind, bytes: input.get(..len).unwrap_or_default(), storage };
        let mut is_right = true;
        for cut in Cut::all(len) {
            count.traces += 1;
            if !head.passes(cut, clause.verdict, hash) {
                is_right = false;
                let _ = writeln!(out, "FAILED {}, {cut}: expected {}, got", clause.id, clause.verdict);
                head.show(cut, out);
                break;
            }
        }
        if is_right { count.passed += 1 } else { count.failed += 1 }
    }
    count
}

pub(crate) fn bytes(memory: &mut Memory, hash: &mut Hash, out: &mut dyn Write) -> Count {
    let mut count = Count::default();
    for place in data::PLACES {
        let mut is_right = true;
        for byte in 0..=u8::MAX {
            let verdict =
                place.ranges.iter().find(|&&(to, _)| byte <= to).map_or("no range", |range| range.1);
            let len = fill(&mut memory.input, [place.before, &[byte], place.after].into_iter());
            let Memory { input, storage } = &mut *memory;
            let mut head = Head { kind: place.kind, bytes: input.get(..len).unwrap_or_default(), storage };
            count.traces += 2;
            let wrong = [Cut::Whole, Cut::Bytes].into_iter().find(|&cut| !head.passes(cut, verdict, hash));
            let Some(cut) = wrong else { continue };
            is_right = false;
            let _ = writeln!(out, "FAILED {}, byte {byte:#04x}, {cut}: expected {verdict}, got", place.id);
            head.show(cut, out);
        }
        if is_right { count.passed += 1 } else { count.failed += 1 }
    }
    count
}

/// Puts pieces behind each other; returns their length. `build.rs` made the room large enough.
fn fill<'p>(room: &mut [u8], pieces: impl Iterator<Item = &'p [u8]>) -> usize {
    let mut end = 0;
    for piece in pieces {
        if let Some(part) = room.get_mut(end..end + piece.len()) {
            part.copy_from_slice(piece);
            end += piece.len();
        }
    }
    end
}

impl Head<'_> {
    fn passes(&mut self, cut: Cut, verdict: &str, hash: &mut Hash) -> bool {
        let mut trace = Trace::new(hash, verdict);
        self.tell(cut, &mut trace).is_some() && trace.is_right()
    }

    fn show(&mut self, cut: Cut, out: &mut dyn Write) {
        let _ = self.tell(cut, &mut Trace::new(&mut Hash::new(), "").shown(out));
        let _ = out.write_str("\n");
    }

    /// The verdict as the data files write it.
    fn tell(&mut self, cut: Cut, trace: &mut Trace<'_>) -> Option<()> {
        match self.read(cut, trace.hash) {
            Ok(true) => trace.write_str("accept"),
            Ok(false) => trace.write_str("not what is expected beside the verdict"),
            Err(error) => {
                let mut answer = [0; 512];
                let len = refuse(error.status(), error.refusal_fields(), b"", &mut answer).ok()?;
                trace.hash.bytes(answer.get(..len)?);
                write!(trace, "{} {}", error.code(), error.status())
            }
        }
        .ok()
    }

    fn read(&mut self, cut: Cut, hash: &mut Hash) -> Result<bool, HandshakeError> {
        let mut reader = HeadReader::new(SliceStorage::new(&mut *self.storage), Instant::FAR_FUTURE);
        for piece in cut.pieces(self.bytes.len()) {
            let piece = self.bytes.get(piece).unwrap_or_default();
            let step = reader.handle_input(Instant::ORIGIN, piece)?;
            hash.len(step.consumed);
            if let Some(head) = step.head {
                return judge(self.kind, head, hash);
            }
        }
        Ok(false)
    }
}

/// What the other side makes of a whole head; whether its answer is as the clause has it.
fn judge(kind: Kind, head: &[u8], hash: &mut Hash) -> Result<bool, HandshakeError> {
    let mut out = [0; 512];
    match kind {
        Kind::Request { answer } => {
            let request = RequestHead::parse(head)?.upgrade()?;
            let len = accept(&request, &Acceptance::default(), &mut out)?;
            let told = out.get(..len).unwrap_or_default();
            hash.bytes(told);
            Ok(answer.is_none_or(|answer| answer.as_bytes() == told))
        }
        Kind::Response { subprotocols, extensions } => {
            let extensions = Some(extensions).filter(|value| !value.is_empty());
            let usual = ClientRequest::new("server.example.com", "/chat");
            let request = ClientRequest { subprotocols, extensions, ..usual };
            let Ok(len) = request.emit(NONCE, &mut out) else { return Ok(false) };
            hash.bytes(out.get(..len).unwrap_or_default());
            ResponseHead::parse(head)?.verify(&request, NONCE)?;
            Ok(true)
        }
    }
}
