//! The main job, through a WebSocket client that is not ours.

use std::{fs, thread, time::Duration};

use serde_json::Value;
use tungstenite::{Error, Message};

use super::{
    client::{Client, await_metric, dial, now_ms, token},
    program::{Folder, MINIMAL, Server, get},
};

fn serve(folder: &Folder, more: &str, workers: &str) -> (Server, String) {
    let config = folder.file("c.toml", &format!("{MINIMAL}{more}"));
    (Server::start(&["serve", "--config", &config, "--workers", workers]), config)
}

#[test]
fn a_refusal_has_a_code_and_the_connection_goes_on() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "", "1");
    let mut alice = Client::connect(&server, &token(&config, "alice"));
    alice.subscribe("chat:lobby");
    alice.send("{\"action\":\"nonsense\",\"payload\":{},\"timestamp\":1}");
    assert!(alice.next("error")["code"].is_string());
    alice.chat("chat:lobby", "still here");
    assert_eq!(alice.next("event")["payload"]["text"], "still here");
}

#[test]
fn a_bad_token_gets_401() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "", "1");
    let good = token(&config, "alice");
    let mut forged = good.clone();
    // The first character of the signature: all of its bits count, unlike those of the last.
    let at = forged.rfind('.').unwrap() + 1;
    let other = if forged[at..].starts_with('A') { "B" } else { "A" };
    forged.replace_range(at..=at, other);
    for bad in [forged.as_str(), "a.b.c", &good[..good.len() / 2]] {
        let request = tungstenite::ClientRequestBuilder::new(server.url.parse().unwrap())
            .with_header("Authorization", format!("Bearer {bad}"))
            .with_sub_protocol("portcullis.v1");
        let refused = tungstenite::client(request, dial(server.address())).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("401"), "{refused}");
    }
    Client::connect(&server, &good);
}

#[test]
fn echo_bare_and_guarded() {
    for guarded in [false, true] {
        let mut args = vec!["echo", "--listen", "127.0.0.1:0", "--workers", "1"];
        args.extend(guarded.then_some("--guarded"));
        let server = Server::start(&args);
        let (mut socket, _) = tungstenite::client(server.url.as_str(), dial(server.address()))
            .map_err(|e| e.to_string())
            .unwrap();
        let long = "x".repeat(50_000);
        for text in ["hi", &long] {
            let message = format!(
                "{{\"action\":\"chat\",\"payload\":{{\"text\":\"{text}\"}},\"timestamp\":{}}}",
                now_ms()
            );
            socket.send(Message::text(message.clone())).unwrap();
            assert_eq!(socket.read().unwrap(), Message::text(message));
        }
        let bad = Message::text("no action");
        socket.send(bad.clone()).unwrap();
        let answer = socket.read().unwrap();
        if guarded {
            let answer: Value = serde_json::from_str(answer.to_text().unwrap()).unwrap();
            assert_eq!(answer["type"], "error");
        } else {
            assert_eq!(answer, bad);
            socket.send(Message::binary(vec![0, 159, 146])).unwrap();
            assert_eq!(socket.read().unwrap(), Message::binary(vec![0, 159, 146]));
        }
        socket.close(None).unwrap();
        let end = loop {
            match socket.read() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(end, Error::ConnectionClosed), "{end}");
    }
}

#[test]
fn too_many_connections_of_one_address_get_429_and_a_full_server_says_503() {
    let folder = Folder::new();
    for (limit, status, code) in [
        ("connections_per_address_max = 2", "429", "too_many_connections"),
        ("connections_max = 2", "503", "full"),
    ] {
        let (server, _) = serve(&folder, &format!("[limits]\n{limit}\n"), "1");
        let held = [(); 2].map(|()| dial(server.address()));
        await_metric(&server, "portcullis_connections 2");
        let refused = get(server.address(), "/ws");
        assert!(refused.starts_with(&format!("HTTP/1.1 {status} ")) && refused.contains(code), "{refused}");
        drop(held);
        await_metric(&server, "portcullis_connections 0");
        let admitted = get(server.address(), "/ws");
        assert!(!admitted.starts_with(&format!("HTTP/1.1 {status} ")), "{admitted}");
    }
}

#[test]
fn a_drain_sends_everyone_away_with_a_slot() {
    let folder = Folder::new();
    let (server, config) = serve(
        &folder,
        "[drain]\ndeadline = \"3s\"\nspread = \"1s\"\n[limits]\nclose_timeout = \"1s\"\n",
        "2",
    );
    let token = token(&config, "alice");
    let mut clients: Vec<Client> = (0..6).map(|_| Client::connect(&server, &token)).collect();
    // This one never answers the close, and so holds the drain for as long as the close may take.
    let _silent = Client::connect(&server, &token);
    server.signal("TERM");
    for client in &mut clients {
        let frame = client.closed();
        assert_eq!(u16::from(frame.code), 1012);
        let reason: Value = serde_json::from_str(&frame.reason).unwrap();
        assert!(reason["retry_after_ms"].as_u64().unwrap() <= 1_000, "{reason}");
    }
    assert!(get(server.admin.as_deref().unwrap(), "/readyz").starts_with("HTTP/1.1 503 "));
    assert!(std::net::TcpStream::connect(server.address()).is_err());
    drop(clients);
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_reload_drops_nobody() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "", "1");
    let mut alice = Client::connect(&server, &token(&config, "alice"));
    alice.subscribe("chat:lobby");
    for text in ["limitz = 1".into(), MINIMAL.replace("[auth]", "[limits]\nconnections_max = 1\n[auth]")] {
        fs::write(&config, text).unwrap();
        server.signal("HUP");
        thread::sleep(Duration::from_millis(200));
        alice.chat("chat:lobby", "still here");
        assert_eq!(alice.next("event")["payload"]["text"], "still here");
    }
    // The second file is in force.
    assert!(get(server.address(), "/ws").starts_with("HTTP/1.1 503 "));
}

#[test]
fn two_users_chat() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "", "1");
    let mut alice = Client::connect(&server, &token(&config, "alice"));
    assert_eq!(alice.welcome["user"], "alice");
    assert_eq!(alice.welcome["ping_interval_ms"], 25_000);
    let subscribed = alice.subscribe("chat:lobby");
    assert_eq!(subscribed["offset"], 0);

    let mut bob = Client::connect(&server, &token(&config, "bob"));
    assert_eq!(bob.subscribe("chat:lobby")["user_count"], 2);
    // Her own arrival is told to her as well; a batch may hold both.
    let joined =
        |presence: &Value| presence["joined"].as_array().is_some_and(|all| all.contains(&"bob".into()));
    let presence = core::iter::from_fn(|| Some(alice.next("presence"))).find(joined).unwrap();
    assert_eq!(presence["left"], serde_json::json!([]));

    let id = bob.chat("chat:lobby", "hi");
    assert_eq!(bob.next("ack")["id"], id);
    let event = alice.next("event");
    assert_eq!(
        (&event["from"], &event["payload"]["text"], &event["offset"], &event["channel"]),
        (&Value::from("bob"), &Value::from("hi"), &Value::from(1), &Value::from("chat:lobby"))
    );
    bob.socket.close(None).unwrap();
    assert_eq!(alice.next("presence")["left"], serde_json::json!(["bob"]));
}

/// The kernel spreads the connections over the workers; an event reaches all of them, once and in order.
#[test]
fn events_cross_workers() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, "", "2");
    let token = token(&config, "alice");
    let mut clients: Vec<Client> = (0..12).map(|_| Client::connect(&server, &token)).collect();
    for client in &mut clients {
        client.subscribe("chat:lobby");
    }
    for round in 0..20 {
        let sender = round % clients.len();
        clients[sender].chat("chat:lobby", &format!("message {round}"));
        for client in &mut clients {
            let event = client.next("event");
            assert_eq!(event["offset"], round + 1);
            assert_eq!(event["payload"]["text"], format!("message {round}"));
        }
    }
    drop(clients);
    await_metric(&server, "portcullis_connections 0");
    await_metric(&server, "portcullis_messages_received_total 20");
    await_metric(&server, "portcullis_connections_upgraded_total 12");
}
