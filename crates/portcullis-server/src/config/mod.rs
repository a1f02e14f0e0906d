//! The configuration: read, checked, compiled into what the workers use.

mod compile;
mod model;
mod units;

use core::fmt;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub(crate) use compile::{compile, session_config, signer};
pub use model::{
    Action, Admin, Auth, Channel, ClientCertificates, Config, Drain, Issuer, Key, KeySet, Limits, Listen,
    Log, NamedCertificate, Route, Secret, Sign, Store, Survives, Tls, TlsFiles, Upstream, default_actions,
};
pub use units::{Size, Span};

/// A configuration that cannot be used, as one line for its author.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// The file is no configuration.
    Syntax {
        /// The file.
        file: PathBuf,
        /// Line and column, from 1, where known.
        place: Option<(usize, usize)>,
        /// What is wrong there.
        message: String,
    },
    /// A value cannot be used.
    Value {
        /// The key.
        key: String,
        /// What is wrong with it.
        message: String,
    },
}

impl ConfigError {
    pub(crate) fn value(key: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::Value { key: key.into(), message: message.to_string() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => write!(f, "cannot read {}: {error}", file.display()),
            Self::Syntax { file, place: Some((line, column)), message } => {
                write!(f, "{}:{line}:{column}: {message}", file.display())
            }
            Self::Syntax { file, place: None, message } => write!(f, "{}: {message}", file.display()),
            Self::Value { key, message } => write!(f, "{key}: {message}"),
        }
    }
}

impl core::error::Error for ConfigError {}

/// Reads a configuration file. Paths in it are relative to its own folder.
///
/// # Errors
/// It cannot be read, is not TOML, or has a key or a value that is not known.
pub fn load(file: &Path) -> Result<Config, ConfigError> {
    let text = read(file)?;
    let mut config: Config = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
        file: file.into(),
        place: error.span().map(|span| place(&text, span.start)),
        message: error.message().lines().collect::<Vec<_>>().join(" "),
    })?;
    config.resolve_paths(file.parent().unwrap_or(Path::new("")));
    Ok(config)
}

pub(crate) fn read(file: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(file).map_err(|error| ConfigError::Unreadable { file: file.into(), error })
}

/// Line and column of a byte, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    (line, column)
}

impl Config {
    fn resolve_paths(&mut self, folder: &Path) {
        let mut paths = Vec::new();
        for listen in &mut self.listen {
            if let Some(Tls::Files(files)) = &mut listen.tls {
                paths.extend([&mut files.certificate, &mut files.key]);
                paths.extend(
                    files.named.iter_mut().flat_map(|named| [&mut named.certificate, &mut named.key]),
                );
                paths.extend(files.clients.iter_mut().map(|clients| &mut clients.authorities));
            }
        }
        for issuer in &mut self.auth.issuer {
            for key in &mut issuer.key {
                paths.extend([&mut key.secret_file, &mut key.public_key].into_iter().flatten());
            }
            if let Some(set) = &mut issuer.key_set {
                paths.extend([&mut set.file, &mut set.authorities].into_iter().flatten());
            }
        }
        paths.extend(self.store.iter_mut().map(|store| &mut store.path));
        paths.extend(self.admin.iter_mut().filter_map(|admin| admin.key_file.as_mut()));
        if let Some(sign) = &mut self.auth.sign {
            paths.extend([&mut sign.secret_file, &mut sign.private_key].into_iter().flatten());
        }
        paths.extend(self.action.iter_mut().filter_map(|action| action.schema_file.as_mut()));
        for path in paths {
            *path = folder.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests;
