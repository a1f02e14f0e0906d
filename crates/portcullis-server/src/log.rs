//! Logs: one JSON object a line, on stderr.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging at `level` (`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `portcullis_server=debug`).
///
/// # Errors
/// It is no such level; the error names it.
pub fn start(level: &str) -> Result<(), String> {
    let filter = filter(level)?;
    // A second start, as tests make one, leaves the first in force.
    let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    Ok(())
}

/// The filter that `level` describes.
///
/// # Errors
/// It describes none; the error names it.
pub(crate) fn filter(level: &str) -> Result<EnvFilter, String> {
    let refused =
        || format!("`{level}` is no log level: write error, warn, info, debug, trace or target=level");
    // A bare word that is no level would be taken for a target, and silence everything else.
    let bare = |part: &str| !part.contains(['=', '[']);
    if level.split(',').any(|part| bare(part) && part.trim().parse::<LevelFilter>().is_err()) {
        return Err(refused());
    }
    EnvFilter::try_new(level).map_err(|_| refused())
}
