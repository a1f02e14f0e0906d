//! The fuzz targets: the committed seeds again, then a few seconds of new inputs.

use std::fs;
use std::process::Command;

use crate::packages::cargo;
use crate::report::Report;
use crate::{root, setup};

/// This target has a planted fault that must be found, or the others prove nothing.
const CANARY: &str = "canary";

pub(crate) fn smoke(report: &mut Report, seconds: u32) {
    let mut targets: Vec<String> = fs::read_dir(root().join("fuzz/fuzz_targets"))
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_string_lossy().strip_suffix(".rs").map(str::to_owned))
        .collect();
    targets.sort();
    if targets.is_empty() {
        report.skip("fuzz", "there are no fuzz targets");
        return;
    }
    if !setup::has("cargo-fuzz", "--version")
        && !cargo().args(["install", "--locked", "cargo-fuzz"]).status().is_ok_and(|status| status.success())
    {
        report.skip("fuzz", "cargo-fuzz cannot be installed");
        return;
    }
    // The canary needs nothing but the compiler: when it does not build, no target can.
    if !fuzz(&["build", CANARY]).status().is_ok_and(|status| status.success()) {
        report.skip("fuzz", "this compiler does not build with a sanitizer");
        return;
    }
    report.step("fuzz targets", &mut fuzz(&["build"]));
    for target in targets {
        let seeds = format!("fuzz/seeds/{target}");
        let time = format!("-max_total_time={seconds}");
        let corpus = format!("fuzz/corpus/{target}");
        let _ = fs::create_dir_all(root().join(&corpus));
        let mut arguments = vec!["run", target.as_str(), corpus.as_str()];
        if setup::exists(&seeds) {
            arguments.push(&seeds);
        }
        arguments.extend(["--", time.as_str()]);
        let mut command = fuzz(&arguments);
        if target == CANARY {
            let found = command.status().is_ok_and(|status| !status.success());
            let mut verdict = Command::new(if found { "true" } else { "false" });
            report.step("fuzz canary: the planted fault is found", &mut verdict);
        } else {
            report.step(&format!("fuzz {target}"), &mut command);
        }
    }
    // Compression has two engines, and the other targets saw one.
    for target in ["deflate", "deflate_roundtrip"] {
        let (seeds, time) = (format!("fuzz/seeds/{target}"), format!("-max_total_time={seconds}"));
        let corpus = format!("fuzz/corpus/{target}");
        let arguments = ["run", "--features", "zlib", target, &corpus, &seeds, "--", &time];
        report.step(&format!("fuzz {target}, zlib"), &mut fuzz(&arguments));
    }
}

/// Sanitizers are not stable; the same compiler has them behind a switch.
fn fuzz(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.arg("fuzz").args(arguments).env("RUSTC_BOOTSTRAP", "1");
    command
}
