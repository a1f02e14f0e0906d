//! Everything that runs the code.

use std::process::Command;

use crate::packages::{self, cargo};
use crate::report::Report;
use crate::{fuzz, instructions, mcu, nostd, root, setup, soak};

pub(crate) fn all(report: &mut Report) {
    crates(report);
    loom(report);
    bare(report);
    nostd::all(report);
    mcu::all(report);
    examples(report);
    instructions::check(report, false);
    end_to_end(report);
    tls_audit(report);
    load(report);
    soak::short(report);
    autobahn(report, &[]);
    fuzz::smoke(report, 5);
}

/// Each crate alone with each of its sets of features: what builds only beside its neighbours does not build.
fn crates(report: &mut Report) {
    for package in packages::all() {
        for set in &package.feature_sets {
            let name = format!("{} {}", package.name, set.join(" "));
            report.step(
                &name,
                cargo().args(["test", "--quiet", "--all-targets", "-p", &package.name]).args(set),
            );
        }
        // The examples in the documentation are written for all features.
        if package.has_library {
            let doc = ["test", "--quiet", "--doc", "--all-features", "-p", &package.name];
            report.step(&format!("{} documentation", package.name), cargo().args(doc));
        }
    }
}

/// Every order in which threads may touch the shared bucket. The switch is for the whole graph: a folder of its own.
fn loom(report: &mut Report) {
    let test =
        ["test", "--quiet", "--release", "-p", "portcullis-limit", "--lib", "--target-dir", "target/loom"];
    report.step("portcullis-limit in loom", cargo().args(test).env("RUSTFLAGS", "--cfg loom"));
}

/// The proof that the building blocks need neither `std` nor an allocator.
fn bare(report: &mut Report) {
    let build = ["build", "--release", "--manifest-path", "examples/bare/Cargo.toml"];
    report.step("examples/bare", cargo().args(build));
}

fn examples(report: &mut Report) {
    report.step("examples", cargo().args(["test", "--quiet", "--all-targets", "-p", "portcullis-examples"]));
}

fn end_to_end(report: &mut Report) {
    let script = "crates/portcullis-server/tests/e2e/run";
    if !setup::exists(script) {
        report.skip("end to end", "there are no end-to-end tests");
        return;
    }
    // The script builds the server and installs its clients: apt, npm, and pip into an environment of its own.
    report.step("end to end", Command::new("bash").arg(script).current_dir(root()));
}

/// `portcullis serve` under sslyze and testssl.sh: whatever they report above informational fails.
pub(crate) fn tls_audit(report: &mut Report) {
    let script = "crates/portcullis-server/tests/e2e/tls/run";
    if !setup::exists(script) {
        report.skip("TLS audit", "there is no script for it");
        return;
    }
    // The script builds the server and installs the two: pip into an environment of its own, and apt.
    report.step("TLS audit", Command::new("bash").arg(script).current_dir(root()));
}

/// A small storm: every client comes in, and revocations and expiries close all of them within a second.
fn load(report: &mut Report) {
    report.step("load, the server", cargo().args(["build", "--quiet", "-p", "portcullis-server"]));
    let folder = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let program = format!("{folder}/debug/portcullis");
    let run =
        ["run", "--quiet", "-p", "portcullis-load", "--", "--connections", "500", "--program", &program];
    report.step("load", cargo().args(run));
}

/// All cases of the Autobahn suite, against the server and the client (with both engines of compression); with `--full`
/// as many messages as it has. It runs on Python 2.7 alone; without one the script says so and counts a skip.
pub(crate) fn autobahn(report: &mut Report, arguments: &[String]) {
    let script = "crates/portcullis-server/tests/e2e/autobahn/run";
    if !setup::exists(script) {
        report.skip("Autobahn", "there is no script for it");
        return;
    }
    let full = arguments.iter().any(|argument| argument == "--full");
    let sides: Vec<&String> = arguments.iter().filter(|argument| *argument != "--full").collect();
    for side in ["server", "client", "client-zlib"] {
        if !sides.is_empty() && !sides.iter().any(|named| *named == side) {
            continue;
        }
        let mut command = Command::new("bash");
        command.args([script, side]).args(full.then_some("--full")).current_dir(root());
        report.step(&format!("Autobahn, {side}"), &mut command);
    }
}
