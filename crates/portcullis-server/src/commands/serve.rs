//! `portcullis serve`.

use std::path::{Path, PathBuf};

use portcullis_disk::Durability;

use crate::{
    cli::Failure,
    config::{self, Config},
    log,
    run::{self, Mode, Run},
    shared::Live,
};

/// Serves by a configuration file.
pub(crate) fn run(file: &Path, workers: Option<usize>) -> Result<(), Failure> {
    let config = config::load(file)?;
    let live = config::compile(&config)?;
    log::start(&config.log.level).map_err(Failure::Usage)?;
    let (file, addresses) = (file.to_owned(), addresses(&config));
    let bound = addresses.clone();
    let reload = move || -> Result<(Live, portcullis_session::Config), String> {
        let config = config::load(&file).map_err(|error| error.to_string())?;
        if self::addresses(&config) != bound {
            return Err("listeners cannot change in a reload".into());
        }
        let live = config::compile(&config).map_err(|error| error.to_string())?;
        Ok((live, config::session_config(&config.limits)))
    };
    run::run(Run {
        live,
        mode: Mode::Gate,
        addresses,
        admin: config.admin.as_ref().map(|admin| admin.address),
        workers: workers.or(config.workers).unwrap_or_else(run::default_workers),
        session: config::session_config(&config.limits),
        store: config.store.as_ref().map(store),
        reload: Some(Box::new(reload)),
        started: Box::new(|_| {}),
    })?;
    Ok(())
}

fn store(store: &config::Store) -> (PathBuf, Durability) {
    let durability = match store.durability {
        config::Survives::Process => Durability::Process,
        config::Survives::Machine => Durability::Machine,
    };
    (store.path.clone(), durability)
}

fn addresses(config: &Config) -> Vec<std::net::SocketAddr> {
    config.listen.iter().map(|listen| listen.address).collect()
}
