//! Doors, tickets, scopes: who may come in, and what they may then do.

use std::{thread, time::Duration};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::{
    client::{Client, knock, token},
    program::{Folder, MINIMAL, Server, refuses, request, run},
};

const PAGE: &str = "https://app.example.com";

fn serve(folder: &Folder, more: &str) -> (Server, String) {
    let config = folder.file("c.toml", &format!("origins = [\"{PAGE}\"]\n{MINIMAL}{more}"));
    (Server::start(&["serve", "--config", &config, "--workers", "2"]), config)
}

fn scoped(config: &str, user: &str, scopes: &[&str]) -> String {
    let mut args = vec!["token", "--config", config, "--user", user];
    args.extend(scopes.iter().flat_map(|scope| ["--scope", *scope]));
    String::from_utf8(run(&args).stdout).unwrap().trim().into()
}

/// What a client is told first: its user, or the close frame.
#[track_caller]
fn told<S: std::io::Read + std::io::Write>(socket: &mut WebSocket<S>) -> String {
    loop {
        let message = socket.read().unwrap();
        if let Message::Close(Some(frame)) = &message {
            return format!("{} {}", u16::from(frame.code), frame.reason);
        }
        let Message::Text(text) = message else { continue };
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["type"] == "welcome" {
            return format!("welcome {}", message["user"].as_str().unwrap());
        }
    }
}

fn ticket(server: &Server, fields: &str) -> (u16, Value) {
    let answer = request(server.address(), "POST", "/ticket", fields, "");
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or(Value::Null))
}

#[test]
fn a_ticket_lets_its_page_in_once() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "");
    let bearer = format!("Authorization: Bearer {}\r\n", token(&config, "alice"));
    let page = format!("Origin: {PAGE}\r\n");
    let (status, given) = ticket(&server, &format!("{bearer}{page}"));
    assert_eq!((status, &given["expires_in_ms"]), (200, &json!(30_000)));
    let query = format!("?ticket={}", given["ticket"].as_str().unwrap());
    assert_eq!(told(&mut knock(&server, &query, &[("Origin", PAGE)])), "welcome alice");
    assert_eq!(told(&mut knock(&server, &query, &[("Origin", PAGE)])), "4401 invalid");
    // Of another client than the page that asked.
    let (_, given) = ticket(&server, &format!("{bearer}{page}"));
    let query = format!("?ticket={}", given["ticket"].as_str().unwrap());
    assert_eq!(told(&mut knock(&server, &query, &[])), "4401 invalid");
    assert_eq!(told(&mut knock(&server, "?ticket=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &[])), "4401 invalid");
}

#[test]
fn tickets_are_given_to_good_credentials_from_allowed_pages() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "");
    let bearer = format!("Authorization: Bearer {}\r\n", token(&config, "alice"));
    assert_eq!(ticket(&server, ""), (401, json!({"error": "missing"})));
    assert_eq!(ticket(&server, "Authorization: Bearer abc\r\n"), (401, json!({"error": "invalid"})));
    let foreign = format!("{bearer}Origin: https://evil.example\r\n");
    assert_eq!(ticket(&server, &foreign), (403, json!({"error": "origin_forbidden"})));
    assert_eq!(ticket(&server, &format!("{bearer}{bearer}")).0, 401);
    assert!(request(server.address(), "GET", "/ticket", &bearer, "").starts_with("HTTP/1.1 405 "));
    // What a browser asks before it lets a page of another origin post.
    let asks = format!(
        "Origin: {PAGE}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n"
    );
    let answer = request(server.address(), "OPTIONS", "/ticket", &asks, "");
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert!(answer.contains(&format!("access-control-allow-origin: {PAGE}\r\n")), "{answer}");
    let asks = asks.replace(PAGE, "https://evil.example");
    assert!(request(server.address(), "OPTIONS", "/ticket", &asks, "").starts_with("HTTP/1.1 403 "));
}

/// CONTRACT §2: all credentials go through one verifier; where a page could not read a status it reads the close reason.
#[test]
fn every_door_gives_the_same_verdict() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "[limits]\nauth_timeout = \"2s\"\n");
    let good = token(&config, "alice");
    let expired = run(&["token", "--config", &config, "--user", "alice", "--ttl", "1s"]);
    let expired = String::from_utf8(expired.stdout).unwrap().trim().to_owned();
    let (head, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", "A".repeat(43));
    // The leeway is 30 seconds: this one is still good where a token is judged, and over as a lease.
    thread::sleep(Duration::from_millis(1_100));
    for (token, verdict) in [(&good, "welcome alice"), (&expired, "4401 expired"), (&forged, "4401 invalid")]
    {
        let offer = format!("portcullis.v1, bearer.{token}");
        let mut by_subprotocol = knock(&server, "", &[("Sec-WebSocket-Protocol", &offer)]);
        let mut first = knock(&server, "", &[]);
        first.send(Message::text(json!({"type": "auth", "token": token}).to_string())).unwrap();
        let mut resume = knock(&server, "?resume=1", &[]);
        let claim = json!({"session": "AAAAAAAAAAAAAAAAAAAAAA", "token": "AAAAAAAAAAAAAAAAAAAAAA"});
        let message = json!({"type": "auth", "token": token, "resume": claim});
        resume.send(Message::text(message.to_string())).unwrap();
        for (door, socket) in
            [("subprotocol", &mut by_subprotocol), ("first", &mut first), ("resume", &mut resume)]
        {
            let mut said = told(socket);
            if token == &expired && said == "welcome alice" {
                said = told(socket);
            }
            assert_eq!(said, verdict, "{door}");
        }
        let (status, answer) = ticket(&server, &format!("Authorization: Bearer {token}\r\n"));
        match verdict {
            "4401 invalid" => assert_eq!((status, &answer["error"]), (401, &json!("invalid"))),
            _ => assert_eq!(status, 200, "{answer}"),
        }
    }
    assert_eq!(told(&mut knock(&server, "", &[])), "4408 auth_timeout");
}

#[test]
fn a_cookie_is_a_credential_of_listed_pages_alone() {
    let folder = Folder::new();
    let more = MINIMAL.replace("[auth]", "[auth]\ncookie = \"session\"");
    let config =
        folder.file("c.toml", &format!("origins = [\"{PAGE}\"]\n{more}[limits]\nauth_timeout = \"1s\"\n"));
    let server = Server::start(&["serve", "--config", &config, "--workers", "1"]);
    let cookie = format!("session={}", token(&config, "alice"));
    assert_eq!(told(&mut knock(&server, "", &[("Origin", PAGE), ("Cookie", &cookie)])), "welcome alice");
    assert_eq!(told(&mut knock(&server, "", &[("Cookie", &cookie)])), "4408 auth_timeout");
    assert_eq!(told(&mut knock(&server, "", &[("Origin", PAGE), ("Cookie", "session=x")])), "4401 invalid");
    // Without a list of pages it cannot be configured.
    let config = folder.file("open.toml", &more);
    refuses(&["check", "--config", &config], 2, &["auth.cookie", "origins"]);
}

const CHANNELS: &str = r#"
[[channel]]
pattern = "chat:*"
write = "chat:write"
[[channel]]
pattern = "staff:*"
read = "staff"
"#;

#[test]
fn scopes_open_channels_and_close_them_again() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, CHANNELS);
    let mut alice = Client::connect(&server, &scoped(&config, "alice", &["staff", "chat:write"]));
    alice.subscribe("staff:lobby");
    alice.subscribe("chat:lobby");
    alice.chat("chat:lobby", "hi");
    assert_eq!(alice.next("event")["payload"]["text"], "hi");
    let mut bob = Client::connect(&server, &scoped(&config, "bob", &[]));
    bob.subscribe("chat:lobby");
    bob.send(r#"{"type":"subscribe","channel":"staff:lobby"}"#);
    let error = bob.next("error");
    assert_eq!((&error["code"], &error["channel"]), (&json!("forbidden"), &json!("staff:lobby")));
    let id = bob.chat("chat:lobby", "no");
    let error = bob.next("error");
    assert_eq!((&error["code"], &error["id"]), (&json!("forbidden"), &json!(id)));
    bob.send(r#"{"type":"subscribe","channel":"elsewhere"}"#);
    assert_eq!(bob.next("error")["code"], "forbidden");

    // A renewal with fewer scopes takes channels back, and says so.
    let fewer = scoped(&config, "alice", &["chat:write"]);
    alice.send(json!({"type": "auth", "token": fewer}).to_string());
    assert_eq!(alice.next("renewed")["scopes"], json!(["chat:write"]));
    assert_eq!(alice.next("unsubscribed")["channel"], "staff:lobby");
    alice.chat("chat:lobby", "still");
    assert_eq!(alice.next("event")["payload"]["text"], "still");
    // A step up needs a new credential of the same user.
    let more = scoped(&config, "bob", &["chat:write"]);
    bob.send(json!({"type": "auth", "token": more}).to_string());
    assert_eq!(bob.next("renewed")["scopes"], json!(["chat:write"]));
    bob.chat("chat:lobby", "now");
    while bob.next("event")["payload"]["text"] != "now" {}
}

#[test]
fn a_resumed_session_gets_no_channel_that_is_closed_by_now() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, CHANNELS);
    let mut alice = Client::connect(&server, &scoped(&config, "alice", &["staff"]));
    let staff = alice.subscribe("staff:lobby");
    let chat = alice.subscribe("chat:lobby");
    let position = |told: &Value| json!({"epoch": told["epoch"], "offset": told["offset"]});
    let resume = json!({
        "session": alice.welcome["session"],
        "token": alice.welcome["resume"],
        "channels": {"staff:lobby": position(&staff), "chat:lobby": position(&chat)},
    });
    drop(alice);
    let bearer = format!("Bearer {}", scoped(&config, "alice", &[]));
    let mut socket = knock(&server, "?resume=1", &[("Authorization", &bearer)]);
    socket.send(Message::text(json!({"type": "auth", "resume": resume}).to_string())).unwrap();
    let (mut refused, mut back) = (false, false);
    while !(refused && back) {
        let Message::Text(text) = socket.read().unwrap() else { continue };
        let message: Value = serde_json::from_str(&text).unwrap();
        assert!(!(message["type"] == "subscribed" && message["channel"] == "staff:lobby"), "{message}");
        refused |= message["type"] == "error"
            && message["channel"] == "staff:lobby"
            && message["code"] == "forbidden";
        back |= message["type"] == "subscribed" && message["channel"] == "chat:lobby";
        if message["type"] == "welcome" {
            assert_eq!(message["recovered"], true);
        }
    }
}

#[test]
fn an_action_names_the_scope_that_is_missing() {
    let folder = Folder::new();
    let action = r#"
[[action]]
name = "chat"
route = "channel"
schema = '{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}'
scope = "chat:write"
sealed = true
"#;
    let (server, config) = serve(&folder, action);
    let mut alice = Client::connect(&server, &scoped(&config, "alice", &[]));
    alice.subscribe("chat:lobby");
    let id = alice.chat("chat:lobby", "hi");
    let error = alice.next("error");
    assert_eq!(
        (&error["code"], &error["id"], &error["scope"]),
        (&json!("forbidden"), &json!(id), &json!("chat:write"))
    );
    alice.send(json!({"type": "auth", "token": scoped(&config, "alice", &["chat:write"])}).to_string());
    alice.next("renewed");
    // A sealed payload goes through as it is.
    let sealed = json!({"sealed": "AAECAwQ", "generation": 7});
    let now = super::client::now_ms();
    alice.send(
        json!({"action": "chat", "payload": sealed, "timestamp": now, "channel": "chat:lobby"}).to_string(),
    );
    assert_eq!(alice.next("event")["payload"], sealed);
}
