//! Installs what the tests need and the machine lacks.

use std::path::Path;
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

/// Debian packages, when this user may install them.
fn apt(packages: &[&str]) -> bool {
    if !has("apt-get", "--version") {
        return false;
    }
    let program = if has("sudo", "--version") && !is_superuser() { "sudo" } else { "apt-get" };
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new(program);
        if program == "sudo" {
            command.args(["-n", "apt-get"]);
        }
        run(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(packages);
    // The lists may be missing or stale.
    apt_get(&install) || (apt_get(&["update"]) && apt_get(&install))
}

fn is_superuser() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Where the virtual environments and node packages of the tests are kept.
pub(crate) fn tools() -> std::path::PathBuf {
    root().join("target/tools")
}

/// Node, Chromium and the Python packages of the end-to-end tests. What is missing afterwards, the tests skip loudly.
pub(crate) fn end_to_end() {
    if !has("node", "--version") || !has("npm", "--version") {
        apt(&["nodejs", "npm"]);
    }
    if !["chromium", "chromium-browser", "google-chrome"].iter().any(|program| has(program, "--version")) {
        apt(&["chromium"]);
    }
    python();
    for folder in ["crates/portcullis-server/tests/e2e", "crates/portcullis-server/tests/e2e/browser"] {
        let folder = root().join(folder);
        if folder.join("package.json").exists() && !folder.join("node_modules").exists() {
            let command = if folder.join("package-lock.json").exists() { "ci" } else { "install" };
            run(Command::new("npm").args([command, "--no-audit", "--no-fund"]).current_dir(folder));
        }
    }
}

fn python() {
    let environment = tools().join("python");
    if !environment.join("bin/python").exists() {
        let create = || {
            let mut command = Command::new("python3");
            run(command.args(["-m", "venv"]).arg(&environment))
        };
        if !create() {
            let _ = apt(&["python3", "python3-venv"]) && create();
        }
    }
    let wanted = root().join("crates/portcullis-server/tests/e2e/requirements.txt");
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    if wanted.exists() {
        pip.arg("-r").arg(wanted);
    } else {
        pip.arg("websockets");
    }
    run(&mut pip);
}

/// The path of Python with the end-to-end tests' packages first.
pub(crate) fn path_with_python() -> std::ffi::OsString {
    let mut path = tools().join("python/bin").into_os_string();
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}

/// Whether the crate at `folder` is there.
pub(crate) fn exists(folder: &str) -> bool {
    Path::new(&root()).join(folder).exists()
}
