//! A whole server that is killed and sent away under real clients.

use std::process::Command;

use crate::packages::cargo;
use crate::report::Report;
use crate::{root, setup};

/// Kills of a durable server under clients of both kinds, and a drain: some seconds of each. Then the same with a server
/// that keeps nothing, to see that this is noticed.
pub(crate) fn short(report: &mut Report) {
    report.step("soak, the server", cargo().args(["build", "--quiet", "-p", "portcullis-server"]));
    let program = format!("{}/debug/portcullis", target());
    let run = ["run", "--quiet", "-p", "portcullis-soak", "--", "--program", &program];
    let Some(modules) = node_modules() else {
        return report.skip("soak", "there is no npm for the clients in JavaScript");
    };
    let kills = ["kills", "--rust", "60", "--js", "30", "--modules", &modules, "--seconds"];
    report.step("soak, kills", cargo().args(run).args(kills).arg("15"));
    let memory = ["--durability", "memory"];
    report.step("soak, a server that keeps nothing", cargo().args(run).args(memory).args(kills).arg("5"));
    let drain = ["drain", "--connections", "1000", "--spread", "5", "--even", "25"];
    report.step("soak, drain", cargo().args(run).args(drain));
}

/// The same for long, with programs that are optimized.
pub(crate) fn long(report: &mut Report, seconds: u64, seed: u64) {
    let build = ["build", "--release", "--quiet", "-p", "portcullis-server", "-p", "portcullis-soak"];
    report.step("soak, the programs", cargo().args(build));
    let Some(modules) = node_modules() else {
        return report.skip("soak", "there is no npm for the clients in JavaScript");
    };
    let release = format!("{}/release", target());
    let program = format!("{release}/portcullis");
    let run = || {
        let mut command = Command::new(format!("{release}/portcullis-soak"));
        command.args(["--program", &program]).current_dir(root());
        command
    };
    let (seconds, seed) = (seconds.to_string(), seed.to_string());
    let kills = ["kills", "--modules", &modules, "--seconds", &seconds, "--seed", &seed];
    report.step("soak, kills", run().args(kills));
    report.step("soak, drain", run().arg("drain"));
}

fn target() -> String {
    std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into())
}

/// Where `ws` is installed for Node, as the end-to-end tests have it; installed here when they have not run.
fn node_modules() -> Option<String> {
    let folder = format!("{}/e2e", target());
    if root().join(&folder).join("node_modules/ws/package.json").exists() {
        return Some(folder);
    }
    std::fs::create_dir_all(root().join(&folder)).ok()?;
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix", &folder, "ws@8"]);
    let is_there = setup::apt_program("npm", "npm");
    let is_installed = is_there && install.current_dir(root()).status().is_ok_and(|status| status.success());
    is_installed.then_some(folder)
}
