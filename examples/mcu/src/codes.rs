//! `ranges.toml`: every close code that there is, on both sides.

use core::fmt::Write;

use portcullis_proto::{CloseCode, Connection, Event, ProtocolError, Side, SliceStorage};

use crate::{
    Count, Memory, data,
    frames::{NOW, config},
    trace::Hash,
};

/// A range of codes, and whether they may stand in a close frame.
pub(crate) struct Range {
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) is_valid: bool,
}

pub(crate) fn all(memory: &mut Memory, hash: &mut Hash, out: &mut dyn Write) -> Count {
    let mut count = Count::default();
    for &Range { from, to, is_valid } in data::CODES {
        let mut is_right = true;
        for code in from..=to {
            let told = [Side::Server, Side::Client].map(|side| tells(side, code, memory));
            count.traces += 2;
            hash.bytes(&code.to_le_bytes());
            hash.bytes(&[u8::from(told == [Some(true); 2])]);
            if told != [Some(is_valid); 2] || CloseCode::new(code).is_some() != is_valid {
                is_right = false;
                let _ = writeln!(out, "FAILED close code {code}: expected {is_valid}, got {told:?}");
            }
        }
        if is_right { count.passed += 1 } else { count.failed += 1 }
    }
    count
}

/// Whether a close frame with this code is taken; `None` when neither is told.
fn tells(side: Side, code: u16, memory: &mut Memory) -> Option<bool> {
    let frame: &[u8] = match side {
        Side::Server => b"\x88\x82\0\0\0\0",
        Side::Client => b"\x88\x02",
    };
    let input = memory.input.get_mut(..frame.len() + 2)?;
    let (head, payload) = input.split_at_mut_checked(frame.len())?;
    head.copy_from_slice(frame);
    payload.copy_from_slice(&code.to_be_bytes());
    let mut connection = Connection::new(config(side), NOW, [7; 32], SliceStorage::new(&mut []));
    match connection.handle_input(NOW, input) {
        Ok(step) => match step.event {
            Some(Event::CloseReceived { code: Some(told), reason: [] }) if told.get() == code => Some(true),
            _ => None,
        },
        Err(ProtocolError::CloseCodeInvalid { code: told }) if told == code => Some(false),
        Err(_) => None,
    }
}
