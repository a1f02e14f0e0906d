//! Logs: one JSON object a line, on stderr.

use tracing_subscriber::EnvFilter;

/// Starts logging at `level` (`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `portcullis_server=debug`).
///
/// # Errors
/// It is no such level; the error names it.
pub fn start(level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|_| format!("log.level: `{level}` is no level"))?;
    // A second start, as tests make one, leaves the first in force.
    let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    Ok(())
}
