//! Installs what the tests need and the machine lacks.

use std::process::{Command, Stdio};

use crate::packages::cargo;
use crate::root;

/// Whether `program` starts.
pub(crate) fn has(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(command: &mut Command) -> bool {
    println!("-- {command:?}");
    command.status().is_ok_and(|status| status.success())
}

pub(crate) fn cargo_deny() -> bool {
    has("cargo-deny", "--version") || run(cargo().args(["install", "--locked", "cargo-deny"]))
}

/// Only root can install; others are told by the step that needs it.
pub(crate) fn valgrind() -> bool {
    let has_it = || has("valgrind", "--version");
    let install = || run(Command::new("apt-get").args(["install", "-y", "-q", "valgrind"]));
    let update = || run(Command::new("apt-get").args(["update", "-q"]));
    has_it() || install() || (update() && install()) || has_it()
}

/// Whether `program` starts, installing its package of Debian where that is possible.
pub(crate) fn apt_program(program: &str, package: &str) -> bool {
    let install = || {
        let mut command = Command::new("apt-get");
        command.args(["install", "-y", "-qq", "--no-install-recommends", package]);
        run(command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null()))
    };
    let update = || run(Command::new("apt-get").args(["-qq", "update"]));
    has(program, "--version") || ((install() || (update() && install())) && has(program, "--version"))
}

/// Whether `path` of the workspace is there.
pub(crate) fn exists(path: &str) -> bool {
    root().join(path).exists()
}
