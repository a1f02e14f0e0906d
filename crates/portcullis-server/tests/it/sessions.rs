//! Sessions that survive: their connection, a second one, another device, and `kill -9` of the server.

use std::{fs, net::TcpStream, thread, time::Duration};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::{
    client::{Client, knock, token},
    program::{Folder, MINIMAL, Server, request, run},
};

/// Serves from a file, on the same port again and again.
pub(crate) struct Durable {
    pub(crate) folder: Folder,
    pub(crate) config: String,
    server: Option<Server>,
}

impl Durable {
    pub(crate) fn new(durability: &str, more: &str) -> Self {
        let folder = Folder::new();
        // A port that was free a moment ago, and that every start gets again.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = MINIMAL.replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1);
        let text = text.replacen("[admin]", "[admin]\nkey = \"an-admin-key-of-some-length\"", 1);
        let store = format!("\n[store]\npath = \"sessions.redb\"\ndurability = \"{durability}\"\n{more}");
        let config = folder.file("c.toml", &format!("{text}{store}"));
        let mut durable = Self { folder, config, server: None };
        durable.start();
        durable
    }

    fn start(&mut self) {
        self.server = Some(Server::start(&["serve", "--config", &self.config, "--workers", "2"]));
    }

    /// Ends without a word, and starts again.
    pub(crate) fn kill(&mut self) {
        let server = self.server.take().unwrap();
        server.signal("KILL");
        server.wait();
        self.start();
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn connect(&self, user: &str) -> Client {
        Client::connect(self.server(), &token(&self.config, user))
    }
}

/// What a client knows of its session when its line is cut.
fn claim(welcome: &Value, channels: Value) -> Value {
    json!({"session": welcome["session"], "token": welcome["resume"], "channels": channels})
}

fn resume(server: &Server, token: &str, claim: &Value) -> WebSocket<TcpStream> {
    let mut socket = knock(server, "?resume=1", &[("Authorization", &format!("Bearer {token}"))]);
    socket.send(Message::text(json!({"type": "auth", "resume": claim}).to_string())).unwrap();
    socket
}

#[track_caller]
fn next(socket: &mut WebSocket<TcpStream>, kind: &str) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap_or_else(|error| panic!("no `{kind}`: {error}")) {
            let value: Value = serde_json::from_str(&text).unwrap();
            if value["type"] == kind {
                return value;
            }
        }
    }
}

#[track_caller]
fn close_code(socket: &mut WebSocket<TcpStream>) -> u16 {
    loop {
        if let Message::Close(frame) = socket.read().unwrap() {
            return frame.unwrap().code.into();
        }
    }
}

fn publish(socket: &mut WebSocket<TcpStream>, id: u64, text: &str) {
    let message = json!({"action": "chat", "payload": {"text": text}, "timestamp": super::client::now_ms(), "channel": "chat:lobby", "id": id});
    socket.send(Message::text(message.to_string())).unwrap();
}

#[test]
fn a_killed_server_goes_on_where_it_was() {
    for durability in ["process", "machine"] {
        let mut durable = Durable::new(durability, "");
        let (mut alice, mut bob) = (durable.connect("alice"), durable.connect("bob"));
        let subscribed = alice.subscribe("chat:lobby");
        bob.subscribe("chat:lobby");
        for text in ["one", "two", "three"] {
            bob.chat("chat:lobby", text);
            bob.next("ack");
        }
        let seen = alice.next("event");
        assert_eq!((seen["payload"]["text"].as_str(), &seen["epoch"]), (Some("one"), &subscribed["epoch"]));
        durable.kill();

        let position = json!({"epoch": seen["epoch"], "offset": seen["offset"]});
        let channels = json!({"chat:lobby": position});
        let mut alice =
            resume(durable.server(), &token(&durable.config, "alice"), &claim(&alice.welcome, channels));
        assert_eq!(next(&mut alice, "welcome")["recovered"], true);
        for (text, offset) in [("two", 2), ("three", 3)] {
            let event = next(&mut alice, "event");
            assert_eq!(
                (event["payload"]["text"].as_str(), event["offset"].as_u64()),
                (Some(text), Some(offset))
            );
        }
        let mut bob =
            resume(durable.server(), &token(&durable.config, "bob"), &claim(&bob.welcome, json!({})));
        assert_eq!(next(&mut bob, "welcome")["last_id"], 3);
        // The acknowledgement might have been lost: the same id again is not applied again.
        for (id, text) in [(3, "three"), (4, "four")] {
            bob.send(Message::text(r#"{"type":"subscribe","channel":"chat:lobby"}"#)).unwrap();
            publish(&mut bob, id, text);
            assert_eq!(next(&mut bob, "ack")["id"], id);
        }
        assert_eq!(next(&mut alice, "event")["payload"]["text"], "four");
    }
}

#[test]
fn what_was_revoked_stays_revoked_over_a_kill() {
    let mut durable = Durable::new("process", "");
    let (old, other) = (token(&durable.config, "alice"), token(&durable.config, "bob"));
    let mut alice = Client::connect(durable.server(), &old);
    let admin = durable.server().admin.clone().unwrap();
    let fields = "Authorization: Bearer an-admin-key-of-some-length\r\n";
    let answer = request(&admin, "POST", "/api/revoke", fields, "{\"user\":\"alice\"}");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(u16::from(alice.closed().code), 4401);
    durable.kill();
    let mut knocking =
        knock(durable.server(), "", &[("Sec-WebSocket-Protocol", &format!("portcullis.v1, bearer.{old}"))]);
    assert_eq!(close_code(&mut knocking), 4401);
    Client::connect(durable.server(), &other);
}

#[test]
fn a_terminated_server_has_written_everything() {
    let mut durable = Durable::new("process", "[drain]\ndeadline = \"3s\"\nspread = \"1s\"\n");
    let mut alice = durable.connect("alice");
    alice.subscribe("chat:lobby");
    let id = alice.chat("chat:lobby", "last words");
    alice.next("ack");
    let server = durable.server.take().unwrap();
    server.signal("TERM");
    assert_eq!(u16::from(alice.closed().code), 1012);
    // The client is still there, so that the server waits for it to the deadline.
    drop(alice.socket);
    assert!(server.wait().0.success());
    durable.start();
    let mut back =
        resume(durable.server(), &token(&durable.config, "alice"), &claim(&alice.welcome, json!({})));
    let welcome = next(&mut back, "welcome");
    assert_eq!((&welcome["recovered"], welcome["last_id"].as_u64()), (&json!(true), Some(id)));
}

#[test]
fn a_damaged_file_and_a_second_server_are_refused_in_one_line() {
    let mut durable = Durable::new("process", "");
    let second = run(&["serve", "--config", &durable.config]);
    let said = String::from_utf8(second.stderr).unwrap();
    // The port of the second is the first's as well; so it is given one of its own.
    assert_eq!(second.status.code(), Some(1), "{said}");
    let text = fs::read_to_string(&durable.config).unwrap();
    let port = durable.server().address().rsplit_once(':').unwrap().1.to_owned();
    let other = durable.folder.file("d.toml", &text.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:0"));
    let refused = run(&["serve", "--config", &other]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("another process holds the file"), "{said}");

    let server = durable.server.take().unwrap();
    server.signal("KILL");
    server.wait();
    fs::write(durable.folder.path().join("sessions.redb"), "a letter to my aunt".repeat(999)).unwrap();
    let refused = run(&["serve", "--config", &durable.config]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the file is corrupt"), "{said}");
}

#[test]
fn who_resumes_while_the_older_connection_lives_replaces_it() {
    let folder = Folder::new();
    let config = folder.file("c.toml", MINIMAL);
    let server = Server::start(&["serve", "--config", &config, "--workers", "2"]);
    let alice_token = token(&config, "alice");
    let mut older = Client::connect(&server, &alice_token);
    older.subscribe("chat:lobby");
    let claim = claim(&older.welcome, json!({}));
    let mut newer = resume(&server, &alice_token, &claim);
    let welcome = next(&mut newer, "welcome");
    assert_eq!(welcome["recovered"], true);
    let frame = older.closed();
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4409, "replaced"));
    // Its `welcome` was lost, so that the client comes with the older secret once more.
    let mut again = resume(&server, &alice_token, &claim);
    assert_eq!(next(&mut again, "welcome")["recovered"], true);
    assert_eq!(close_code(&mut newer), 4409);
    // What nobody can have seen is void.
    let stale = json!({"session": welcome["session"], "token": welcome["resume"], "channels": {}});
    let mut other = resume(&server, &alice_token, &stale);
    assert_eq!(next(&mut other, "welcome")["recovered"], false);
    publish(&mut again, 1, "not subscribed any more");
    assert_eq!(next(&mut again, "error")["code"], "not_subscribed");
}

#[test]
fn a_session_ends_with_its_window_and_with_the_credential_of_another() {
    let folder = Folder::new();
    let config = folder.file("c.toml", &format!("{MINIMAL}\n[limits]\nresume_window = \"300ms\"\n"));
    let server = Server::start(&["serve", "--config", &config, "--workers", "1"]);
    let alice = Client::connect(&server, &token(&config, "alice"));
    let claim = claim(&alice.welcome, json!({}));
    // Another user with a good credential of their own.
    let mut mallory = resume(&server, &token(&config, "mallory"), &claim);
    let welcome = next(&mut mallory, "welcome");
    assert_eq!((&welcome["recovered"], welcome["user"].as_str()), (&json!(false), Some("mallory")));
    drop(alice);
    thread::sleep(Duration::from_millis(700));
    let mut late = resume(&server, &token(&config, "alice"), &claim);
    assert_eq!(next(&mut late, "welcome")["recovered"], false);
}

#[test]
fn a_second_device_has_a_session_of_its_own_and_presence_says_the_user_once() {
    let folder = Folder::new();
    let config = folder.file("c.toml", MINIMAL);
    let server = Server::start(&["serve", "--config", &config, "--workers", "2"]);
    let alice_token = token(&config, "alice");
    let (mut phone, mut laptop) =
        (Client::connect(&server, &alice_token), Client::connect(&server, &alice_token));
    assert_ne!(phone.welcome["session"], laptop.welcome["session"]);
    phone.subscribe("chat:lobby");
    let told = laptop.subscribe("chat:lobby");
    assert_eq!((&told["users"], &told["user_count"]), (&json!(["alice"]), &json!(1)));
    let mut bob = Client::connect(&server, &token(&config, "bob"));
    bob.subscribe("chat:lobby");
    // The phone's line is cut: nobody hears of it, and nothing is replaced.
    drop(phone);
    bob.chat("chat:lobby", "hello");
    assert_eq!(laptop.next("event")["payload"]["text"], "hello");
    laptop.socket.close(None).unwrap();
    bob.chat("chat:lobby", "still one device to wait for");
    let told = bob.subscribe("chat:other");
    assert_eq!(told["user_count"], 1);
    assert_eq!(bob.subscribe("chat:lobby")["users"], json!(["alice", "bob"]));
}

#[test]
fn who_lost_a_refusal_learns_what_was_not_applied() {
    let mut durable = Durable::new("process", "");
    let mut alice = durable.connect("alice");
    alice.subscribe("chat:lobby");
    alice.chat("chat:lobby", "one");
    let bad = json!({"action": "chat", "payload": {"text": 7}, "timestamp": super::client::now_ms(), "channel": "chat:lobby", "id": 2});
    alice.send(bad.to_string());
    let ping = json!({"action": "ping", "payload": {}, "timestamp": super::client::now_ms(), "id": 3});
    alice.send(ping.to_string());
    while alice.next("ack")["id"] != 3 {}
    durable.kill();
    let claim = claim(&alice.welcome, json!({}));
    let mut back = resume(durable.server(), &token(&durable.config, "alice"), &claim);
    let welcome = next(&mut back, "welcome");
    assert_eq!((&welcome["last_id"], &welcome["skipped"]), (&json!(3), &json!([2])));
}

/// Clients need not wait for `welcome`: what they say before it is answered behind it, in order.
#[test]
fn what_is_said_before_the_session_is_open_waits_for_it() {
    for durability in ["process", "machine"] {
        let durable = Durable::new(durability, "");
        let token = token(&durable.config, "alice");
        let mut sockets = Vec::new();
        for _ in 0..20 {
            let mut socket = knock(durable.server(), "", &[]);
            socket.write(Message::text(json!({"type": "auth", "token": token}).to_string())).unwrap();
            socket
                .write(Message::text(json!({"type": "subscribe", "channel": "chat:lobby"}).to_string()))
                .unwrap();
            for id in 1..=5 {
                let message = json!({"action": "chat", "payload": {"text": "x"}, "timestamp": super::client::now_ms(), "channel": "chat:lobby", "id": id});
                socket.write(Message::text(message.to_string())).unwrap();
            }
            socket.flush().unwrap();
            sockets.push(socket);
        }
        for socket in &mut sockets {
            assert_eq!(next(socket, "welcome")["user"], "alice");
            for id in 1..=5 {
                assert_eq!(next(socket, "ack")["id"], id);
            }
        }
    }
}

/// What a client missed on many channels is more than may ever wait for it: it comes as the client reads.
#[test]
fn a_client_that_missed_much_on_many_channels_gets_all_of_it() {
    let durable = Durable::new(
        "process",
        "[limits]\nmessages_per_second = 100000\nmessages_burst = 100000\nbytes_per_second = \"100MiB\"\nbytes_burst = \"100MiB\"\n",
    );
    let (mut alice, mut bob) = (durable.connect("alice"), durable.connect("bob"));
    let names: Vec<String> = (0..40).map(|number| format!("many:{number}")).collect();
    let mut positions = serde_json::Map::new();
    for name in &names {
        let told = alice.subscribe(name);
        bob.subscribe(name);
        positions.insert(name.clone(), json!({"epoch": told["epoch"], "offset": told["offset"]}));
    }
    // As a line that is cut: without a goodbye.
    let alice_claim = claim(&alice.welcome, Value::Object(positions));
    alice.socket.get_mut().shutdown(std::net::Shutdown::Both).unwrap();
    let text = "x".repeat(1_900);
    for _ in 0..40 {
        for name in &names {
            bob.chat(name, &text);
            bob.next("ack");
        }
    }
    let mut alice = resume(durable.server(), &token(&durable.config, "alice"), &alice_claim);
    assert_eq!(next(&mut alice, "welcome")["recovered"], true);
    let mut counts = std::collections::BTreeMap::new();
    while counts.values().sum::<u64>() < 40 * 40 {
        let message = alice.read().unwrap();
        let Message::Text(message) = message else { panic!("{message:?}") };
        let value: Value = serde_json::from_str(&message).unwrap();
        match value["type"].as_str().unwrap() {
            "subscribed" if value["channel"] != "user:alice" => {
                assert_eq!(value["recovered"], true, "{value}")
            }
            "event" => {
                let count = counts.entry(value["channel"].as_str().unwrap().to_owned()).or_insert(0);
                *count += 1;
                assert_eq!(value["offset"], *count);
            }
            _ => {}
        }
    }
}

/// A line that breaks while its session is being resumed costs nobody the session.
#[test]
fn a_resumption_that_is_cut_short_can_be_tried_again() {
    let durable = Durable::new("machine", "");
    let mut alice = durable.connect("alice");
    alice.chat("nowhere", "not subscribed");
    let claim = claim(&alice.welcome, json!({}));
    let token = token(&durable.config, "alice");
    for round in 0..40 {
        let mut cut = resume(durable.server(), &token, &claim);
        // At once, and a little later: before the answer is written, and behind it.
        thread::sleep(Duration::from_micros(round * 50));
        cut.get_mut().shutdown(std::net::Shutdown::Both).unwrap();
    }
    let mut back = resume(durable.server(), &token, &claim);
    assert_eq!(next(&mut back, "welcome")["recovered"], true);
}

/// The last goodbyes are still being written when the server ends.
#[test]
fn a_server_that_ends_while_it_writes_ends() {
    for _ in 0..10 {
        let mut durable = Durable::new("machine", "");
        let token = token(&durable.config, "alice");
        let clients: Vec<Client> = (0..8).map(|_| Client::connect(durable.server(), &token)).collect();
        let server = durable.server.take().unwrap();
        let leaving: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                thread::spawn(move || {
                    client.socket.close(None).unwrap();
                    while client.socket.read().is_ok() {}
                })
            })
            .collect();
        server.signal("TERM");
        let (sender, ended) = std::sync::mpsc::channel();
        thread::spawn(move || sender.send(server.wait().0));
        assert!(ended.recv_timeout(Duration::from_secs(8)).expect("the server hangs").success());
        leaving.into_iter().for_each(|leaving| leaving.join().unwrap());
    }
}
