//! The bare echo: what conformance suites and benchmarks talk to.

use portcullis_proto::{
    Event, Message, MessageKind, Side,
    deflate::{Agreed, Compressor, Level, WindowBits},
    wire,
};

use super::{
    Env,
    connection::{Engine, Phase},
    outbound::Outbound,
};

/// Echoes every message in `input`. Returns how much was used, and the next phase when the connection is over.
pub(super) fn handle_input(
    env: &mut Env,
    engine: &mut Engine,
    outbound: &mut Outbound,
    input: &mut [u8],
) -> (usize, Option<Phase>) {
    let (mut used, agreed) = (0, engine.agreed().copied());
    while let Some(rest) = input.get_mut(used..).filter(|rest| !rest.is_empty()) {
        let Ok(step) = engine.handle_input(env.now, rest) else {
            flush_owed(env, engine, outbound);
            return (input.len(), Some(env.linger()));
        };
        used += step.consumed;
        match step.event {
            None => {}
            Some(Event::Message { kind, payload }) => {
                env.metrics.message_received();
                match &agreed {
                    Some(agreed) => write_deflated(env, outbound, agreed, kind, payload),
                    None => write_frame(env, outbound, kind, payload),
                }
            }
            Some(_) => flush_owed(env, engine, outbound),
        }
        if engine.is_closed() {
            return (input.len(), Some(env.linger()));
        }
    }
    (used, None)
}

/// A deadline of the engine.
pub(super) fn handle_timeout(env: &mut Env, engine: &mut Engine, outbound: &mut Outbound) -> Option<Phase> {
    // Whatever the event says, the frame that goes with it is owed, and the state tells whether to go on.
    let _ = engine.handle_timeout(env.now);
    flush_owed(env, engine, outbound);
    engine.is_closed().then(|| env.linger())
}

/// One message as one frame at the end of `outbound`.
pub(super) fn write_frame(env: &mut Env, outbound: &mut Outbound, kind: MessageKind, payload: &[u8]) {
    let room = outbound.room(&mut env.pool, wire::frame_len(Side::Server, payload.len()));
    if let Ok(len) = wire::encode_frame(kind.opcode(), true, payload, None, room) {
        outbound.commit(len);
        env.metrics.message_sent();
    }
}

/// The same, compressed if it is worth it.
fn write_deflated(
    env: &mut Env,
    outbound: &mut Outbound,
    agreed: &Agreed,
    kind: MessageKind,
    payload: &[u8],
) {
    let message = match (kind, core::str::from_utf8(payload)) {
        (MessageKind::Text, Ok(text)) => Message::Text(text),
        _ => Message::Binary(payload),
    };
    let room = outbound.room(&mut env.pool, wire::frame_len(Side::Server, payload.len()));
    let window_bits = agreed.window_bits(Side::Server);
    let compressor = env.compressors.entry(window_bits).or_insert_with(|| compressor(window_bits));
    if let Ok(len) = compressor.encode_frame(agreed, message, room) {
        outbound.commit(len);
        env.metrics.message_sent();
    }
}

/// A compressor of a worker.
pub(super) fn compressor(window_bits: WindowBits) -> Compressor {
    Compressor::new(window_bits, Level::Fast)
}

/// The control frames that the engine owes.
pub(super) fn flush_owed(env: &mut Env, engine: &mut Engine, outbound: &mut Outbound) {
    append_owed(env, outbound, |out| engine.poll_transmit(out));
}

/// Appends what `transmit` gives until it gives nothing. Through a small array, since a connection that owes nothing
/// shall not take a buffer from the pool.
pub(super) fn append_owed(
    env: &mut Env,
    outbound: &mut Outbound,
    mut transmit: impl FnMut(&mut [u8]) -> usize,
) {
    let mut frame = [0; wire::CONTROL_FRAME_LEN_MAX];
    while let len @ 1.. = transmit(&mut frame) {
        outbound.append(&mut env.pool, frame.get(..len).unwrap_or_default());
    }
}
