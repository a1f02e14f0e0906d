//! Keys that an issuer publishes: fetched over TLS, changed without a restart, kept while they cannot be fetched.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use portcullis_server::clock;
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs};

use super::{
    client::{await_metric, token},
    program::{Folder, MINIMAL, Server, refuses, request},
};

/// An issuer's web server.
struct Issuer {
    port: u16,
    /// The whole HTTP answer.
    answer: Arc<Mutex<String>>,
    requests: Arc<AtomicUsize>,
}

impl Issuer {
    fn start(folder: &Folder) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(["localhost".into()]).unwrap().self_signed(&key).unwrap();
        folder.file("authority.pem", &certificate.pem());
        let private = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let port = listener.local_addr().unwrap().port();
        let (answer, requests) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
        let (told, counted) = (answer.clone(), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tls = ServerConnection::new(config.clone()).unwrap();
                let mut stream = StreamOwned::new(tls, stream);
                let mut head = [0; 4_096];
                if stream.read(&mut head).is_ok() {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.write_all(told.lock().unwrap().as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        Self { port, answer, requests }
    }

    fn publish(&self, keys: &[&Pair]) {
        let keys: Vec<String> = keys.iter().map(|pair| pair.public.clone()).collect();
        self.answer_with("200 OK", &format!("{{\"keys\":[{}]}}", keys.join(",")));
    }

    fn answer_with(&self, status: &str, body: &str) {
        let len = body.len();
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}");
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// A key pair of the issuer, and a configuration that signs with it.
struct Pair {
    public: String,
    config: String,
}

fn pair(folder: &Folder, kid: &str) -> Pair {
    let key = rcgen::KeyPair::generate().unwrap();
    let point = key.public_key_raw();
    let (x, y) =
        (Base64UrlUnpadded::encode_string(&point[1..33]), Base64UrlUnpadded::encode_string(&point[33..]));
    let public = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","kid":"{kid}","use":"sig"}}"#);
    folder.file(&format!("{kid}.pem"), &key.serialize_pem());
    folder.file(&format!("{kid}-public.pem"), &key.public_key_pem());
    let text = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = \"terminated-upstream\"\n[auth]\naudience = \"portcullis\"\n\
         [[auth.issuer]]\nname = \"issuer\"\n[[auth.issuer.key]]\nalgorithm = \"ES256\"\nkid = \"{kid}\"\n\
         public_key = \"{kid}-public.pem\"\n[auth.sign]\nissuer = \"issuer\"\nalgorithm = \"ES256\"\nkid = \"{kid}\"\n\
         private_key = \"{kid}.pem\"\n"
    );
    Pair { public, config: folder.file(&format!("{kid}.toml"), &text) }
}

fn config(folder: &Folder, key_set: &str) -> String {
    let text = MINIMAL
        .replace(
            "[[auth.issuer.key]]\nalgorithm = \"HS256\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n",
            &format!("key_set = {{ {key_set} }}\n"),
        )
        .split("[auth.sign]")
        .next()
        .unwrap()
        .to_owned();
    folder.file("c.toml", &text)
}

fn serve(folder: &Folder, issuer: &Issuer, refresh: &str) -> Server {
    let url = format!("https://localhost:{}/keys", issuer.port);
    let key_set = format!("url = \"{url}\", authorities = \"authority.pem\", refresh = \"{refresh}\"");
    Server::start(&["serve", "--config", &config(folder, &key_set), "--workers", "1"])
}

/// Whether a token of this pair is good.
fn is_good(server: &Server, pair: &Pair) -> bool {
    let bearer = format!("Authorization: Bearer {}\r\n", token(&pair.config, "alice"));
    request(server.address(), "POST", "/ticket", &bearer, "").starts_with("HTTP/1.1 200 ")
}

#[track_caller]
fn becomes(wanted: bool, mut is: impl FnMut() -> bool) {
    let end = clock::now() + Duration::from_secs(20);
    while is() != wanted {
        assert!(clock::now() < end, "it never became {wanted}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn keys_come_change_and_stay_while_the_issuer_is_away() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let (old, new) = (pair(&folder, "old"), pair(&folder, "new"));
    issuer.publish(&[&old]);
    let server = serve(&folder, &issuer, "1s");
    // They are there before the first client is.
    assert!(is_good(&server, &old) && !is_good(&server, &new));
    issuer.publish(&[&new]);
    becomes(true, || is_good(&server, &new));
    assert!(!is_good(&server, &old), "what is published no more is good no more");
    // Whatever the issuer answers now, its last good word counts.
    for (status, body) in [
        ("500 Oops", ""),
        ("200 OK", "not JSON"),
        ("200 OK", r#"{"keys":[]}"#),
        ("200 OK", r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#),
        ("302 Found", ""),
        ("200 OK", &" ".repeat(300_000)),
    ] {
        issuer.answer_with(status, body);
        let asked = issuer.requests();
        becomes(true, || issuer.requests() >= asked + 2);
        assert!(is_good(&server, &new), "{status} {}", &body[..body.len().min(40)]);
    }
    issuer.publish(&[&old, &new]);
    becomes(true, || is_good(&server, &old));
    assert!(is_good(&server, &new));
}

/// An operator who takes a place out of the configuration trusts nothing more that came from it.
#[test]
fn a_place_that_is_no_longer_named_is_no_longer_trusted() {
    let folder = Folder::new();
    let (issuer, other) = (Issuer::start(&folder), Issuer::start(&folder));
    let (one, two) = (pair(&folder, "one"), pair(&folder, "two"));
    issuer.publish(&[&one]);
    let key_set = |issuer: &Issuer| {
        format!("url = \"https://localhost:{}/keys\", authorities = \"authority.pem\"", issuer.port)
    };
    // The authority is that of the issuer that was started last.
    other.publish(&[&two]);
    let server = Server::start(&["serve", "--config", &config(&folder, &key_set(&other)), "--workers", "1"]);
    assert!(is_good(&server, &two));
    config(&folder, &key_set(&issuer));
    server.signal("HUP");
    becomes(false, || is_good(&server, &two));
}

/// A token of a new key brings the fetch forward; a flood of forged ones brings no flood of fetches.
#[test]
fn an_unknown_key_asks_for_the_set_and_not_too_often() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let (old, new) = (pair(&folder, "old"), pair(&folder, "new"));
    issuer.publish(&[&old]);
    let server = serve(&folder, &issuer, "1h");
    assert!(is_good(&server, &old));
    let asked = issuer.requests();
    for _ in 0..50 {
        assert!(!is_good_token(&server, &token(&new.config, "alice")));
    }
    thread::sleep(Duration::from_millis(300));
    assert!(issuer.requests() <= asked + 1, "{} fetches", issuer.requests() - asked);
}

/// CVE-2026-32301: an address built from a token's own words let it choose whom the server asks.
#[test]
fn cve_2026_32301_nothing_in_a_token_is_followed() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let one = pair(&folder, "one");
    issuer.publish(&[&one]);
    let server = serve(&folder, &issuer, "1h");
    let asked = issuer.requests();
    // A listener that a token points to by every name that a token has for it.
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let url = format!("https://{}/keys", trap.local_addr().unwrap());
    let base64 = |json: String| Base64UrlUnpadded::encode_string(json.as_bytes());
    let header =
        base64(format!(r#"{{"alg":"ES256","kid":"{url}","jku":"{url}","x5u":"{url}","iss":"{url}"}}"#));
    for (iss, aud) in [("issuer", "portcullis"), (&*url, "portcullis"), ("issuer", &*url)] {
        let claims = base64(format!(r#"{{"iss":"{iss}","aud":"{aud}","sub":"a","exp":99999999999}}"#));
        let token = format!("{header}.{claims}.{}", "A".repeat(86));
        assert!(!is_good_token(&server, &token));
    }
    thread::sleep(Duration::from_millis(500));
    assert!(trap.accept().is_err(), "the server went where a token sent it");
    assert!(issuer.requests() <= asked + 1, "an unknown key brings one early fetch at the most");
}

fn is_good_token(server: &Server, token: &str) -> bool {
    let bearer = format!("Authorization: Bearer {token}\r\n");
    request(server.address(), "POST", "/ticket", &bearer, "").starts_with("HTTP/1.1 200 ")
}

#[test]
fn a_server_starts_without_its_issuer_and_says_so() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    issuer.answer_with("503 Later", "");
    let one = pair(&folder, "one");
    let server = serve(&folder, &issuer, "1s");
    assert!(!is_good(&server, &one));
    becomes(true, || issuer.requests() >= 2);
    await_metric(&server, "portcullis_connections 0");
    issuer.publish(&[&one]);
    becomes(true, || is_good(&server, &one));
}

/// Where keys come from is the operator's word: over TLS, from a server that an authority vouches for.
#[test]
fn sources_that_cannot_be_trusted_are_refused() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    for (key_set, words) in [
        ("url = \"http://localhost/keys\"", ["key_set.url", "https"]),
        ("url = \"https://user:word@localhost/keys\"", ["key_set.url", "user"]),
        ("url = \"https:///keys\"", ["key_set.url", "https"]),
        ("url = \"https://localhost/keys\", refresh = \"1ms\"", ["key_set.refresh", "second"]),
        ("url = \"https://localhost/keys\", file = \"x\"", ["key_set", "one of"]),
        ("refresh = \"1s\"", ["key_set", "one of"]),
    ] {
        let config = config(&folder, key_set);
        refuses(&["check", "--config", &config], 2, &words);
    }
    // A certificate that no authority has signed: nothing is fetched.
    let one = pair(&folder, "one");
    issuer.publish(&[&one]);
    let url = format!("url = \"https://localhost:{}/keys\", refresh = \"1s\"", issuer.port);
    let server = Server::start(&["serve", "--config", &config(&folder, &url), "--workers", "1"]);
    assert!(!is_good(&server, &one));
}

#[test]
fn a_key_set_can_be_a_file() {
    let folder = Folder::new();
    let one = pair(&folder, "one");
    folder.file("keys.json", &format!("{{\"keys\":[{}]}}", one.public));
    let config = config(&folder, "file = \"keys.json\"");
    let server = Server::start(&["serve", "--config", &config, "--workers", "1"]);
    assert!(is_good(&server, &one));
    folder.file("keys.json", r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#);
    refuses(&["check", "--config", &config], 2, &["key_set", "2048"]);
}

/// `portcullis token` and `check` do not fetch: a signing key whose public half is published is taken at its word.
#[test]
fn a_signing_key_may_be_a_published_one() {
    let folder = Folder::new();
    let one = pair(&folder, "one");
    let text = fs::read_to_string(&one.config).unwrap();
    let (before, rest) = text.split_once("[[auth.issuer.key]]").unwrap();
    let sign = rest.split_once("[auth.sign]").unwrap().1;
    let published = "key_set = { url = \"https://localhost:1/keys\" }\n";
    let config = folder.file("published.toml", &format!("{before}{published}[auth.sign]{sign}"));
    assert!(!token(&config, "alice").is_empty());
    // One of another issuer is still a mistake.
    let other = fs::read_to_string(&config)
        .unwrap()
        .replace("[auth.sign]\nissuer = \"issuer\"", "[auth.sign]\nissuer = \"other\"");
    refuses(&["check", "--config", &folder.file("other.toml", &other)], 2, &["auth.sign", "issuer"]);
}
