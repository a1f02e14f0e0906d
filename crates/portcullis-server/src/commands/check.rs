//! `portcullis check`.

use std::path::Path;

use crate::{
    cli::{self, Failure},
    config,
};

/// Checks a configuration with all that it names, and prints what is in force.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let config = config::load(file)?;
    drop(config::compile(&config)?);
    if config.auth.sign.is_some() {
        drop(config::signer(&config)?);
    }
    let printed = toml::to_string_pretty(&config).map_err(|error| Failure::Runtime(error.to_string()))?;
    cli::print(printed)?;
    eprintln!("{}: ok", file.display());
    Ok(())
}
