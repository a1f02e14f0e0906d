//! `portcullis connect`: a terminal for one session, and a filter for pipes.
//!
//! `line` reads what is typed, `show` writes what happens, `sealed` seals and opens payloads, `tls` trusts; `terminal` and
//! `pipe` are the two ways to run.

mod line;
mod pipe;
mod sealed;
mod show;
mod terminal;
mod tls;

use std::{
    env, fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use portcullis_client::{Auth, Config, Url, blocking};

use crate::cli::Failure;
use sealed::Seals;

/// Where a token may stand that is not on the command line, where every user of the machine could read it.
const TOKEN_VARIABLE: &str = "PORTCULLIS_TOKEN";

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) url: String,
    pub(crate) token: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) auth: Auth,
    pub(crate) channels: Vec<String>,
    pub(crate) action: String,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) pin: Option<String>,
    pub(crate) seal_key: Option<PathBuf>,
    pub(crate) history: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) no_color: bool,
}

/// A connected client, and what both ways to run need of it.
struct Session {
    client: blocking::Handle,
    events: blocking::Events,
    seals: Option<Seals>,
    channels: Vec<String>,
    action: String,
}

/// Connects, and runs until it is told to end.
pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let url =
        Url::parse(&options.url).map_err(|error| Failure::Usage(format!("{}: {error}", options.url)))?;
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal() && !options.json;
    let tokens = Tokens::new(&options, is_terminal)?;
    let mut config = Config::default();
    config.auth = options.auth;
    let mut driver = portcullis_client::Options::default().with_config(config);
    if url.is_secure() {
        driver = driver.with_tls(tls::config(options.ca.as_deref(), options.pin.as_deref())?);
    }
    let seals = options.seal_key.as_deref().map(Seals::from_file).transpose()?;
    let started = blocking::start(&url, driver, move |_| tokens.next());
    let (client, events) = started.map_err(|error| Failure::Runtime(format!("cannot start: {error}")))?;
    for channel in &options.channels {
        client.subscribe(channel);
    }
    client.connect();
    let session = Session { client, events, seals, channels: options.channels, action: options.action };
    if is_terminal {
        let is_colored = !options.no_color && env::var_os("NO_COLOR").is_none();
        terminal::run(session, &options.url, options.history.as_deref(), is_colored)
    } else {
        pipe::run(session, options.json)
    }
}

/// Where tokens come from. A file is read again each time, so that whoever writes it can renew the token.
struct Tokens {
    file: Option<PathBuf>,
    fixed: Arc<Mutex<String>>,
}

impl Tokens {
    fn new(options: &Options, is_terminal: bool) -> Result<Self, Failure> {
        let fixed = match (&options.token, &options.token_file, env::var(TOKEN_VARIABLE)) {
            (Some(token), _, _) => token.clone(),
            (None, Some(file), _) => read_token(file).map_err(Failure::Usage)?,
            (None, None, Ok(token)) => token,
            (None, None, Err(_)) if is_terminal => rpassword::prompt_password("Token: ")
                .map_err(|error| Failure::Usage(format!("no token: {error}")))?,
            (None, None, Err(_)) => {
                return Err(Failure::Usage(format!("no token: give --token-file, or set {TOKEN_VARIABLE}")));
            }
        };
        let file = options.token_file.clone().filter(|_| options.token.is_none());
        Ok(Self { file, fixed: Arc::new(Mutex::new(fixed.trim().to_owned())) })
    }

    fn next(&self) -> Option<String> {
        match &self.file {
            Some(file) => read_token(file).ok(),
            None => self.fixed.lock().ok().map(|token| token.clone()),
        }
    }
}

fn read_token(file: &Path) -> Result<String, String> {
    let token =
        fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(token.trim().to_owned())
}
