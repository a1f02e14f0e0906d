//! `frames-*.toml`: what a connection tells of the bytes that its peer sends.

use core::fmt::Write;

use portcullis_proto::{Config, Connection, Event, MessageKind, Side, SliceStorage, wire};
use portcullis_time::Instant;

use crate::{
    Count, Memory,
    cut::Cut,
    data,
    trace::{Hash, Hex, Trace},
};

pub(crate) const NOW: Instant = Instant::from_millis(1_000);
const MESSAGE_LEN_MAX: usize = 4_096;

/// One clause.
pub(crate) struct Clause {
    pub(crate) id: &'static str,
    pub(crate) is_server: bool,
    pub(crate) input: &'static [u8],
    /// What is told, line by line, and then what is owed.
    pub(crate) story: &'static str,
}

pub(crate) fn config(side: Side) -> Config {
    let config = match side {
        Side::Server => Config::server(),
        Side::Client => Config::client(),
    };
    config.with_message_len_max(MESSAGE_LEN_MAX as u64).with_frame_len_max(2_048).with_fragments_max(8)
}

pub(crate) fn all(memory: &mut Memory, hash: &mut Hash, out: &mut dyn Write) -> Count {
    let mut count = Count::default();
    for clause in data::FRAMES {
        if passes(clause, memory, hash, &mut count.traces, out) {
            count.passed += 1;
        } else {
            count.failed += 1;
        }
    }
    count
}

pub(crate) fn passes(
    clause: &Clause,
    memory: &mut Memory,
    hash: &mut Hash,
    traces: &mut u32,
    out: &mut dyn Write,
) -> bool {
    for is_streaming in [false, true] {
        for cut in Cut::all(clause.input.len()) {
            *traces += 1;
            let how = How { cut, is_streaming };
            let mut trace = Trace::new(hash, clause.story);
            if tell(clause, how, memory, &mut trace).is_none() || !trace.is_right() {
                let way = if is_streaming { "streaming, " } else { "" };
                let _ = write!(out, "FAILED {}, {way}{cut}\nexpected\n{}got\n", clause.id, clause.story);
                let _ = tell(clause, how, memory, &mut Trace::new(&mut Hash::new(), "").shown(out));
                return false;
            }
        }
    }
    true
}

/// One way to run a clause.
#[derive(Clone, Copy)]
struct How {
    cut: Cut,
    /// Whether messages come in parts, from a connection that has no storage at all.
    is_streaming: bool,
}

/// Where the parts of a streamed message come together, so that its story is that of any other.
struct Parts<'m> {
    memory: &'m mut [u8],
    len: usize,
}

/// The story of one clause. `None`: a step made no progress.
fn tell(clause: &Clause, how: How, memory: &mut Memory, trace: &mut Trace<'_>) -> Option<()> {
    let side = if clause.is_server { Side::Server } else { Side::Client };
    let input = memory.input.get_mut(..clause.input.len())?;
    input.copy_from_slice(clause.input);
    let memory = memory.storage.get_mut(..MESSAGE_LEN_MAX)?;
    let (storage, memory) = if how.is_streaming { (&mut [][..], memory) } else { (memory, &mut [][..]) };
    let config = config(side).with_streaming(how.is_streaming);
    let mut connection = Connection::new(config, NOW, [7; 32], SliceStorage::new(storage));
    let mut parts = Parts { memory, len: 0 };
    'pieces: for piece in how.cut.pieces(input.len()) {
        let mut rest = input.get_mut(piece)?;
        while !rest.is_empty() {
            let consumed = match connection.handle_input(NOW, rest) {
                Ok(step) => {
                    match step.event {
                        Some(Event::Fragment { kind, payload, is_last }) => {
                            parts.tell(kind, payload, is_last, trace)?;
                        }
                        event => event.as_ref().map_or(Some(()), |event| line(event, trace))?,
                    }
                    step.consumed
                }
                Err(error) => {
                    writeln!(trace, "error {} {}", error.code(), error.close_code()).ok()?;
                    break 'pieces;
                }
            };
            trace.hash.len(consumed);
            rest = rest.get_mut(consumed..).filter(|_| consumed > 0)?;
        }
    }
    let mut sent = [0; 2 * wire::CONTROL_FRAME_LEN_MAX];
    let sent = owed(&mut connection, &mut sent, trace)?;
    let end = connection.handle_eof(NOW);
    end.as_ref().map_or(Some(()), |event| line(event, trace))?;
    writeln!(trace, "sent{}", Hex(sent)).ok()
}

impl Parts<'_> {
    fn tell(&mut self, kind: MessageKind, part: &[u8], is_last: bool, trace: &mut Trace<'_>) -> Option<()> {
        trace.hash.len(part.len());
        self.memory.get_mut(self.len..self.len + part.len())?.copy_from_slice(part);
        self.len += part.len();
        if is_last {
            let payload = self.memory.get_mut(..self.len)?;
            self.len = 0;
            line(&Event::Message { kind, payload }, trace)?;
        }
        Some(())
    }
}

/// One event as the data files write it.
fn line(event: &Event<'_>, trace: &mut Trace<'_>) -> Option<()> {
    match event {
        Event::Message { kind: MessageKind::Text, payload } => writeln!(trace, "text{}", Hex(payload)),
        Event::Message { kind: MessageKind::Binary, payload } => writeln!(trace, "binary{}", Hex(payload)),
        Event::Ping { payload } => writeln!(trace, "ping{}", Hex(payload)),
        Event::Pong { payload, .. } => writeln!(trace, "pong{}", Hex(payload)),
        Event::CloseReceived { code: Some(code), reason } => {
            writeln!(trace, "close {}{}", code.get(), Hex(reason))
        }
        Event::CloseReceived { code: None, reason } => writeln!(trace, "close -{}", Hex(reason)),
        Event::Closed { clean } => writeln!(trace, "closed {}", if *clean { "clean" } else { "unclean" }),
        other => writeln!(trace, "{other:?}"),
    }
    .ok()
}

/// What the connection owes, its masks taken off; the masks too are part of the trace. Only control frames are owed.
fn owed<'s>(
    connection: &mut Connection<SliceStorage<'_>>,
    sent: &'s mut [u8],
    trace: &mut Trace<'_>,
) -> Option<&'s [u8]> {
    let (mut out, mut end) = ([0; wire::CONTROL_FRAME_LEN_MAX], 0);
    while let len @ 1.. = connection.poll_transmit(&mut out) {
        let frame = out.get_mut(..len)?;
        trace.hash.bytes(frame);
        let (&mut [first, second], payload) = frame.split_first_chunk_mut()?;
        if (second & 0x80 != 0) != (connection.config().side == Side::Client) {
            return None;
        }
        let payload = if second & 0x80 == 0 {
            payload
        } else {
            let (&mut key, payload) = payload.split_first_chunk_mut()?;
            wire::mask::apply(key, 0, payload);
            payload
        };
        let room = sent.get_mut(end..end + 2 + payload.len())?;
        let (head, rest) = room.split_at_mut_checked(2)?;
        head.copy_from_slice(&[first, second & 0x7F]);
        rest.copy_from_slice(payload);
        end += 2 + payload.len();
    }
    sent.get(..end)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::{boxed::Box, string::String};

    #[test]
    fn a_wrong_expectation_is_found_and_shown() {
        let mut clause = Clause {
            id: "wrong",
            is_server: true,
            input: b"\x81\x80\x00\x00\x00\x00",
            story: "text 00\nclosed unclean\nsent\n",
        };
        let (mut memory, mut out, mut traces) = (Box::<Memory>::default(), String::new(), 0);
        assert!(!passes(&clause, &mut memory, &mut Hash::new(), &mut traces, &mut out));
        assert_eq!(
            out,
            "FAILED wrong, whole\nexpected\ntext 00\nclosed unclean\nsent\ngot\ntext\nclosed unclean\nsent\n"
        );
        clause.story = "text\nclosed unclean\nsent\n";
        traces = 0;
        assert!(passes(&clause, &mut memory, &mut Hash::new(), &mut traces, &mut out));
        assert_eq!(traces, 14, "whole, byte by byte, 5 cuts, each gathered and streamed");
    }
}
