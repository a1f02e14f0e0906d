//! Actions and limits as the configuration says them: what a refused client is told, and what a reload changes for those
//! who are connected.

use std::{fs, thread, time::Duration};

use serde_json::{Value, json};
use tungstenite::Message;

use super::{
    client::{Client, now_ms, token},
    program::{Folder, MINIMAL, Server, get, refuses, run},
};

/// A server whose configuration, action and schema can be rewritten under it.
struct Site {
    folder: Folder,
    config: String,
    server: Server,
    generation: u32,
}

const SCHEMA: &str =
    r#"{"type":"object","properties":{"text":{"type":"string","maxLength":5}},"required":["text"]}"#;

/// The one action of these tests. Its schema is a file of its own.
fn action(more: &str) -> String {
    format!("[[action]]\nname = \"chat\"\nroute = \"channel\"\nschema_file = \"chat.json\"\n{more}")
}

impl Site {
    /// `more` is what the configuration says besides the least.
    fn start(more: &str) -> Self {
        let folder = Folder::new();
        folder.file("chat.json", SCHEMA);
        let config = folder.file("c.toml", &format!("{MINIMAL}{more}"));
        // One worker: what one connection sees of a reload, all of them do.
        let server = Server::start(&["serve", "--config", &config, "--workers", "1"]);
        Self { folder, config, server, generation: 0 }
    }

    fn client(&self, user: &str) -> Client {
        let mut client = Client::connect(&self.server, &token(&self.config, user));
        client.subscribe("chat:lobby");
        client
    }

    /// Puts another configuration in force, and waits until it is.
    #[track_caller]
    fn reload(&mut self, more: &str) {
        self.generation += 1;
        // The path moves along, which shows from outside that the reload has happened.
        let path = format!("/{}", self.generation);
        fs::write(&self.config, format!("path = \"{path}\"\n{MINIMAL}{more}")).unwrap();
        self.server.signal("HUP");
        let in_force = (0..250).any(|_| {
            !get(self.server.address(), &path).starts_with("HTTP/1.1 404 ") || {
                thread::sleep(Duration::from_millis(20));
                false
            }
        });
        assert!(in_force, "not reloaded");
    }
}

/// Publishes, and returns the `ack` or the `error` that answers.
#[track_caller]
fn publish(client: &mut Client, text: &str) -> Value {
    let id = client.chat("chat:lobby", text);
    loop {
        let Message::Text(answer) = client.socket.read().unwrap() else { continue };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        if answer["id"] == id {
            return answer;
        }
    }
}

#[track_caller]
fn passes(client: &mut Client, text: &str) {
    let answer = publish(client, text);
    assert_eq!(answer["type"], "ack", "{answer}");
}

/// Refused for the rate; in how many milliseconds to try again.
#[track_caller]
fn limited(client: &mut Client) -> u64 {
    let answer = publish(client, "hi");
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("rate_limited")), "{answer}");
    answer["retry_after_ms"].as_u64().unwrap()
}

/// How many messages pass until the first that is refused.
#[track_caller]
fn pass_until_limited(client: &mut Client) -> usize {
    let refused = (0..200).position(|_| publish(client, "hi")["type"] == "error");
    refused.expect("a limit")
}

#[test]
fn an_invalid_message_is_told_place_keyword_and_offset() {
    let site = Site::start(&action(""));
    let mut alice = site.client("alice");
    let now = now_ms();
    let rows = [
        (r#"{"text":"too long"}"#, "/payload/text", "maxLength", r#""too"#),
        (r#"{"text":5}"#, "/payload/text", "type", "5}"),
        (r#"{"text":"hi","tip":1}"#, "/payload/tip", "additionalProperties", r#""tip"#),
        (r#"{"a/b~":1}"#, "/payload/a~1b~0", "additionalProperties", r#""a/b"#),
        (r#"{}"#, "/payload/text", "required", "}"),
        (r#"[]"#, "/payload", "type", "[]"),
    ];
    for (id, (payload, pointer, keyword, at)) in (1_u64..).zip(rows) {
        let message = format!(
            "{{\"action\":\"chat\",\"id\":{id},\"channel\":\"chat:lobby\",\"timestamp\":{now},\"payload\":{payload}}}"
        );
        alice.send(message.clone());
        let error = alice.next("error");
        assert_eq!((&error["code"], &error["id"]), (&json!("invalid_message"), &json!(id)), "{error}");
        assert_eq!((&error["pointer"], &error["keyword"]), (&json!(pointer), &json!(keyword)), "{payload}");
        // In bytes from the start of the message: inside of what is named, never behind it.
        let offset = usize::try_from(error["offset"].as_u64().unwrap()).unwrap();
        let start = message.len() - payload.len() - 1;
        let named = start + payload.find(at).unwrap();
        assert!((named..message.len()).contains(&offset), "{payload}: {offset}, not from {named}");
    }
    passes(&mut alice, "hi");
}

#[test]
fn an_invalid_frame_of_json_is_told_its_offset_too() {
    let site = Site::start(&action(""));
    let mut alice = site.client("alice");
    for (text, offset) in [("{\"action\":\"chat\",}", 17), ("[1", 0), ("{\"a\":01}", 1)] {
        alice.send(text);
        let error = alice.next("error");
        assert_eq!(error["code"], "invalid_message", "{error}");
        let told = error["offset"].as_u64().unwrap();
        assert!(told >= offset && told <= text.len() as u64, "{text}: {error}");
        assert!(error["keyword"].is_string() && error["pointer"].is_string(), "{error}");
    }
}

/// `cost` counts in the bucket, and the wait that the client is told is neither too short nor much too long.
#[test]
fn a_cost_is_charged_and_the_wait_is_the_true_one() {
    let limits = "[limits]\nmessages_per_second = 200\nmessages_burst = 200\n";
    let site = Site::start(&format!("{}{limits}", action("cost = 150\n")));
    let mut alice = site.client("alice");
    // The subscription cost something too.
    thread::sleep(Duration::from_millis(100));
    passes(&mut alice, "hi");
    let wait = limited(&mut alice);
    assert!((1..=600).contains(&wait), "{wait}");
    thread::sleep(Duration::from_millis(wait));
    passes(&mut alice, "hi");
}

/// One connection stays through all of it.
#[test]
fn a_reload_changes_schema_scope_and_cost_of_live_connections() {
    let mut site = Site::start(&action(""));
    let mut alice = site.client("alice");
    assert_eq!(publish(&mut alice, "longer")["keyword"], "maxLength");

    site.folder.file("chat.json", &SCHEMA.replace('5', "6"));
    site.reload(&action(""));
    passes(&mut alice, "longer");
    assert_eq!(publish(&mut alice, "longer still")["keyword"], "maxLength");

    site.reload(&action("scope = \"chat:write\"\n"));
    let answer = publish(&mut alice, "hi");
    assert_eq!((&answer["code"], &answer["scope"]), (&json!("forbidden"), &json!("chat:write")), "{answer}");
    let output = run(&["token", "--config", &site.config, "--user", "alice", "--scope", "chat:write"]);
    let scoped = String::from_utf8(output.stdout).unwrap();
    alice.send(json!({"type": "auth", "token": scoped.trim()}).to_string());
    alice.next("renewed");
    passes(&mut alice, "hi");

    // Nothing of what is left of 120 pays for 121.
    let limits = "[limits]\nmessages_per_second = 1\nmessages_burst = 120\n";
    site.reload(&format!("{}{limits}", action("cost = 100\n")));
    let passed = pass_until_limited(&mut alice);
    assert!(passed <= 1, "{passed}");
    let wait = limited(&mut alice);
    assert!((1..=100_000).contains(&wait), "{wait}");
}

#[test]
fn a_reload_changes_limits_of_live_connections() {
    let limits = |burst| format!("[limits]\nmessages_per_second = 1\nmessages_burst = {burst}\n");
    let mut site = Site::start(&format!("{}{}", action(""), limits(8)));
    let mut alice = site.client("alice");
    let few = pass_until_limited(&mut alice);
    assert!((1..=9).contains(&few), "{few}");
    site.reload(&format!("{}{}", action(""), limits(60)));
    let more = pass_until_limited(&mut alice);
    assert!((40..=60).contains(&more), "{more}");
    // Fewer again: what was taken under the old limit stays taken.
    site.reload(&format!("{}{}", action(""), limits(8)));
    assert!(limited(&mut alice) >= 1_000);
}

/// What the session model bounds changes as well, and takes nothing from those who have more.
#[test]
fn a_reload_changes_the_limits_of_sessions() {
    let limits = |channels: u32| format!("{}[limits]\nsubscriptions_max = {channels}\n", action(""));
    let mut site = Site::start(&limits(8));
    let mut alice = site.client("alice");
    alice.subscribe("chat:one");
    site.reload(&limits(1));
    alice.send(r#"{"type":"subscribe","channel":"chat:two"}"#);
    assert_eq!(alice.next("error")["code"], "too_many_subscriptions");
    passes(&mut alice, "hi");
    site.reload(&limits(8));
    alice.subscribe("chat:two");
}

/// The bucket that all connections of a user share follows the configuration as well.
#[test]
fn a_reload_changes_the_limit_of_users() {
    let limits = |burst: u32, factor: u32| {
        format!("[limits]\nmessages_per_second = 1\nmessages_burst = {burst}\nuser_factor = {factor}\n")
    };
    let mut site = Site::start(&format!("{}{}", action(""), limits(20, 1)));
    let (mut one, mut two, mut bob) = (site.client("alice"), site.client("alice"), site.client("bob"));
    let first = pass_until_limited(&mut one);
    // The second connection has its own twenty, but the user has none left.
    let second = pass_until_limited(&mut two);
    assert!(first + second <= 22, "{first} and {second}");
    passes(&mut bob, "hi");

    site.reload(&format!("{}{}", action(""), limits(20, 4)));
    let second = pass_until_limited(&mut two);
    assert!((10..=22).contains(&second), "{second}");
    passes(&mut bob, "hi");
}

/// A reload that leaves the limit of users alone does not give those a new burst who have spent theirs.
#[test]
fn a_reload_is_no_gift() {
    let limits = "[limits]\nmessages_per_second = 1\nmessages_burst = 10\nuser_factor = 1\n";
    let mut site = Site::start(&format!("{}{limits}", action("")));
    let (mut one, mut two) = (site.client("alice"), site.client("alice"));
    pass_until_limited(&mut one);
    site.reload(&format!("{}{limits}", action("")));
    let passed = pass_until_limited(&mut two);
    assert!(passed <= 3, "{passed}");
}

/// Whatever is wrong with the new files, the old ones stay in force and nobody is dropped.
#[test]
fn a_bad_file_changes_nothing_for_anybody() {
    let site = Site::start(&action(""));
    let mut alice = site.client("alice");
    let bad = [
        ("limitz = 1".to_owned(), SCHEMA),
        (format!("{MINIMAL}{}", action("")), r#"{"type":"objekt"}"#),
        (format!("{MINIMAL}{}", action("")), r#"{"$dynamicRef":"\#a"}"#),
        (format!("{MINIMAL}{}", action("cost = 0\n")), SCHEMA),
        (format!("{MINIMAL}{}", action("scope = \"a b\"\n")), SCHEMA),
        (format!("{MINIMAL}{}", action("schema = '{}'\n")), SCHEMA),
        (format!("{MINIMAL}{}{}", action(""), action("")), SCHEMA),
        (format!("{MINIMAL}{}[limits]\nmessages_burst = 0\n", action("")), SCHEMA),
    ];
    for (config, schema) in &bad {
        site.folder.file("chat.json", schema);
        fs::write(&site.config, config).unwrap();
        refuses(&["check", "--config", &site.config], 2, &[]);
        site.server.signal("HUP");
        thread::sleep(Duration::from_millis(50));
        passes(&mut alice, "hi");
        assert_eq!(publish(&mut alice, "longer")["keyword"], "maxLength");
    }
    drop(alice);
    site.server.signal("TERM");
    let (status, log) = site.server.wait();
    assert!(status.success());
    // Signals that come together count as one.
    assert!(log.matches("reload failed").count() >= bad.len() / 2, "{log}");
}

#[test]
fn a_bad_action_is_named() {
    let folder = Folder::new();
    let rows = [
        (action("").replace("chat.json", "absent.json"), "absent.json"),
        (action("cost = 0\n"), "cost"),
        (action("cost = -1\n"), "c.toml:22:8"),
        (action("colour = 1\n"), "colour"),
        (action("schema = '{}'\n"), "schema_file"),
        (action("scope = \"a b\"\n"), "action[0].scope"),
    ];
    folder.file("chat.json", SCHEMA);
    for (text, word) in rows {
        let config = folder.file("c.toml", &format!("{MINIMAL}{text}"));
        refuses(&["check", "--config", &config], 2, &[word]);
    }
    folder.file("chat.json", r#"{"properties":{"text":{"typo":1}}}"#);
    let config = folder.file("c.toml", &format!("{MINIMAL}{}", action("")));
    refuses(&["check", "--config", &config], 2, &["action", "`typo`"]);
}
