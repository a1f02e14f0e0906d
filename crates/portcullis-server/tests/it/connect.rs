//! `portcullis connect` in pipes, against the program itself.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{
    client::{PATIENCE, token},
    program::{Folder, MINIMAL, Server, command, refuses},
    sessions::Durable,
};

/// The program at the end of a pipe.
struct Pipe {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Pipe {
    fn start(url: &str, token: &str, more: &[&str]) -> Self {
        let mut command = command(&[&["connect", url], more].concat());
        command
            .env("PORTCULLIS_TOKEN", token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, lines) = (child.stdin.take(), lines(child.stdout.take().unwrap()));
        Self { child, stdin, lines }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// The next JSON line of this type.
    #[track_caller]
    fn next(&self, kind: &str) -> Value {
        loop {
            let value: Value = serde_json::from_str(&self.line()).unwrap();
            if value["type"] == kind {
                return value;
            }
        }
    }

    /// Ends the input; the exit code, and what was said on stderr.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

fn serve(folder: &Folder, more: &str) -> (Server, String) {
    let config = folder.file("c.toml", &format!("{MINIMAL}{more}"));
    (Server::start(&["serve", "--config", &config, "--workers", "1"]), config)
}

#[test]
fn lines_go_through_and_the_end_of_the_input_is_a_goodbye() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "");
    let bob = Pipe::start(&server.url, &token(&config, "bob"), &["-c", "chat:lobby", "--json"]);
    while bob.next("subscribed")["channel"] != "chat:lobby" {}
    let mut alice = Pipe::start(&server.url, &token(&config, "alice"), &["--channel", "chat:lobby"]);
    alice.say("hello");
    alice.say("//etc");
    alice.say("/do status {\"status\":\"busy\"}");
    for payload in [r#"{"text":"hello"}"#, r#"{"text":"/etc"}"#, r#"{"status":"busy"}"#] {
        let event = bob.next("event");
        assert_eq!((event["payload"].to_string(), &event["from"]), (payload.into(), &"alice".into()));
    }
    assert_eq!(alice.line(), "chat:lobby alice: hello");
    let (code, log) = alice.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(bob.end().0, Some(0));
}

#[test]
fn a_refused_line_is_told_and_counted_in_the_exit_code() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "");
    let mut alice = Pipe::start(&server.url, &token(&config, "alice"), &["-c", "chat:lobby", "--json"]);
    alice.say(r#"{"action":"chat","payload":{"text":7},"channel":"chat:lobby"}"#);
    let refused = alice.next("refused");
    assert_eq!((&refused["code"], &refused["pointer"]), (&"invalid_message".into(), &"/payload/text".into()));
    alice.say("not json");
    alice.say(r#"{"type":"subscribe","channel":"chat:other"}"#);
    while alice.next("subscribed")["channel"] != "chat:other" {}
    let (code, log) = alice.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("2 messages were refused"), "{log}");
}

#[test]
fn sealed_payloads_are_read_at_both_ends_alone() {
    let folder = Folder::new();
    let action =
        "[[action]]\nname = \"chat\"\nroute = \"channel\"\nsealed = true\nschema = '{\"type\":\"object\"}'\n";
    let (server, config) = serve(&folder, action);
    let key = folder.file("key", &"ab".repeat(32));
    let other = folder.file("other", &"cd".repeat(32));
    let with =
        |key: &str| ["-c".into(), "c".into(), "--json".into(), "--seal-key-file".into(), key.to_owned()];
    let start = |user: &str, key: &str| {
        let more = with(key);
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let pipe = Pipe::start(&server.url, &token(&config, user), &more);
        while pipe.next("subscribed")["channel"] != "c" {}
        pipe
    };
    let (mut alice, bob, mallory) = (start("alice", &key), start("bob", &key), start("mallory", &other));
    alice.say(r#"{"seal":"the launch code is 0000"}"#);
    let event = bob.next("event");
    assert_eq!(event["opened"], "the launch code is 0000");
    assert!(!event["payload"].to_string().contains("launch"), "{event}");
    assert_eq!(mallory.next("event")["seal_error"], "seal_forged");
}

#[test]
fn trusts_the_pinned_key_and_nobody_unknown() {
    let mut server = Server::start(&["dev", "--listen", "127.0.0.1:0", "--workers", "1"]);
    let (mut token, mut pin) = (String::new(), String::new());
    while pin.is_empty() {
        let line = server.line();
        if let Some(rest) = line.trim().strip_prefix("alice  ") {
            token = rest.to_owned();
        }
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            if word == "--pin" {
                pin = words.next().unwrap().to_owned();
            }
        }
    }
    let trusting = Pipe::start(&server.url, &token, &["--pin", &pin, "--json"]);
    assert_eq!(trusting.next("welcome")["user"], "alice");
    let wrong = format!("A{}", &pin[1..]);
    for more in [vec![], vec!["--pin", if wrong == pin { "B" } else { &wrong }]] {
        let (code, log) = Pipe::start(&server.url, &token, &more).end();
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("1015 untrusted"), "{log}");
    }
}

#[test]
fn what_cannot_be_used_is_said_in_one_line() {
    refuses(&["connect", "http://example.com/"], 2, &["ws://"]);
    refuses(&["connect", "ws://127.0.0.1:1/"], 2, &["no token", "PORTCULLIS_TOKEN"]);
    refuses(&["connect", "ws://127.0.0.1:1/", "--token-file", "/nowhere/at/all"], 2, &["/nowhere/at/all"]);
    refuses(&["connect", "wss://127.0.0.1:1/", "--token", "x", "--pin", "short"], 2, &["--pin"]);
    let folder = Folder::new();
    let key = folder.file("key", "short");
    refuses(&["connect", "ws://127.0.0.1:1/", "--token", "x", "--seal-key-file", &key], 2, &["32 bytes"]);
}

#[test]
fn a_killed_server_costs_a_pipe_nothing() {
    let mut durable = Durable::new("process", "");
    let url = durable.server().url.clone();
    let more = ["-c", "chat:lobby", "--json"];
    let bob = Pipe::start(&url, &token(&durable.config, "bob"), &more);
    while bob.next("subscribed")["channel"] != "chat:lobby" {}
    let mut alice = Pipe::start(&url, &token(&durable.config, "alice"), &more);
    while alice.next("subscribed")["channel"] != "chat:lobby" {}
    let count = 60;
    for number in 0..count {
        if number % 20 == 10 {
            durable.kill();
        }
        alice.say(&format!(r#"{{"action":"chat","payload":{{"text":"{number}"}},"channel":"chat:lobby"}}"#));
        thread::sleep(Duration::from_millis(5));
    }
    for number in 0..count {
        let value: Value = loop {
            let value: Value = serde_json::from_str(&bob.line()).unwrap();
            assert_ne!(value["type"], "gap", "{value}");
            if value["type"] == "event" {
                break value;
            }
        };
        assert_eq!(
            (&value["payload"]["text"], value["offset"].as_u64()),
            (&number.to_string().into(), Some(number + 1))
        );
    }
    let (code, log) = alice.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(bob.end().0, Some(0));
}
