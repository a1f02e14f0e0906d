//! The command line.

use core::fmt;
use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    commands::{check, connect, dev, echo, schema, serve, token},
    config::{ConfigError, Size, Span},
    run::RunError,
};

/// A gate for secure WebSockets.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, about, disable_help_subcommand = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve with no set-up on the loopback: certificate and keys for this run, two users, a demo page
    Dev {
        /// Where to listen; a loopback address
        #[arg(long, default_value = "127.0.0.1:8443")]
        listen: SocketAddr,
        /// Without TLS
        #[arg(long)]
        plain: bool,
        /// Worker threads [default: one per core]
        #[arg(long)]
        workers: Option<usize>,
    },
    /// Serve by a configuration file
    Serve {
        /// The configuration file
        #[arg(long, default_value = "portcullis.toml")]
        config: PathBuf,
        /// Worker threads [default: the file's, or one per core]
        #[arg(long)]
        workers: Option<usize>,
    },
    /// Check a configuration file with all that it names, and print what is in force, secrets redacted
    Check {
        /// The configuration file
        #[arg(long, default_value = "portcullis.toml")]
        config: PathBuf,
    },
    /// Mint a token with the configured signing key
    Token {
        /// The configuration file
        #[arg(long, default_value = "portcullis.toml")]
        config: PathBuf,
        /// The user (`sub`)
        #[arg(long)]
        user: String,
        /// A scope; may be given several times
        #[arg(long = "scope")]
        scopes: Vec<String>,
        /// How long it is good: 250ms, 5s, 2m, 12h
        #[arg(long, default_value = "1h", value_parser = parse_span)]
        ttl: Span,
    },
    /// Connect to a server, as a person at a terminal or as a filter in a pipe
    Connect(Connect),
    /// Say what a JSON Schema costs, or why it cannot be used
    Schema {
        #[command(subcommand)]
        command: SchemaCommand,
    },
    /// Echo every message on every path, without authentication: for conformance suites and benchmarks
    Echo {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:9001")]
        listen: SocketAddr,
        /// With a certificate made for this run
        #[arg(long)]
        tls: bool,
        /// With the whole gate in front of the echo
        #[arg(long)]
        guarded: bool,
        /// Compress messages for clients that offer it (permessage-deflate)
        #[arg(long, conflicts_with = "guarded")]
        deflate: bool,
        /// The longest message, such as 65536 or 16MiB
        #[arg(long, default_value = "16MiB", value_parser = parse_size)]
        message_max: Size,
        /// Worker threads [default: one per core]
        #[arg(long)]
        workers: Option<usize>,
    },
}

#[derive(Debug, Args)]
struct Connect {
    /// Where to: ws://HOST[:PORT]/PATH or wss://…
    url: String,
    /// The token; better in a file, or in the variable PORTCULLIS_TOKEN: the command line is no secret
    #[arg(long)]
    token: Option<String>,
    /// A file with the token, read again whenever one is needed
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// How the token travels
    #[arg(long, default_value = "header", value_parser = parse_auth)]
    auth: portcullis_client::Auth,
    /// A channel to receive and to talk to; may be given several times
    #[arg(long = "channel", short = 'c')]
    channels: Vec<String>,
    /// The action that a line is sent with
    #[arg(long, default_value = "chat")]
    action: String,
    /// Trust the certificate authorities in this file alone
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Trust the key with this SHA-256 (base64) alone, as `portcullis dev` prints it
    #[arg(long, conflicts_with = "ca")]
    pin: Option<String>,
    /// Seal what is sent and open what comes with the secret in this file: 32 bytes, or 64 hexadecimal digits
    #[arg(long)]
    seal_key_file: Option<PathBuf>,
    /// Where lines are remembered [default: portcullis/history in the user's state folder]
    #[arg(long)]
    history: Option<PathBuf>,
    /// One JSON object a line, in and out
    #[arg(long)]
    json: bool,
    /// Without colours
    #[arg(long)]
    no_color: bool,
}

impl From<Connect> for connect::Options {
    fn from(said: Connect) -> Self {
        Self {
            url: said.url,
            token: said.token,
            token_file: said.token_file,
            auth: said.auth,
            channels: said.channels,
            action: said.action,
            ca: said.ca,
            pin: said.pin,
            seal_key: said.seal_key_file,
            history: said.history,
            json: said.json,
            no_color: said.no_color,
        }
    }
}

#[derive(Debug, Subcommand)]
enum SchemaCommand {
    /// Compile the schema in a file and print what it costs
    Check {
        /// The schema, as JSON
        file: PathBuf,
        /// Admit members that the schema does not name, as JSON Schema itself does
        #[arg(long)]
        open: bool,
        /// Let `format` refuse
        #[arg(long)]
        formats: bool,
    },
}

fn parse_auth(text: &str) -> Result<portcullis_client::Auth, String> {
    match text {
        "header" => Ok(portcullis_client::Auth::Header),
        "subprotocol" => Ok(portcullis_client::Auth::Subprotocol),
        "message" => Ok(portcullis_client::Auth::Message),
        _ => Err("write header, subprotocol or message".into()),
    }
}

fn parse_span(text: &str) -> Result<Span, String> {
    Span::parse(text).ok_or_else(|| "write 250ms, 5s, 2m or 12h".into())
}

fn parse_size(text: &str) -> Result<Size, String> {
    Size::parse(text).ok_or_else(|| "write 65536, 64KiB or 16MiB".into())
}

/// Why a command failed: decides the exit code.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The command line or the configuration: exit code 2.
    Usage(String),
    /// Anything that went wrong later: exit code 1.
    Runtime(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Runtime(message) => f.write_str(message),
        }
    }
}

impl core::error::Error for Failure {}

/// Prints what a command was asked for. `println!` would panic when the reader has gone, as `head` does.
pub(crate) fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Runtime(format!("cannot write to stdout: {error}")))
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Runtime(error.to_string())
    }
}

/// Runs the command line: 0 when all went well, 1 after a failure, 2 for a wrong command line or configuration.
#[must_use]
pub fn main() -> ExitCode {
    // Clap prints help and usage errors by itself, and exits with 0 and 2.
    let result = match Cli::parse().command {
        Command::Dev { listen, plain, workers } => dev::run(listen, plain, workers),
        Command::Serve { config, workers } => serve::run(&config, workers),
        Command::Check { config } => check::run(&config),
        Command::Token { config, user, scopes, ttl } => token::run(&config, &user, &scopes, ttl),
        Command::Connect(said) => connect::run(said.into()),
        Command::Schema { command: SchemaCommand::Check { file, open, formats } } => {
            schema::run(&file, open, formats)
        }
        Command::Echo { listen, tls, guarded, deflate, message_max, workers } => {
            echo::run(&echo::Options { listen, tls, guarded, deflate, message_max, workers })
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody may be listening on stderr either; the exit code still tells.
            let _ = writeln!(io::stderr(), "portcullis: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}
