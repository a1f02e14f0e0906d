//! `portcullis dev`.

use core::{fmt, time::Duration};
use std::net::SocketAddr;

use portcullis_auth::jwt::{Algorithm, Mint, Signer, SigningKey};

use crate::{
    cli::{self, Failure},
    clock,
    config::{self, Auth, Config, Issuer, Key, Listen, Secret, Tls, Upstream},
    log,
    run::{self, Mode, Run},
    tls,
};

const ISSUER: &str = "portcullis-dev";
const AUDIENCE: &str = "portcullis";
const USERS: [&str; 2] = ["alice", "bob"];
const TOKEN_TTL: Duration = Duration::from_secs(12 * 3_600);

/// Serves the loopback with certificate, keys and users for this run alone.
pub(crate) fn run(listen: SocketAddr, plain: bool, workers: Option<usize>) -> Result<(), Failure> {
    if !listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "dev listens on the loopback alone, not on {listen}; use `serve`"
        )));
    }
    log::start("warn").map_err(Failure::Usage)?;
    let secret = hex(&clock::entropy());
    let config = config(listen, &secret);
    let mut live = config::compile(&config)?;
    let certificate = if plain {
        // Nobody terminates TLS in front of it: pages of plain http may connect.
        live.terminated_upstream = vec![false];
        None
    } else {
        let certificate = tls::development().map_err(|error| Failure::Runtime(error.to_string()))?;
        live.tls = vec![Some(certificate.config)];
        Some(certificate.spki_hash)
    };
    let tokens = mint(&secret).map_err(|error| Failure::Runtime(error.to_string()))?;
    run::run(Run {
        live,
        mode: Mode::Gate,
        addresses: vec![listen],
        admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        workers: workers.unwrap_or_else(run::default_workers),
        session: config::session_config(&config.limits),
        store: None,
        reload: None,
        started: Box::new(move |addresses| {
            if let Some(address) = addresses.first() {
                greet(*address, &tokens, certificate.as_deref());
            }
        }),
    })?;
    Ok(())
}

/// The defaults of the contract, with one key.
fn config(listen: SocketAddr, secret: &str) -> Config {
    let key = Key {
        algorithm: "HS256".into(),
        kid: None,
        secret: Some(Secret::from(secret.to_owned())),
        secret_file: None,
        public_key: None,
    };
    Config {
        compression: false,
        path: "/ws".into(),
        workers: None,
        origins: None,
        demo: true,
        limits: config::Limits::default(),
        store: None,
        drain: config::Drain {
            delay: config::Span(Duration::ZERO),
            deadline: config::Span(run::QUICK_DRAIN),
            spread: config::Span(Duration::from_secs(1)),
        },
        log: config::Log::default(),
        admin: None,
        auth: Auth {
            audience: AUDIENCE.into(),
            leeway: config::Span(Duration::from_secs(30)),
            cookie: None,
            issuer: vec![Issuer { name: ISSUER.into(), key: vec![key], key_set: None }],
            sign: None,
        },
        listen: vec![Listen { address: listen, tls: Some(Tls::Upstream(Upstream::Terminated)) }],
        action: config::default_actions(),
        channel: Vec::new(),
    }
}

/// A token for each demo user.
fn mint(secret: &str) -> Result<Vec<(&'static str, String)>, portcullis_auth::jwt::KeyError> {
    let signer = Signer::new(SigningKey::hmac(Algorithm::HS256, secret.as_bytes())?, ISSUER, AUDIENCE);
    USERS
        .iter()
        .map(|&user| Ok((user, signer.mint(&Mint::new(user, clock::unix_time(), TOKEN_TTL))?)))
        .collect()
}

/// Shows what a newcomer needs. Whoever does not read it still gets the server.
fn greet(address: SocketAddr, tokens: &[(&str, String)], spki_hash: Option<&str>) {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_greeting(&mut text, address, tokens, spki_hash);
    let _ = cli::print(text);
}

fn write_greeting(
    out: &mut impl fmt::Write,
    address: SocketAddr,
    tokens: &[(&str, String)],
    spki_hash: Option<&str>,
) -> fmt::Result {
    let (page, socket) = if spki_hash.is_some() { ("https", "wss") } else { ("http", "ws") };
    writeln!(
        out,
        "\nThe demo page, one window for each user (the browser will ask about the self-made certificate):"
    )?;
    for (user, token) in tokens {
        writeln!(out, "  {page}://{address}/#user={user}&token={token}")?;
    }
    writeln!(out, "\nTokens, good for 12 hours and for this run alone:")?;
    for (user, token) in tokens {
        writeln!(out, "  {user}  {token}")?;
    }
    if let Some((_, token)) = tokens.first() {
        let program = std::env::args().next().unwrap_or_else(|| "portcullis".into());
        let pin = spki_hash.map_or_else(String::new, |hash| format!(" --pin {hash}"));
        writeln!(out, "\nFrom a terminal:")?;
        writeln!(
            out,
            "  PORTCULLIS_TOKEN={token} \\\n  {program} connect {socket}://{address}/ws{pin} -c chat:lobby"
        )?;
        writeln!(out, "\nOr with npm `wscat`, and lines of your own:")?;
        writeln!(
            out,
            "  npx wscat --no-check -c {socket}://{address}/ws -s portcullis.v1 -H 'Authorization: Bearer {token}'"
        )?;
        writeln!(out, "  > {{\"type\":\"subscribe\",\"channel\":\"chat:lobby\"}}")?;
    }
    if let Some(hash) = spki_hash {
        writeln!(
            out,
            "\nSHA-256 of the certificate's public key (Chromium: --ignore-certificate-errors-spki-list):\n  {hash}"
        )?;
    }
    writeln!(out, "\nCtrl-C ends it.")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
