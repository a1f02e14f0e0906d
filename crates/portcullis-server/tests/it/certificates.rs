//! Certificates by name, of clients, and new ones without a restart.

use core::ops::Range;
use std::{fs, net::TcpStream, sync::Arc, thread, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
    version::{TLS12, TLS13},
};
use tungstenite::{ClientRequestBuilder, Message, WebSocket};

use super::{
    client::{Client, dial, token},
    program::{Folder, MINIMAL, SECRET, Server, refuses, request},
};

/// Signs the certificates of a test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate for these names, and its key.
    fn sign(&self, names: Vec<SanType>) -> Identity {
        self.sign_for(names, 0..u64::from(u32::MAX))
    }

    /// The same, good from the one second since 1970 until the other.
    fn sign_for(&self, names: Vec<SanType>, validity: Range<u64>) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.subject_alt_names = names;
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(validity.start);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(validity.end);
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// The same as files of `folder`.
    fn write(&self, folder: &Folder, file: &str, names: &[&str]) {
        let names = names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect();
        let (certificate, key) = self.sign(names);
        folder.file(&format!("{file}.pem"), &certificate.pem());
        folder.file(&format!("{file}-key.pem"), &key.serialize_pem());
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        roots
    }
}

/// A configuration whose listener has this TLS.
fn configure(folder: &Folder, tls: &str) -> String {
    let text = MINIMAL.replace("\"terminated-upstream\"", tls);
    folder.file("c.toml", &format!("{text}[limits]\nauth_timeout = \"1s\"\nclose_timeout = \"1s\"\n"))
}

type Identity = (rcgen::Certificate, KeyPair);

fn client_config(authority: &Authority, identity: Option<&Identity>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .with_root_certificates(authority.roots());
    match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
            builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
        }
    }
}

/// Completes a handshake for `name`; the connection afterwards, or the error.
fn handshake(
    server: &Server,
    config: &Arc<ClientConfig>,
    name: &str,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let tls = ClientConnection::new(config.clone(), name.to_owned().try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(tls, dial(server.address()));
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(stream)
}

fn certificate_for(
    server: &Server,
    config: &Arc<ClientConfig>,
    name: &str,
) -> Option<CertificateDer<'static>> {
    handshake(server, config, name)
        .ok()?
        .conn
        .peer_certificates()?
        .first()
        .cloned()
        .map(CertificateDer::into_owned)
}

#[test]
fn each_name_gets_its_own_certificate() {
    let folder = Folder::new();
    let authority = Authority::new();
    authority.write(&folder, "own", &["localhost", "elsewhere.example"]);
    authority.write(&folder, "a", &["a.svc.example"]);
    authority.write(&folder, "below", &["*.svc.example"]);
    let tls = r#"{ certificate = "own.pem", key = "own-key.pem", named = [
        { names = ["*.svc.example"], certificate = "below.pem", key = "below-key.pem" },
        { names = ["a.svc.example"], certificate = "a.pem", key = "a-key.pem" },
    ] }"#;
    let server = Server::start(&["serve", "--config", &configure(&folder, tls), "--workers", "1"]);
    let config = Arc::new(client_config(&authority, None));
    let der = |file: &str| {
        use rustls::pki_types::pem::PemObject as _;
        CertificateDer::from_pem_file(folder.path().join(file)).unwrap()
    };
    for (name, file) in [
        ("localhost", "own.pem"),
        ("a.svc.example", "a.pem"),
        ("A.Svc.Example", "a.pem"),
        ("b.svc.example", "below.pem"),
    ] {
        assert_eq!(certificate_for(&server, &config, name), Some(der(file)), "{name}");
    }
    // What is for no name here gets the listener's own, which its client then refuses.
    assert_eq!(certificate_for(&server, &config, "c.b.svc.example"), None);
    assert_eq!(certificate_for(&server, &config, "127.0.0.1"), None);
}

#[test]
fn certificates_that_are_not_for_their_names_are_refused() {
    let folder = Folder::new();
    let authority = Authority::new();
    authority.write(&folder, "own", &["localhost"]);
    authority.write(&folder, "a", &["a.svc.example"]);
    for (names, word) in [
        (r#"["b.example"]"#, "is not for `b.example`"),
        (r#"["*.svc.example"]"#, "is not for `*.svc.example`"),
        (r#"["a.svc.example", "A.svc.example"]"#, "two certificates"),
        ("[]", "one name"),
        (r#"["a b"]"#, "DNS name"),
    ] {
        let tls = format!(
            r#"{{ certificate = "own.pem", key = "own-key.pem", named = [{{ names = {names}, certificate = "a.pem", key = "a-key.pem" }}] }}"#
        );
        refuses(&["check", "--config", &configure(&folder, &tls)], 2, &["listen[0].tls", word]);
    }
    let tls = r#"{ certificate = "own.pem", key = "a-key.pem" }"#;
    refuses(&["check", "--config", &configure(&folder, tls)], 2, &["listen[0].tls", "own.pem and"]);
}

/// A second connection of the same client, to whichever worker, resumes what the first has agreed on.
#[test]
fn sessions_of_tls_are_resumed() {
    let folder = Folder::new();
    let authority = Authority::new();
    authority.write(&folder, "own", &["localhost"]);
    let config = configure(&folder, r#"{ certificate = "own.pem", key = "own-key.pem" }"#);
    let server = Server::start(&["serve", "--config", &config, "--workers", "2"]);
    let client = Arc::new(client_config(&authority, None));
    for connection in 0..6 {
        let mut stream = handshake(&server, &client, "localhost").unwrap();
        let expected = if connection == 0 { HandshakeKind::Full } else { HandshakeKind::Resumed };
        assert_eq!(stream.conn.handshake_kind(), Some(expected), "connection {connection}");
        // The ticket comes behind the handshake.
        let mut answer = [0; 64];
        std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(std::io::Read::read(&mut stream, &mut answer).unwrap() > 0);
    }
}

#[test]
fn a_new_certificate_is_served_without_dropping_anybody() {
    let folder = Folder::new();
    let authority = Authority::new();
    authority.write(&folder, "own", &["localhost"]);
    let config = configure(&folder, r#"{ certificate = "own.pem", key = "own-key.pem" }"#);
    let server = Server::start(&["serve", "--config", &config, "--workers", "2"]);
    let client = Arc::new(client_config(&authority, None));
    let stream = handshake(&server, &client, "localhost").unwrap();
    let old = stream.conn.peer_certificates().unwrap()[0].clone().into_owned();
    let mut alice = Client::over(stream, &server.url, &token(&config, "alice"));
    alice.subscribe("chat:lobby");

    authority.write(&folder, "own", &["localhost"]);
    server.signal("HUP");
    let fresh = || certificate_for(&server, &Arc::new(client_config(&authority, None)), "localhost").unwrap();
    assert!((0..200).any(|_| fresh() != old || {
        thread::sleep(Duration::from_millis(20));
        false
    }));
    alice.chat("chat:lobby", "still here");
    assert_eq!(alice.next("event")["payload"]["text"], "still here");

    // A file that is no certificate changes nothing.
    let new = fresh();
    fs::write(folder.path().join("own.pem"), "nonsense").unwrap();
    server.signal("HUP");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(fresh(), new);
    alice.chat("chat:lobby", "and here");
    assert_eq!(alice.next("event")["payload"]["text"], "and here");
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

/// What a client with this certificate is told first.
fn told(server: &Server, config: ClientConfig, fields: &[(&str, &str)]) -> Result<String, String> {
    open(server, config, fields).map(|mut socket| first_word(&mut socket))
}

type TlsSocket = WebSocket<StreamOwned<ClientConnection, TcpStream>>;

fn open(server: &Server, config: ClientConfig, fields: &[(&str, &str)]) -> Result<TlsSocket, String> {
    let stream = handshake(server, &Arc::new(config), "localhost").map_err(|error| error.to_string())?;
    let mut request =
        ClientRequestBuilder::new(server.url.replace("127.0.0.1", "localhost").parse().unwrap());
    for (name, value) in fields {
        request = request.with_header(*name, *value);
    }
    let (socket, _) = tungstenite::client(request, stream).map_err(|error| error.to_string())?;
    Ok(socket)
}

fn first_word<S: std::io::Read + std::io::Write>(socket: &mut WebSocket<S>) -> String {
    loop {
        let message = socket.read().unwrap();
        if let Message::Close(Some(frame)) = &message {
            return format!("{} {}", u16::from(frame.code), frame.reason);
        }
        let Message::Text(text) = message else { continue };
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        if value["type"] == "welcome" {
            return value["user"].as_str().unwrap().into();
        }
    }
}

#[test]
fn a_certificate_of_a_client_is_a_credential() {
    let folder = Folder::new();
    let (authority, strangers) = (Authority::new(), Authority::new());
    authority.write(&folder, "own", &["localhost"]);
    folder.file("authorities.pem", &authority.certificate.pem());
    let tls = r#"{ certificate = "own.pem", key = "own-key.pem", clients = { authorities = "authorities.pem", scopes = ["chat:write"] } }"#;
    let config = configure(&folder, tls);
    let server = Server::start(&["serve", "--config", &config, "--workers", "1"]);
    let with = |identity: &Identity| told(&server, client_config(&authority, Some(identity)), &[]);

    let service = authority.sign(vec![dns("billing.internal"), uri("spiffe://example.org/billing")]);
    assert_eq!(with(&service), Ok("spiffe://example.org/billing".into()), "the URI names it");
    let host = authority.sign(vec![dns("billing.internal")]);
    assert_eq!(with(&host), Ok("billing.internal".into()));
    let nameless = authority.sign(vec![]);
    assert_eq!(with(&nameless), Ok("4408 auth_timeout".into()), "it names nobody");
    // One that is not vouched for ends the handshake, or the first read behind it (TLS 1.3).
    let forged = strangers.sign(vec![uri("spiffe://example.org/billing")]);
    assert!(with(&forged).is_err());
    // Without one, there are the other ways.
    assert_eq!(told(&server, client_config(&authority, None), &[]), Ok("4408 auth_timeout".into()));
    let bearer = format!("Bearer {}", token(&config, "alice"));
    let both = told(&server, client_config(&authority, Some(&host)), &[("Authorization", &bearer)]);
    assert_eq!(both, Ok("alice".into()), "what is said beside it counts");
}

#[test]
fn a_listener_can_ask_for_certificates() {
    let folder = Folder::new();
    let authority = Authority::new();
    authority.write(&folder, "own", &["localhost"]);
    folder.file("authorities.pem", &authority.certificate.pem());
    let tls = r#"{ certificate = "own.pem", key = "own-key.pem", clients = { authorities = "authorities.pem", required = true } }"#;
    let server = Server::start(&["serve", "--config", &configure(&folder, tls), "--workers", "1"]);
    assert!(told(&server, client_config(&authority, None), &[]).is_err());
    let host = authority.sign(vec![dns("billing.internal")]);
    assert_eq!(told(&server, client_config(&authority, Some(&host)), &[]), Ok("billing.internal".into()));
    let empty = configure(&folder, &tls.replace("authorities.pem", "nothing.pem"));
    folder.file("nothing.pem", "");
    refuses(&["check", "--config", &empty], 2, &["listen[0].tls", "nothing.pem"]);
    let scopes = configure(&folder, &tls.replace("required = true", "scopes = [\"two words\"]"));
    refuses(&["check", "--config", &scopes], 2, &["listen[0].tls.clients.scopes"]);
}

/// A server that takes certificates of clients and orders of an operator.
fn serve_clients(folder: &Folder, authority: &Authority) -> Server {
    authority.write(folder, "own", &["localhost"]);
    folder.file("authorities.pem", &authority.certificate.pem());
    let tls =
        r#"{ certificate = "own.pem", key = "own-key.pem", clients = { authorities = "authorities.pem" } }"#;
    let config = configure(folder, tls);
    let text =
        fs::read_to_string(&config).unwrap().replace("[admin]", &format!("[admin]\nkey = \"{SECRET}\""));
    fs::write(&config, text).unwrap();
    Server::start(&["serve", "--config", &config, "--workers", "1"])
}

fn unix_secs() -> u64 {
    portcullis_server::clock::unix_time().as_millis() / 1_000
}

/// It is a lease like any other: nobody stays beyond the end of what let them in.
#[test]
fn a_certificate_of_a_client_ends_its_connection_when_it_ends() {
    let folder = Folder::new();
    let authority = Authority::new();
    let server = serve_clients(&folder, &authority);
    let end = unix_secs() + 3;
    let short = authority.sign_for(vec![dns("billing.internal")], end - 60..end);
    let config = client_config(&authority, Some(&short));
    let mut socket = open(&server, config.clone(), &[]).unwrap();
    assert_eq!(first_word(&mut socket), "billing.internal");
    assert_eq!(first_word(&mut socket), "4401 expired");
    assert!((end..end + 2).contains(&unix_secs()));
    // A resumed session of TLS brings the certificate back without a look at its time; the lease has one.
    let stream = handshake(&server, &Arc::new(config.clone()), "localhost").unwrap();
    assert_eq!(stream.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(told(&server, config, &[]), Ok("4401 expired".into()));
    thread::sleep(Duration::from_millis(1_100));
    assert!(told(&server, client_config(&authority, Some(&short)), &[]).is_err(), "TLS refuses it by now");
}

/// Tickets of TLS are no way around a new configuration.
#[test]
fn a_session_of_tls_does_not_outlive_the_trust_in_its_client() {
    let folder = Folder::new();
    let (authority, other) = (Authority::new(), Authority::new());
    authority.write(&folder, "own", &["localhost"]);
    folder.file("authorities.pem", &authority.certificate.pem());
    let tls = r#"{ certificate = "own.pem", key = "own-key.pem", clients = { authorities = "authorities.pem", required = true } }"#;
    let server = Server::start(&["serve", "--config", &configure(&folder, tls), "--workers", "1"]);
    let host = authority.sign(vec![dns("billing.internal")]);
    let config = client_config(&authority, Some(&host));
    for _ in 0..2 {
        assert_eq!(told(&server, config.clone(), &[]), Ok("billing.internal".into()));
    }
    folder.file("authorities.pem", &other.certificate.pem());
    server.signal("HUP");
    assert!((0..200).any(|_| told(&server, config.clone(), &[]).is_err() || {
        thread::sleep(Duration::from_millis(20));
        false
    }));
    assert!(told(&server, config, &[]).is_err());
    let trusted = other.sign(vec![dns("billing.internal")]);
    assert_eq!(told(&server, client_config(&authority, Some(&trusted)), &[]), Ok("billing.internal".into()));
}

/// Who is revoked does not come back with the certificate of before, only with a later one.
#[test]
fn a_certificate_of_a_client_is_revoked_like_a_token() {
    let folder = Folder::new();
    let authority = Authority::new();
    let server = serve_clients(&folder, &authority);
    let revoke = |body: &str| {
        let fields = format!("Authorization: Bearer {SECRET}\r\n");
        let answer = request(server.admin.as_deref().unwrap(), "POST", "/api/revoke", &fields, body);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    };
    let with = |identity: &Identity| told(&server, client_config(&authority, Some(identity)), &[]);
    let year = 365 * 24 * 3_600;
    let sign = || authority.sign_for(vec![dns("billing.internal")], unix_secs()..unix_secs() + year);

    let (first, second) = (sign(), sign());
    let mut socket = open(&server, client_config(&authority, Some(&first)), &[]).unwrap();
    assert_eq!(first_word(&mut socket), "billing.internal");
    // One certificate, by its fingerprint: what `openssl x509 -fingerprint -sha256` says, in lower case without colons.
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().unwrap();
    let hash = suite.common.hash_provider.hash(first.0.der());
    let fingerprint: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    revoke(&format!("{{\"token\":\"{fingerprint}\"}}"));
    assert_eq!(first_word(&mut socket), "4401 revoked");
    assert_eq!(with(&first), Ok("4401 revoked".into()));
    assert_eq!(with(&second), Ok("billing.internal".into()));
    // All that the user has by now.
    revoke("{\"user\":\"billing.internal\"}");
    assert_eq!(with(&second), Ok("4401 revoked".into()));
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(with(&sign()), Ok("billing.internal".into()));
}

/// RFC 7301: the upgrade is one of HTTP/1.1, and a client that speaks something else alone hears it in the handshake.
#[test]
fn http_1_1_is_the_one_protocol() {
    let folder = Folder::new();
    let authority = Authority::new();
    authority.write(&folder, "own", &["localhost"]);
    let tls = r#"{ certificate = "own.pem", key = "own-key.pem" }"#;
    let server = Server::start(&["serve", "--config", &configure(&folder, tls), "--workers", "1"]);
    let offer = |protocols: &[&[u8]]| {
        let mut config = client_config(&authority, None);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = handshake(&server, &Arc::new(config), "localhost").map_err(drop)?;
        Ok(stream.conn.alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(offer(&[b"h2", b"http/1.1"]), Ok(Some(b"http/1.1".to_vec())));
    assert_eq!(offer(&[]), Ok(None));
    assert_eq!(offer(&[b"h2"]), Err(()));
}
