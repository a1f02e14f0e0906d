//! A sealed hop: what is checked is checked as ever, and what is not sealed does not come in.

use portcullis_gate::{HOP_OVERHEAD, Hop};
use portcullis_proto::{Message, wire::Opcode};
use portcullis_seal::{Direction, Generation, HEADER_LEN, OVERHEAD, Opener, Sealer, Secret, Session};

use crate::support::{POLICY, Rig, alice, auth, chat, frame, verified};

const SESSION: Session = [5; 16];

fn ends(direction: Direction, generation: u32) -> (Sealer, Opener) {
    let (secret, generation) = (Secret::new([7; 32]), Generation::new(generation));
    (
        Sealer::new(&secret, SESSION, direction, generation),
        Opener::new(&secret, SESSION, direction, generation),
    )
}

/// The gate's side of the hop, and the client's.
fn hop() -> (Hop, Sealer, Opener) {
    let (client_sealer, opener) = ends(Direction::ToServer, 1);
    let (sealer, client_opener) = ends(Direction::ToClient, 1);
    (Hop::new(opener, sealer), client_sealer, client_opener)
}

/// A text as a client of the hop sends it.
fn sealed(sealer: &mut Sealer, text: &str) -> Vec<u8> {
    let mut message = sealer.generation().get().to_be_bytes().to_vec();
    message.extend_from_slice(&[0; HEADER_LEN]);
    message.extend_from_slice(text.as_bytes());
    message.resize(4 + text.len() + OVERHEAD, 0);
    sealer.seal_in_place("", &mut message[4..], text.len()).unwrap();
    frame(Opcode::Binary, true, &message)
}

#[test]
fn messages_come_and_go_sealed() {
    let (hop, mut sealer, mut opener) = hop();
    let mut rig = Rig::with(&POLICY, verified(&alice()), false);
    rig.gate = rig.gate.with_hop(hop);
    assert!(rig.feed(&sealed(&mut sealer, &chat(r#","id":1"#)))[0].starts_with("action 0 from"));
    let mut out = [0; 256];
    let len = rig.gate.send(rig.clock.now(), Message::Text("hello"), &mut out).unwrap();
    let payload = &mut out[2..len];
    assert_eq!(payload.len(), 5 + HOP_OVERHEAD);
    assert_eq!(payload[..4], 1_u32.to_be_bytes());
    let opened = opener.open_in_place(Generation::new(1), "", &mut payload[4..]).unwrap();
    assert_eq!(opened.message(), b"hello");
    // The next generation of keys, and what was sealed before it.
    let late = sealed(&mut sealer, &chat(r#","id":2"#));
    rig.gate.hop_mut().unwrap().advance(Generation::new(2)).unwrap();
    sealer.advance(Generation::new(2)).unwrap();
    assert!(rig.feed(&late)[0].starts_with("action 0 from"));
    assert!(rig.feed(&sealed(&mut sealer, &chat(r#","id":3"#)))[0].starts_with("action 0 from"));
}

#[test]
fn the_first_message_is_sealed_too() {
    let (hop, mut sealer, _) = hop();
    let mut rig = Rig::fresh();
    rig.gate = rig.gate.with_hop(hop);
    assert_eq!(rig.feed(&sealed(&mut sealer, &auth(&alice()))), ["authenticated"]);
}

#[test]
fn what_is_not_sealed_for_this_hop_ends_it() {
    let (_, mut sealer, _) = hop();
    let good = sealed(&mut sealer, &chat(""));
    let mut changed = good.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    for (bytes, expected) in [
        (frame(Opcode::Text, true, chat("").as_bytes()), "closing 1003 sealed_only"),
        (frame(Opcode::Binary, true, b""), "closing 1008 seal_malformed"),
        (frame(Opcode::Binary, true, chat("").as_bytes()), "closing 1008 seal_session"),
        (changed, "closing 1008 seal_forged"),
        ([good.clone(), good.clone()].concat(), "closing 1008 seal_replayed"),
    ] {
        let (hop, ..) = hop();
        let mut rig = Rig::live();
        rig.gate = rig.gate.with_hop(hop);
        let said = rig.feed(&bytes);
        assert!(said.contains(&expected.to_owned()), "{said:?} has no {expected}");
    }
    // Without the hop a sealed message is a binary one.
    assert_eq!(Rig::live().feed(&good)[0], "closing 1003 text_only");
}
