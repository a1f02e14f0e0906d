//! `portcullis schema check`.

use std::{fs, path::Path};

use portcullis_validate::{Options, Validator};

use crate::cli::{Failure, print};

/// Compiles a schema as the actions of a configuration are, and says what it costs.
pub(crate) fn run(file: &Path, open: bool, formats: bool) -> Result<(), Failure> {
    let usage = |error: &dyn core::fmt::Display| Failure::Usage(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| usage(&error))?;
    let options = Options::default().with_closed(!open).with_formats(formats);
    let cost = Validator::compile(&text, &options).map_err(|error| usage(&error))?.cost();
    let way = if cost.is_plain {
        "plain: whole messages take the faster way, messages in pieces the graph"
    } else {
        "graph: branches run side by side"
    };
    print(format_args!(
        "way       {way}\n\
         schemas   {}\n\
         beside    at most {} judge one value beside each other: so many steps for each value, name or item\n\
         automata  {} bytes for patterns, one step of each for a byte of its text\n\
         stack     {} bytes for a check in the graph\n\
         budget    {} steps for each byte of a message, and {} more\n",
        cost.schemas,
        cost.beside_max,
        cost.pattern_bytes,
        cost.stack_bytes,
        cost.steps_per_byte,
        cost.steps_free,
    ))
}
