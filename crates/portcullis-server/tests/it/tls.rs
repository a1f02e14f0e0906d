//! TLS as `serve` speaks it, and what arrives at its port that is no TLS.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    thread,
    time::Duration,
};

use portcullis_server::clock;
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};

use super::{
    client::{Client, await_metric, dial, token},
    program::{Folder, MINIMAL, Server, refuses},
};

type Certificate = rcgen::Certificate;

/// Writes a certificate and its key into `folder`, and the configuration that names them.
fn configure(folder: &Folder, common_name: &str) -> (String, Certificate) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".into()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    let certificate = params.self_signed(&key).unwrap();
    folder.file("certificate.pem", &certificate.pem());
    folder.file("key.pem", &key.serialize_pem());
    let files = "{ certificate = \"certificate.pem\", key = \"key.pem\" }";
    let text = MINIMAL.replace("\"terminated-upstream\"", files);
    let limits = "[limits]\nupgrade_timeout = \"1s\"\nclose_timeout = \"1s\"\n";
    (folder.file("c.toml", &format!("{text}{limits}")), certificate)
}

/// The same with other limits.
fn serve_with(folder: &Folder, limits: &str) -> (Server, String, Certificate) {
    let (config, certificate) = configure(folder, "test");
    let text = fs::read_to_string(&config).unwrap();
    let config =
        folder.file("c.toml", &format!("{}[limits]\n{limits}", text.split("[limits]").next().unwrap()));
    (Server::start(&["serve", "--config", &config, "--workers", "1"]), config, certificate)
}

fn serve(folder: &Folder) -> (Server, String, Certificate) {
    let (config, certificate) = configure(folder, "test");
    (Server::start(&["serve", "--config", &config, "--workers", "1"]), config, certificate)
}

fn client(certificate: &Certificate, version: &'static SupportedProtocolVersion) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap()
}

#[track_caller]
fn chats(server: &Server, config: &str, tls: ClientConnection, stream: TcpStream) -> Option<ProtocolVersion> {
    let stream = StreamOwned::new(tls, stream);
    let mut alice = Client::over(stream, &server.url, &token(config, "alice"));
    alice.subscribe("chat:lobby");
    // More than one TLS record holds.
    for text in ["hi", &"x".repeat(2_000)] {
        alice.chat("chat:lobby", text);
        assert_eq!(alice.next("event")["payload"]["text"], text);
    }
    alice.socket.get_ref().conn.protocol_version()
}

#[test]
fn serves_tls_1_3_and_1_2() {
    let folder = Folder::new();
    let (server, config, certificate) = serve(&folder);
    assert!(server.url.starts_with("wss://"), "{}", server.url);
    for (version, number) in [(&TLS13, ProtocolVersion::TLSv1_3), (&TLS12, ProtocolVersion::TLSv1_2)] {
        let tls = client(&certificate, version);
        assert_eq!(chats(&server, &config, tls, dial(server.address())), Some(number));
    }
}

/// A ClientHello cut into records of one byte each is slow, not wrong.
#[test]
fn a_hello_in_records_of_one_byte_is_put_together() {
    let folder = Folder::new();
    let (server, config, certificate) = serve(&folder);
    let mut tls = client(&certificate, &TLS13);
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let mut stream = dial(server.address());
    for &byte in &hello[5..] {
        stream.write_all(&[22, 3, 1, 0, 1, byte]).unwrap();
    }
    chats(&server, &config, tls, stream);
}

#[test]
fn what_is_no_handshake_is_cut_and_the_port_lives_on() {
    let folder = Folder::new();
    let (server, config, certificate) = serve(&folder);
    let rows: [&[u8]; 5] = [
        // A ClientHello that declares 16 MiB, and stalls.
        &[22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff],
        // Half a record header.
        &[22, 3],
        b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n",
        &[0xff; 4_096],
        &[],
    ];
    let start = clock::now();
    let mut streams = rows.map(|row| {
        let mut stream = dial(server.address());
        stream.write_all(row).unwrap();
        stream
    });
    for (row, stream) in streams.iter_mut().enumerate() {
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "row {row} is not cut: {error}");
        }
        // An alert at the most.
        assert!(answer.len() <= 7, "row {row}: {answer:?}");
    }
    assert!(clock::now().saturating_duration_since(start) < Duration::from_secs(5));
    await_metric(&server, "portcullis_connections 0");
    chats(&server, &config, client(&certificate, &TLS13), dial(server.address()));
}

#[test]
fn a_development_certificate_is_refused() {
    let folder = Folder::new();
    let (config, _) = configure(&folder, "portcullis development");
    for command in ["check", "serve"] {
        refuses(&[command, "--config", &config], 2, &["listen[0].tls: ", "development certificate"]);
    }
}

/// Whether the other side ends the connection within `patience`; what it says before is read and forgotten.
fn is_cut(stream: &mut TcpStream, patience: Duration) -> bool {
    let start = clock::now();
    let mut buffer = [0; 4_096];
    loop {
        let left = patience.saturating_sub(clock::now().saturating_duration_since(start));
        if left.is_zero() {
            return false;
        }
        stream.set_read_timeout(Some(left)).unwrap();
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

/// The deadline of the upgrade counts from the first byte of TCP, and no further wait for an orderly end comes behind it.
#[test]
fn a_stalled_handshake_is_cut_at_the_deadline_of_the_upgrade() {
    let folder = Folder::new();
    let (server, config, certificate) =
        serve_with(&folder, "upgrade_timeout = \"1s\"\nclose_timeout = \"1m\"\n");
    let mut hello = Vec::new();
    client(&certificate, &TLS13).write_tls(&mut hello).unwrap();
    let start = clock::now();
    // Nothing at all; half a hello; a hello whose client never answers the server's flight.
    let mut streams = [0, hello.len() / 2, hello.len()].map(|len| {
        let mut stream = dial(server.address());
        stream.write_all(&hello[..len]).unwrap();
        stream
    });
    // One that drips does not have more time for it.
    let mut drip = dial(server.address());
    let dripping = thread::spawn(move || {
        hello.iter().position(|&byte| {
            thread::sleep(Duration::from_millis(50));
            drip.write_all(&[byte]).is_err()
        })
    });
    for (row, stream) in streams.iter_mut().enumerate() {
        assert!(is_cut(stream, Duration::from_secs(4)), "row {row} is not cut");
    }
    let took = clock::now().saturating_duration_since(start);
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    let drips = dripping.join().unwrap();
    assert!(drips.is_some_and(|drips| drips < 80), "{drips:?}");
    await_metric(&server, "portcullis_connections 0");
    chats(&server, &config, client(&certificate, &TLS13), dial(server.address()));
}

/// A ClientHello over 64 KiB is refused by what it says of itself, before memory is taken for it and long before the
/// deadline. (The bound is that of rustls; this test holds it to that.)
#[test]
fn an_oversized_hello_is_refused_by_its_head() {
    let folder = Folder::new();
    let (server, config, certificate) = serve_with(&folder, "upgrade_timeout = \"1m\"\n");
    for len in [[1, 0, 0], [1, 0, 1], [0xff, 0xff, 0xff]] {
        let mut stream = dial(server.address());
        stream.write_all(&[&[22, 3, 1, 0, 4, 1], &len[..]].concat()).unwrap();
        assert!(is_cut(&mut stream, Duration::from_secs(3)), "{len:?} is not cut");
    }
    chats(&server, &config, client(&certificate, &TLS13), dial(server.address()));
}

/// Sixty-four clients that each send as much of a ClientHello as is let in, and stall: what is held for them is bounded.
#[test]
fn unfinished_hellos_hold_bounded_memory() {
    let folder = Folder::new();
    let (server, config, certificate) = serve_with(&folder, "upgrade_timeout = \"1m\"\n");
    chats(&server, &config, client(&certificate, &TLS13), dial(server.address()));
    let before = server.resident_kib();
    // 0xffff bytes are said to come, 60 KiB do, in four records.
    let mut sent = Vec::new();
    for (record, head) in [&[1, 0, 0xff, 0xff][..], &[], &[], &[]].into_iter().enumerate() {
        let body = vec![u8::try_from(record).unwrap(); 15 * 1_024 - head.len()];
        sent.extend_from_slice(&[22, 3, 1, 0x3c, 0x00]);
        sent.extend_from_slice(head);
        sent.extend_from_slice(&body);
    }
    let streams: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = dial(server.address());
            stream.write_all(&sent).unwrap();
            stream
        })
        .collect();
    await_metric(&server, "portcullis_connections 64");
    // The server has all of it once it still answers somebody else.
    chats(&server, &config, client(&certificate, &TLS13), dial(server.address()));
    let each = server.resident_kib().saturating_sub(before) / 64;
    assert!(each <= 100, "{each} KiB for each");
    drop(streams);
    await_metric(&server, "portcullis_connections 0");
}

/// RUSTSEC-2024-0336: a `close_notify` within the handshake made a driver spin.
#[test]
fn a_goodbye_within_the_handshake_does_not_spin() {
    let folder = Folder::new();
    let (server, config, certificate) = serve_with(&folder, "upgrade_timeout = \"2s\"\n");
    let mut hello = Vec::new();
    client(&certificate, &TLS13).write_tls(&mut hello).unwrap();
    let goodbye = [21, 3, 3, 0, 2, 1, 0];
    let before = server.processor_time();
    let mut streams = [[&hello[..], &goodbye[..]].concat(), goodbye.to_vec()].map(|transcript| {
        let mut stream = dial(server.address());
        stream.write_all(&transcript).unwrap();
        stream
    });
    thread::sleep(Duration::from_secs(1));
    let used = server.processor_time() - before;
    assert!(used <= 50, "{used} hundredths of a second");
    for stream in &mut streams {
        assert!(is_cut(stream, Duration::from_secs(4)));
    }
    chats(&server, &config, client(&certificate, &TLS13), dial(server.address()));
}
