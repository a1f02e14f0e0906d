//! What is checked without running the code.

use crate::packages::{self, cargo};
use crate::report::Report;
use crate::setup;

pub(crate) fn fmt(report: &mut Report) {
    report.step("format", cargo().args(["fmt", "--all", "--check"]));
    for example in ["examples/bare", "examples/mcu"] {
        let manifest = format!("{example}/Cargo.toml");
        report.step(
            &format!("format of {example}"),
            cargo().args(["fmt", "--check", "--manifest-path", &manifest]),
        );
    }
}

pub(crate) fn lint(report: &mut Report) {
    let strict = ["--", "-D", "warnings"];
    let everything = ["clippy", "--workspace", "--all-targets", "--all-features"];
    report.step("clippy, all features", cargo().args(everything).args(strict));
    let mcu = ["clippy", "--manifest-path", "examples/mcu/Cargo.toml", "--all-targets"];
    report.step("clippy of examples/mcu", cargo().args(mcu).args(strict));
    for package in packages::all() {
        if let Some(set) = package.feature_sets.first().filter(|_| package.feature_sets.len() > 1) {
            let name = format!("clippy {} {}", package.name, set.join(" "));
            report.step(
                &name,
                cargo().args(["clippy", "-p", &package.name, "--all-targets"]).args(set).args(strict),
            );
        }
    }
}

pub(crate) fn docs(report: &mut Report) {
    let doc = ["doc", "--workspace", "--no-deps", "--all-features"];
    report.step("documentation", cargo().args(doc).env("RUSTDOCFLAGS", "-D warnings"));
}

/// Whether what is meant for the registry can go there: each crate is built from its package alone.
pub(crate) fn packages(report: &mut Report) {
    let mut command = cargo();
    command.args(["publish", "--dry-run", "--allow-dirty"]);
    for name in ["time", "proto", "limit", "validate", "validate-macros", "seal", "tokio"] {
        command.args(["-p", &format!("portcullis-{name}")]);
    }
    report.step("packages", &mut command);
}

pub(crate) fn deny(report: &mut Report) {
    if !setup::cargo_deny() {
        report.fail("cargo-deny cannot be installed");
        return;
    }
    // The graph spans all platforms, so crates that this one does not build are read too.
    let _ = cargo().arg("fetch").status();
    report.step("dependencies", cargo().args(["deny", "--offline", "check", "bans", "licenses", "sources"]));
}

pub(crate) fn bench(report: &mut Report) {
    report.step("benchmarks", cargo().args(["bench", "-p", "portcullis-benches"]));
}
