//! The server as its operator sees it: health, metrics, reload, drain.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use super::{
    client::{Client, token},
    program::{Folder, MINIMAL, Server, get},
};

fn serve(folder: &Folder) -> (Server, String) {
    let config = folder.file("c.toml", MINIMAL);
    (Server::start(&["serve", "--config", &config, "--workers", "1"]), config)
}

#[test]
fn health_readiness_and_nothing_else() {
    let folder = Folder::new();
    let (server, _) = serve(&folder);
    let admin = server.admin.as_deref().unwrap();
    assert!(get(admin, "/healthz").starts_with("HTTP/1.1 200 "));
    assert!(get(admin, "/readyz").starts_with("HTTP/1.1 200 "));
    assert!(get(admin, "/api/sessions").starts_with("HTTP/1.1 404 "));
    // The operator's paths are not the public listener's.
    assert!(get(server.address(), "/metrics").starts_with("HTTP/1.1 404 "));
    // Neither is the demo page that of `serve`.
    assert!(get(server.address(), "/").starts_with("HTTP/1.1 404 "));
}

/// The text format 0.0.4: every sample is announced by a help and a type of its own name, counters end in `_total`.
#[test]
fn metrics_are_announced_and_counted() {
    let folder = Folder::new();
    let (server, _) = serve(&folder);
    assert!(get(server.address(), "/elsewhere").starts_with("HTTP/1.1 404 "));
    let answer = get(server.admin.as_deref().unwrap(), "/metrics");
    assert!(answer.contains("\r\ncontent-type: text/plain; version=0.0.4"), "{answer}");
    let text = answer.split_once("\r\n\r\n").unwrap().1;
    let mut samples = 0;
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let name = sample.split(['{', ' ']).next().unwrap();
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        assert!(name.starts_with("portcullis_"), "{name}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name} has no type");
        samples += 1;
    }
    assert!(samples >= 10 && !text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    assert!(text.contains("portcullis_handshakes_refused_total{code=\"not_found\"} 1"), "{text}");
}

/// ABUSE §2.14: "The connections gauge is never decremented".
#[test]
fn the_connections_gauge_goes_down_again() {
    let folder = Folder::new();
    let (server, _) = serve(&folder);
    let admin = server.admin.as_deref().unwrap();
    let gauge = |value: u32| {
        let wanted = format!("\nportcullis_connections {value}\n");
        (0..100).any(|_| {
            get(admin, "/metrics").contains(&wanted) || {
                thread::sleep(Duration::from_millis(20));
                false
            }
        })
    };
    let open = [(); 3].map(|()| TcpStream::connect(server.address()).unwrap());
    assert!(gauge(3));
    drop(open);
    assert!(gauge(0));
}

/// One who drips a request does not keep the probes waiting beyond the second that a request has.
#[test]
fn a_slow_request_does_not_hold_the_probes() {
    let folder = Folder::new();
    let (server, _) = serve(&folder);
    let admin = server.admin.as_deref().unwrap().to_owned();
    let mut slow = TcpStream::connect(&admin).unwrap();
    let dripping = thread::spawn(move || {
        // Ten times what is allowed, as a bound for this test.
        (0..50).position(|_| {
            thread::sleep(Duration::from_millis(200));
            slow.write_all(b"G").is_err()
        })
    });
    assert!(get(&admin, "/healthz").starts_with("HTTP/1.1 200 "));
    let drops = dripping.join().unwrap();
    assert!(drops.is_some_and(|drops| drops < 25), "{drops:?}");
}

#[test]
fn sighup_reloads_and_a_bad_file_changes_nothing() {
    let folder = Folder::new();
    let (server, config) = serve(&folder);
    let kept = TcpStream::connect(server.address()).unwrap();
    fs::write(&config, "limitz = 1").unwrap();
    server.signal("HUP");
    thread::sleep(Duration::from_millis(300));
    // The endpoint is still there: what it refuses is the missing upgrade.
    assert!(!get(server.address(), "/ws").starts_with("HTTP/1.1 404 "));
    fs::write(&config, format!("path = \"/moved\"\n{MINIMAL}")).unwrap();
    server.signal("HUP");
    let moved = (0..100).any(|_| {
        get(server.address(), "/ws").starts_with("HTTP/1.1 404 ") || {
            thread::sleep(Duration::from_millis(20));
            false
        }
    });
    assert!(moved);
    drop(kept);
    server.signal("TERM");
    let (status, log) = server.wait();
    assert!(status.success());
    assert!(log.contains("reload failed") && log.contains("limitz") && log.contains("reloaded"), "{log}");
    assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
}

#[test]
fn sigterm_drains_and_exits_with_0() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        let config =
            folder.file("c.toml", &format!("{MINIMAL}[drain]\ndeadline = \"2s\"\nspread = \"1s\"\n"));
        let server = Server::start(&["serve", "--config", &config, "--workers", "1"]);
        let mut idle = TcpStream::connect(server.address()).unwrap();
        idle.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        server.signal(signal);
        let (status, log) = server.wait();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("draining"), "{log}");
        let _ = idle.read(&mut [0; 64]);
    }
}

#[test]
fn a_drain_is_told_to_the_load_balancer_before_the_clients() {
    let folder = Folder::new();
    let drain = "[drain]\ndelay = \"1s\"\ndeadline = \"10s\"\nspread = \"4s\"\n";
    let config = folder.file("c.toml", &format!("{MINIMAL}{drain}"));
    let server = Server::start(&["serve", "--config", &config, "--workers", "1"]);
    let token = token(&config, "alice");
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(&server, &token)).collect();
    server.signal("TERM");
    let admin = server.admin.as_deref().unwrap();
    let not_ready = (0..50).any(|_| {
        thread::sleep(Duration::from_millis(10));
        get(admin, "/readyz").starts_with("HTTP/1.1 503 ")
    });
    assert!(not_ready);
    // Whoever has not heard of it yet is served as before.
    clients.push(Client::connect(&server, &token));
    for client in &mut clients {
        client.subscribe("chat:lobby");
    }
    let mut slots: Vec<u64> = clients
        .iter_mut()
        .map(|client| {
            let frame = client.closed();
            assert_eq!(u16::from(frame.code), 1012);
            let reason: serde_json::Value = serde_json::from_str(&frame.reason).unwrap();
            reason["retry_after_ms"].as_u64().unwrap()
        })
        .collect();
    slots.sort_unstable();
    assert_eq!(slots, [0, 1_000, 2_000, 3_000], "every client has a slot of its own");
    drop(clients);
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn dev_greets_with_what_a_newcomer_needs() {
    let mut server = Server::start(&["dev", "--listen", "127.0.0.1:0", "--workers", "1"]);
    assert!(server.url.starts_with("wss://127.0.0.1:") && server.url.ends_with("/ws"), "{}", server.url);
    let mut shown = String::new();
    while !shown.contains("Ctrl-C") {
        let line = server.line();
        assert!(!line.is_empty(), "{shown}");
        shown.push_str(&line);
    }
    for words in
        ["/#user=alice&token=ey", "/#user=bob&token=ey", "  alice  ey", "Authorization: Bearer ey", "SHA-256"]
    {
        assert!(shown.contains(words), "`{words}` is missing: {shown}");
    }
}

#[test]
fn the_demo_page_comes_with_its_policy() {
    let server = Server::start(&["dev", "--plain", "--listen", "127.0.0.1:0", "--workers", "1"]);
    for (path, content_type) in [
        ("/", "text/html"),
        ("/app.js", "text/javascript"),
        ("/portcullis.js", "text/javascript"),
        ("/style.css", "text/css"),
    ] {
        let answer = get(server.address(), path);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        for field in [
            &format!("content-type: {content_type}"),
            "content-security-policy: default-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-opener-policy: same-origin",
        ] {
            assert!(answer.contains(field), "{path}: no {field}");
        }
    }
    assert!(get(server.address(), "/../Cargo.toml").starts_with("HTTP/1.1 404 "));
}
