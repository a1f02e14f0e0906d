//! What the operator's interface does to sessions, and to whom it listens.

use std::{thread, time::Duration};

use portcullis_server::clock;

use serde_json::{Value, json};
use tungstenite::Message;

use super::{
    client::{Client, token},
    program::{Folder, MINIMAL, Server, get, refuses, request},
};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn serve(folder: &Folder, workers: &str) -> (Server, String) {
    let text = MINIMAL.replace("[admin]", &format!("[admin]\nkey = \"{KEY}\""));
    let config = folder.file("c.toml", &text);
    (Server::start(&["serve", "--config", &config, "--workers", workers]), config)
}

fn ask(server: &Server, method: &str, path: &str, key: &str, body: &str) -> (u16, Value) {
    let fields = format!("Authorization: Bearer {key}\r\n");
    parsed(&request(server.admin.as_deref().unwrap(), method, path, &fields, body))
}

fn parsed(answer: &str) -> (u16, Value) {
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    ask(server, "POST", path, KEY, &body.to_string())
}

#[test]
fn it_listens_to_its_key_alone() {
    let folder = Folder::new();
    let (server, _) = serve(&folder, "1");
    let admin = server.admin.as_deref().unwrap();
    for key in ["", "x", &KEY[1..], &format!("{KEY}0"), &KEY.to_uppercase()] {
        assert_eq!(ask(&server, "GET", "/api/sessions", key, "").0, 401, "{key}");
        assert_eq!(ask(&server, "POST", "/api/revoke", key, r#"{"all":true}"#).0, 401, "{key}");
    }
    assert!(get(admin, "/api/sessions").starts_with("HTTP/1.1 401 "));
    let twice = format!("Authorization: Bearer {KEY}\r\nAuthorization: Bearer {KEY}\r\n");
    assert!(request(admin, "GET", "/api/sessions", &twice, "").starts_with("HTTP/1.1 401 "));
    assert_eq!(ask(&server, "GET", "/api/sessions", KEY, "").0, 200);
    // The public listener has no such paths.
    let public =
        request(server.address(), "POST", "/api/revoke", &format!("Authorization: Bearer {KEY}\r\n"), "{}");
    assert!(public.starts_with("HTTP/1.1 404 ") || public.starts_with("HTTP/1.1 405 "), "{public}");
}

#[test]
fn without_a_key_there_is_no_interface() {
    let folder = Folder::new();
    let config = folder.file("c.toml", MINIMAL);
    let server = Server::start(&["serve", "--config", &config, "--workers", "1"]);
    assert_eq!(ask(&server, "GET", "/api/sessions", KEY, ""), (404, json!({"error": "api_disabled"})));
}

#[test]
fn keys_that_can_be_guessed_are_refused() {
    let folder = Folder::new();
    for (key, word) in [
        ("short", "24"),
        ("change-me-change-me-change-me", "placeholder"),
        ("two words, not one, of them", "letters"),
    ] {
        let text = MINIMAL.replace("[admin]", &format!("[admin]\nkey = \"{key}\""));
        let config = folder.file("c.toml", &text);
        refuses(&["check", "--config", &config], 2, &["admin.key", word]);
    }
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    let (server, _) = serve(&folder, "1");
    for (path, body) in [
        ("/api/revoke", "{}"),
        ("/api/revoke", r#"{"user":"a","session":"b"}"#),
        ("/api/revoke", r#"{"session":"short"}"#),
        ("/api/revoke", r#"{"all":false}"#),
        ("/api/revoke", r#"{"user":"a","user":"b"}"#),
        ("/api/revoke", r#"{"user":"a","unknown":1}"#),
        ("/api/disconnect", r#"{"user":"a","session":"AAAAAAAAAAAAAAAAAAAAAA"}"#),
        ("/api/publish", r#"{"action":"chat","payload":{}}"#),
        ("/api/publish", r#"{"channel":"c","action":"chat","payload":}"#),
        ("/api/publish", "not JSON"),
    ] {
        assert_eq!(ask(&server, "POST", path, KEY, body).0, 400, "{path} {body}");
    }
    for (channel, action, code) in [
        ("c", "nothing", "unknown_action"),
        ("", "chat", "invalid_channel"),
        ("user:bob", "chat", "forbidden"),
    ] {
        let body = json!({"channel": channel, "action": action, "payload": {}});
        assert_eq!(post(&server, "/api/publish", &body), (422, json!({"error": code})), "{channel} {action}");
    }
    assert_eq!(ask(&server, "GET", "/api/revoke", KEY, "").0, 405);
    assert_eq!(ask(&server, "GET", "/api/nothing", KEY, "").0, 404);
    let long = format!("Authorization: Bearer {KEY}\r\nContent-Length: 99999999\r\n");
    let answer = request(server.admin.as_deref().unwrap(), "POST", "/api/revoke", &long, "");
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[test]
fn publishes_to_channels_and_to_users() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "2");
    let mut alice = Client::connect(&server, &token(&config, "alice"));
    alice.subscribe("chat:lobby");
    let body = json!({"channel": "chat:lobby", "action": "chat", "payload": {"text": "a \"b\" ü"}});
    let (status, told) = post(&server, "/api/publish", &body);
    assert_eq!((status, &told["offset"]), (200, &json!(1)));
    let event = alice.next("event");
    assert_eq!((&event["payload"]["text"], &event["from"]), (&json!("a \"b\" ü"), &json!("")));
    assert_eq!((&event["offset"], &event["epoch"]), (&told["offset"], &told["epoch"]));
    let body = json!({"user": "alice", "action": "chat", "payload": {"text": "x"}, "from": "support"});
    assert_eq!(post(&server, "/api/publish", &body).0, 200);
    let event = alice.next("event");
    assert_eq!((&event["channel"], &event["from"]), (&json!("user:alice"), &json!("support")));
    let body = json!({"user": "nobody", "action": "chat", "payload": {}});
    assert_eq!(post(&server, "/api/publish", &body), (422, json!({"error": "unknown_user"})));
}

#[test]
fn lists_sessions() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "2");
    let mut alice = Client::connect(&server, &token(&config, "alice"));
    let bob = Client::connect(&server, &token(&config, "bob"));
    alice.subscribe("chat:lobby");
    let (_, all) = ask(&server, "GET", "/api/sessions", KEY, "");
    assert_eq!((&all["count"], all["sessions"].as_array().unwrap().len()), (&json!(2), 2));
    let (_, of_alice) = ask(&server, "GET", "/api/sessions?user=alice", KEY, "");
    let session = &of_alice["sessions"][0];
    assert_eq!(session["session"], alice.welcome["session"]);
    assert_eq!((&session["connected"], &session["channels"]), (&json!(true), &json!(1)));
    drop(bob);
    let away = |server: &Server| {
        let (_, told) = ask(server, "GET", "/api/sessions?user=bob", KEY, "");
        told["sessions"][0]["connected"] == json!(false)
    };
    assert!((0..100).any(|_| away(&server) || {
        thread::sleep(Duration::from_millis(20));
        false
    }));
}

/// CVE-2026-9162: a revoked session kept its live WebSocket.
#[test]
fn cve_2026_9162_a_revoked_user_is_out_on_every_worker_and_stays_out() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "2");
    let old = token(&config, "alice");
    let mut alices: Vec<Client> = (0..8).map(|_| Client::connect(&server, &old)).collect();
    let mut bob = Client::connect(&server, &token(&config, "bob"));
    bob.subscribe("chat:lobby");
    for alice in &mut alices {
        alice.subscribe("chat:lobby");
    }
    let before = clock::now();
    assert_eq!(post(&server, "/api/revoke", &json!({"user": "alice"})), (200, json!({"closed": 8})));
    assert!(clock::now().saturating_duration_since(before) < Duration::from_secs(1));
    // What is published once the operator has been told reaches nobody who was revoked.
    bob.chat("chat:lobby", "only between us");
    bob.next("event");
    for alice in &mut alices {
        let frame = loop {
            let message = alice.socket.read().unwrap();
            if let Message::Close(frame) = message {
                break frame.unwrap();
            }
            assert!(!message.to_string().contains("between us"), "{message}");
        };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4401, "revoked"));
    }
    let answer = request(
        server.address(),
        "GET",
        "/ws",
        &format!(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {old}\r\n"
        ),
        "",
    );
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("revoked"), "{answer}");
    // A token of a later second is a new credential.
    thread::sleep(Duration::from_millis(1_100));
    let alice = Client::connect(&server, &token(&config, "alice"));
    assert_eq!(alice.welcome["user"], "alice");
}

/// Socket.IO's `skipMiddlewares`: a blocked user resumes.
#[test]
fn skip_middlewares_a_revoked_session_is_over_for_any_credential() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "1");
    let (token, other) = (token(&config, "alice"), token(&config, "alice"));
    let mut one = Client::connect(&server, &token);
    let mut two = Client::connect(&server, &token);
    let session = one.welcome["session"].as_str().unwrap().to_owned();
    let resume = one.welcome["resume"].as_str().unwrap().to_owned();
    // Its client is away when it happens.
    drop(one.socket.get_mut().shutdown(std::net::Shutdown::Both));
    thread::sleep(Duration::from_millis(100));
    assert_eq!(post(&server, "/api/revoke", &json!({"session": session})).0, 200);
    let mut back =
        super::client::knock(&server, "?resume=1", &[("Authorization", &format!("Bearer {other}"))]);
    let auth = json!({"type": "auth", "resume": {"session": session, "token": resume}});
    back.send(Message::text(auth.to_string())).unwrap();
    let closed = loop {
        let message = back.read().unwrap();
        if let Message::Close(frame) = message {
            break frame.unwrap();
        }
        assert!(!message.to_string().contains("welcome"), "{message}");
    };
    assert_eq!((u16::from(closed.code), closed.reason.as_str()), (4401, "revoked"));
    // The user's other session knows nothing of it.
    two.subscribe("chat:lobby");
}

#[test]
fn disconnects_users_and_sessions() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "2");
    let token = token(&config, "alice");
    let (mut one, mut two) = (Client::connect(&server, &token), Client::connect(&server, &token));
    let body = json!({"session": one.welcome["session"], "reconnect": false});
    assert_eq!(post(&server, "/api/disconnect", &body), (200, json!({"closed": 1})));
    let closed = one.closed();
    assert_eq!((u16::from(closed.code), closed.reason.as_str()), (1008, "disconnected"));
    assert_eq!(post(&server, "/api/disconnect", &json!({"user": "alice"})), (200, json!({"closed": 1})));
    assert_eq!(u16::from(two.closed().code), 1001);
    // Unlike a revocation it is no ban.
    Client::connect(&server, &token).subscribe("chat:lobby");
    assert_eq!(post(&server, "/api/disconnect", &json!({"user": "nobody"})), (200, json!({"closed": 0})));
}
