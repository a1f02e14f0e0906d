//! The crates of the workspace and their features, read from the manifests.

use std::fs;
use std::process::Command;

use crate::root;

/// A crate with tests of its own.
pub(crate) struct Package {
    pub(crate) name: String,
    /// The sets of features that it has to build and pass its tests with.
    pub(crate) feature_sets: Vec<Vec<String>>,
    pub(crate) has_library: bool,
}

/// All crates below `crates/`, sorted by name.
pub(crate) fn all() -> Vec<Package> {
    let mut found: Vec<Package> = fs::read_dir(root().join("crates"))
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let manifest = fs::read_to_string(entry.path().join("Cargo.toml")).ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let has_library = entry.path().join("src/lib.rs").exists();
            Some(Package { feature_sets: feature_sets(&manifest), name, has_library })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The arguments that select each set: nothing, `alloc`, `std`, `deflate` (whose engine is another one with everything) and
/// everything; one set when there are no features.
fn feature_sets(manifest: &str) -> Vec<Vec<String>> {
    let section = manifest.split("[features]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or("");
    let has = |name: &str| section.lines().any(|line| line.starts_with(&format!("{name} =")));
    let all = vec!["--all-features".to_owned()];
    if !has("default") {
        return vec![all];
    }
    let none = "--no-default-features".to_owned();
    let mut sets = vec![vec![none.clone()]];
    for feature in ["alloc", "std", "deflate"] {
        if has(feature) {
            sets.push(vec![none.clone(), "--features".to_owned(), feature.to_owned()]);
        }
    }
    sets.push(all);
    sets
}

/// A call of the cargo that runs this program, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}
