//! `portcullis token`.

use std::path::Path;

use portcullis_auth::{Scopes, jwt::Mint};

use crate::{
    cli::{self, Failure},
    clock,
    config::{self, Span},
};

/// Mints a token and prints it alone on a line, so that it can be captured.
pub(crate) fn run(file: &Path, user: &str, scopes: &[String], ttl: Span) -> Result<(), Failure> {
    let config = config::load(file)?;
    let signer = config::signer(&config)?;
    Scopes::new(scopes.iter().map(String::as_str))
        .map_err(|_| Failure::Usage("--scope: a scope is plain ASCII without spaces or quotes".into()))?;
    if user.is_empty() || user.len() > 128 || user.chars().any(char::is_control) {
        return Err(Failure::Usage("--user: 1 to 128 bytes without control characters".into()));
    }
    if ttl.0.is_zero() {
        return Err(Failure::Usage("--ttl: a token that is good for no time is of no use".into()));
    }
    let mint = Mint::new(user, clock::unix_time(), ttl.0).with_scopes(scopes.iter().map(String::as_str));
    let token = signer.mint(&mint).map_err(|error| Failure::Runtime(error.to_string()))?;
    cli::print(format_args!("{token}\n"))
}
