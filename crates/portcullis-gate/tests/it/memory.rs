//! What a gate takes from the heap: nothing for a message, and never more than was promised.

use portcullis_gate::{Context, Credential, Event, Gate, wire};
use portcullis_proto::{
    Config, Connection, Message, VecStorage, wire::Opcode, wire::frame_len, worst_case_bytes,
};
use portcullis_testkit::{VirtualClock, allocations};

use crate::support::{POLICY, Rig, START, VERIFIER, action, chat, engine, frame, text, verified};

type Ours = Gate<Connection<VecStorage>>;

fn context(clock: &VirtualClock) -> Context<'static> {
    Context { now: clock.now(), unix: clock.unix(), policy: &POLICY, verifier: Some(&*VERIFIER) }
}

/// Good messages, refused ones, pings and the answers to all of them.
#[test]
fn no_message_allocates() {
    let mut clock = VirtualClock::new();
    let mut gate: Ours =
        Gate::new(engine(&clock), &context(&clock), verified(&crate::support::alice()), false);
    let script = [
        text(&chat(r#","id":7,"channel":"ch\u0061t:lobby""#)),
        text(&action("big", START.as_millis(), "")),
        text(r#"{"type":"subscribe","channel":"chat:lobby"}"#),
        text(r#"{"action":"chat","nonsense":[1,{"a":"b"}],"id":9}"#),
        frame(Opcode::Ping, true, b"hello"),
    ];
    let mut buffers = script.clone();
    let mut answer = String::with_capacity(1_024);
    let mut out = vec![0; 1_024 + frame_len(portcullis_proto::Side::Server, 0)];
    let mut counts = [0_u32; 4];
    let mut work = || {
        for _ in 0..1_000 {
            clock.advance(core::time::Duration::from_secs(2));
            // Otherwise the timestamps of the script would grow stale.
            let context = Context { unix: START, ..context(&clock) };
            for (buffer, bytes) in buffers.iter_mut().zip(&script) {
                buffer.copy_from_slice(bytes);
                let allowance = gate.read_allowance(context.now, &POLICY).unwrap();
                assert!(allowance >= buffer.len());
                gate.charge_read(context.now, &POLICY, buffer.len());
                answer.clear();
                let step = gate.handle_input(&context, buffer).unwrap();
                assert_eq!(step.consumed, bytes.len());
                match step.event {
                    Some(Event::Action(action)) => {
                        counts[0] += 1;
                        let (payload, at) = (action.payload(), action.timestamp_ms());
                        wire::event_body(&mut answer, action.from(), "chat", payload, at).unwrap();
                    }
                    Some(Event::Refused(refusal)) => {
                        counts[1] += 1;
                        wire::error(&mut answer, &refusal, wire::About::default()).unwrap();
                    }
                    Some(Event::Subscribe { .. }) => counts[2] += 1,
                    _ => counts[3] += 1,
                }
                gate.send(context.now, Message::Text(&answer), &mut out).unwrap();
                while gate.poll_transmit(&mut out) > 0 {}
            }
        }
    };
    let counted = allocations(&mut work);
    assert_eq!(counts, [2_000, 1_000, 1_000, 1_000]);
    assert_eq!((counted.count, counted.bytes_max), (0, 0));
}

/// Before it is authenticated, a connection costs less than a kibibyte beside the buffer of its head.
#[test]
fn an_unauthenticated_connection_is_small() {
    let clock = VirtualClock::new();
    let mut gate = None;
    let context = context(&clock);
    let counted = allocations(|| gate = Some(Gate::new(engine(&clock), &context, Credential::Absent, false)));
    assert_eq!(counted.count, 0);
    assert!(size_of::<Ours>() <= 1_024, "{} bytes", size_of::<Ours>());
}

/// One message in a hundred thousand frames of one byte or none, its end never coming.
#[test]
fn tiny_fragments_stay_below_the_worst_case() {
    let config = Config::server().with_fragments_max(u32::MAX);
    let bound = worst_case_bytes(&config) + size_of::<Ours>();
    let clock = VirtualClock::new();
    let context = context(&clock);
    let first = frame(Opcode::Text, false, b"{");
    let (tiny, empty) = (frame(Opcode::Continuation, false, b" "), frame(Opcode::Continuation, false, b""));
    let mut buffer = [0; 64];
    let mut gate: Option<Ours> = None;
    let mut failure = None;
    let counted = allocations(|| {
        let storage = VecStorage::new(64 * 1_024);
        let engine = Connection::new(config, clock.now(), [1; 32], storage);
        let mut fresh = Gate::new(engine, &context, Credential::NotNeeded, false);
        for index in 0..100_000 {
            let bytes = if index == 0 { &first } else { [&tiny, &empty][index % 3 / 2] };
            let piece = &mut buffer[..bytes.len()];
            piece.copy_from_slice(bytes);
            match fresh.handle_input(&context, piece) {
                Ok(step) => assert!(step.event.is_none()),
                Err(error) => failure = failure.or(Some((index, error.close_code()))),
            }
        }
        gate = Some(fresh);
    });
    let bytes_max = usize::try_from(counted.bytes_max).unwrap();
    assert!(bytes_max >= 64 * 1_024, "the script filled the storage: {bytes_max}");
    assert!(bytes_max + size_of::<Ours>() <= bound, "{bytes_max} of {bound} bytes");
    assert_eq!(failure.map(|(_, code)| code), Some(1_009));
    assert_eq!(counted.bytes_kept, 0, "a failed connection gives its memory back");
}

/// With the limits of the contract the same script ends at the first fragment over the limit.
#[test]
fn tiny_fragments_are_refused_with_1008() {
    for payload in [&b" "[..], b""] {
        let mut rig = Rig::new(Credential::NotNeeded, false);
        assert_eq!(rig.feed(&frame(Opcode::Text, false, b"{")), [""; 0]);
        for _ in 1..1_024 {
            assert_eq!(rig.feed(&frame(Opcode::Continuation, false, payload)), [""; 0]);
        }
        let said = rig.feed(&frame(Opcode::Continuation, false, payload));
        assert!(said[0].starts_with("failed 1008 "), "{said:?}");
    }
}

/// A length that was only declared reserves nothing.
#[test]
fn a_declared_length_reserves_nothing() {
    let clock = VirtualClock::new();
    let context = context(&clock);
    let mut gate: Ours = Gate::new(engine(&clock), &context, Credential::Absent, false);
    let mut head = frame(Opcode::Text, true, &[b' '; 65_536])[..14].to_vec();
    let counted = allocations(|| {
        assert!(gate.handle_input(&context, &mut head).unwrap().event.is_none());
    });
    assert_eq!(counted.count, 0);
}
