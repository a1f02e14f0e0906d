//! What is checked without running the code.

use std::path::PathBuf;

use crate::packages::{self, cargo};
use crate::report::Report;
use crate::{root, setup};

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
    // Cargo keeps the sources of packages by the folder that they were packed in and by their version: in the same folder
    // a crate that has changed since would be built against the neighbours of an earlier run.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let folder = target.join(format!("packages-{}", std::process::id()));
    let mut command = cargo();
    command.args(["publish", "--dry-run", "--allow-dirty", "--target-dir"]).arg(&folder);
    for name in ["time", "proto", "limit", "validate", "validate-macros", "seal", "tokio"] {
        command.args(["-p", &format!("portcullis-{name}")]);
    }
    report.step("packages", &mut command);
    // Nothing in it is of use again; what cannot be removed is only in the way.
    let _ = std::fs::remove_dir_all(folder);
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
