//! Two programs that share a secret talk through the server, which can read nothing of it.

use portcullis_seal::{
    Direction, Generation, HEADER_LEN, OVERHEAD, OpenError, Opener, Sealer, Secret, Session, text,
};
use serde_json::{Value, json};

use super::{
    client::{Client, now_ms, token},
    program::{Folder, MINIMAL, Server},
};

const SESSION: Session = [3; 16];
const FIRST: Generation = Generation::new(1);
const CHANNEL: &str = "chat:lobby";
const WORDS: &str = "the north gate opens at six";

fn secret() -> Secret {
    Secret::new([0x5A; 32])
}

fn payload(sealer: &mut Sealer, message: &str) -> Value {
    let mut buffer = vec![0; message.len() + OVERHEAD];
    buffer[HEADER_LEN..HEADER_LEN + message.len()].copy_from_slice(message.as_bytes());
    let sealed = sealer.seal_in_place(CHANNEL, &mut buffer, message.len()).unwrap();
    let mut out = vec![0; text::encoded_len(sealed.len())];
    json!({"sealed": text::encode(sealed, &mut out).unwrap(), "generation": sealer.generation().get()})
}

fn open(opener: &mut Opener, event: &Value) -> Result<String, OpenError> {
    let generation = u32::try_from(event["payload"]["generation"].as_u64().unwrap()).unwrap();
    let sealed = event["payload"]["sealed"].as_str().unwrap();
    let mut buffer = vec![0; sealed.len()];
    let bytes = text::decode(sealed.as_bytes(), &mut buffer)?;
    let opened =
        opener.open_in_place(Generation::new(generation), event["channel"].as_str().unwrap(), bytes)?;
    Ok(String::from_utf8(opened.message().to_vec()).unwrap())
}

fn say(client: &mut Client, payload: &Value, channel: &str) {
    client.send(
        json!({"action": "chat", "payload": payload, "timestamp": now_ms(), "channel": channel}).to_string(),
    );
}

/// The `chat` of a configuration without actions takes sealed payloads.
fn pair(folder: &Folder) -> (Server, Client, Client) {
    let config = folder.file("c.toml", MINIMAL);
    let server = Server::start(&["serve", "--config", &config, "--workers", "2"]);
    let [alice, bob] = ["alice", "bob"].map(|user| {
        let mut client = Client::connect(&server, &token(&config, user));
        client.subscribe(CHANNEL);
        client
    });
    (server, alice, bob)
}

#[test]
fn two_clients_exchange_what_the_server_cannot_read() {
    let folder = Folder::new();
    let (_server, mut alice, mut bob) = pair(&folder);
    let mut sealer = Sealer::new(&secret(), SESSION, Direction::ToServer, FIRST);
    let mut opener = Opener::new(&secret(), SESSION, Direction::ToServer, FIRST);
    let first = payload(&mut sealer, WORDS);
    say(&mut alice, &first, CHANNEL);
    let event = bob.next("event");
    assert_eq!((&event["payload"], &event["from"]), (&first, &json!("alice")));
    assert!(!event.to_string().contains("north gate"));
    assert_eq!(open(&mut opener, &event).as_deref(), Ok(WORDS));

    // The next generation goes through as the first one did.
    let late = payload(&mut sealer, "late");
    sealer.advance(Generation::new(2)).unwrap();
    opener.advance(Generation::new(2)).unwrap();
    let next = payload(&mut sealer, "next");
    say(&mut alice, &next, CHANNEL);
    assert_eq!(open(&mut opener, &bob.next("event")).as_deref(), Ok("next"));
    say(&mut alice, &late, CHANNEL);
    assert_eq!(open(&mut opener, &bob.next("event")).as_deref(), Ok("late"));

    // What somebody else repeats comes under their name, and does not open.
    say(&mut bob, &first, CHANNEL);
    let mut event = alice.next("event");
    while event["from"] != "bob" {
        event = alice.next("event");
    }
    assert_eq!(open(&mut opener, &event), Err(OpenError::Replayed { counter: 0 }));
}

#[test]
fn a_payload_moved_to_another_channel_does_not_open() {
    let folder = Folder::new();
    let (_server, mut alice, mut bob) = pair(&folder);
    alice.subscribe("chat:market");
    bob.subscribe("chat:market");
    let mut sealer = Sealer::new(&secret(), SESSION, Direction::ToServer, FIRST);
    let mut opener = Opener::new(&secret(), SESSION, Direction::ToServer, FIRST);
    let sealed = payload(&mut sealer, WORDS);
    say(&mut alice, &sealed, "chat:market");
    assert_eq!(open(&mut opener, &bob.next("event")), Err(OpenError::Forged));
    // Where it belongs, it still does.
    say(&mut alice, &sealed, CHANNEL);
    assert_eq!(open(&mut opener, &bob.next("event")).as_deref(), Ok(WORDS));
}
