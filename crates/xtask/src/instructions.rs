//! The gate on speed: instructions, counted by callgrind, against a committed baseline. Time differs from run to run and
//! from machine to machine; the number of instructions that one compiler makes of one source does not.

use core::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::packages::cargo;
use crate::report::Report;
use crate::{root, setup};

const NAME: &str = "instructions";
const BASELINE: &str = "benches/instructions.toml";
/// More than both of these above the baseline is a failure.
const PERCENT_MAX: u64 = 3;
const SLACK: u64 = 3;
/// Two runs of so many turns each: their difference has only turns in it.
const TURNS: [u64; 2] = [200, 700];

/// In the order of the program.
type Counts = Vec<(String, u64)>;

/// Counts, and compares with the baseline, or makes it the baseline when `blesses`.
pub(crate) fn check(report: &mut Report, blesses: bool) {
    if !is_comparable() {
        report.skip(NAME, "the baseline is one of x86-64 with AVX2 under Linux");
        return;
    }
    let compiler = compiler();
    let baseline = fs::read_to_string(root().join(BASELINE)).unwrap_or_default();
    let (of_compiler, before) = parse(&baseline);
    if !blesses && of_compiler != compiler {
        report.skip(NAME, &format!("the baseline is of {of_compiler}, this is {compiler}: {HOW_TO_BLESS}"));
        return;
    }
    if !setup::valgrind() {
        report.skip(NAME, "valgrind is missing and cannot be installed");
        return;
    }
    let Some(program) = build() else {
        report.fail("instructions: the program does not build");
        return;
    };
    let Some(now) = measure(&program) else {
        report.fail("instructions: a case cannot be counted");
        return;
    };
    print!("{}", table(&before, &now));
    if blesses {
        if fs::write(root().join(BASELINE), render(&compiler, &now)).is_err() {
            report.fail("instructions: the baseline cannot be written");
        }
        return;
    }
    for (case, count) in &now {
        let name = format!("{NAME}: {case}");
        match find(&before, case) {
            Some(allowed) if !is_worse(allowed, *count) => report.pass(&name),
            Some(allowed) => {
                println!("{case}: {count} instead of {allowed}. {HOW_TO_BLESS}");
                report.fail(&name);
            }
            None => {
                println!("{case} is not in {BASELINE}. {HOW_TO_BLESS}");
                report.fail(&name);
            }
        }
    }
}

const HOW_TO_BLESS: &str =
    "`cargo xtask instructions --bless` accepts what it counts; say in the commit why it is worth it";

/// Under callgrind the code for AVX2 runs, never that for AVX-512; a machine without AVX2 runs something else.
fn is_comparable() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    return false;
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").current_dir(root()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Builds the program with the settings of the benches; its path is taken from what cargo says.
fn build() -> Option<PathBuf> {
    let build = ["build", "--profile", "bench", "-p", "portcullis-benches", "--bin", NAME];
    let output = cargo()
        .args(build)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let path = messages.rsplit_once(r#""executable":""#)?.1.split_once('"')?.0;
    Some(PathBuf::from(path))
}

fn measure(program: &Path) -> Option<Counts> {
    let list = Command::new(program).arg("--list").output().ok()?;
    let cases = String::from_utf8_lossy(&list.stdout).into_owned();
    cases
        .lines()
        .map(|case| {
            let [fewer, more] = TURNS.map(|turns| collected(program, case, turns));
            Some((case.to_owned(), more?.checked_sub(fewer?)? / (TURNS[1] - TURNS[0])))
        })
        .collect()
}

/// The instructions of a whole run, start and end of the program included.
fn collected(program: &Path, case: &str, turns: u64) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([case, &turns.to_string()])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    messages.lines().find_map(|line| line.rsplit_once("Collected : ")?.1.trim().parse().ok())
}

fn find(counts: &Counts, case: &str) -> Option<u64> {
    counts.iter().find(|(name, _)| name == case).map(|(_, count)| *count)
}

const fn is_worse(allowed: u64, count: u64) -> bool {
    count > allowed + SLACK && count * 100 > allowed * (100 + PERCENT_MAX)
}

/// The compiler and the counts of a baseline.
fn parse(baseline: &str) -> (String, Counts) {
    let mut compiler = String::new();
    let mut counts = Counts::new();
    for line in baseline.lines().filter(|line| !line.starts_with('#')) {
        let Some((key, value)) = line.split_once(" = ") else { continue };
        match value.parse() {
            Ok(count) => counts.push((key.trim_matches('"').to_owned(), count)),
            Err(_) if key == "compiler" => value.trim_matches('"').clone_into(&mut compiler),
            Err(_) => {}
        }
    }
    (compiler, counts)
}

fn render(compiler: &str, counts: &Counts) -> String {
    let mut text = String::from(
        "# Instructions of one turn of each case in `src/bin/instructions.rs`, written by `cargo xtask instructions --bless`.\n",
    );
    let _ = write!(text, "compiler = \"{compiler}\"\n\n[instructions]\n");
    for (case, count) in counts {
        let _ = writeln!(text, "\"{case}\" = {count}");
    }
    text
}

fn table(before: &Counts, now: &Counts) -> String {
    let mut text = format!("{:<34}{:>12}{:>12}\n", "instructions", "baseline", "now");
    for (case, count) in now {
        let known = find(before, case).map(|count| count.to_string()).unwrap_or_default();
        let _ = writeln!(text, "{case:<34}{known:>12}{count:>12}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Counts, is_worse, parse, render};

    #[test]
    fn a_baseline_reads_back_as_it_was_written() {
        let counts = vec![("b case".to_owned(), 12), ("a".to_owned(), 3_456)];
        let text = render("rustc 1.2.3 (abc 2026-01-01)", &counts);
        assert_eq!(parse(&text), ("rustc 1.2.3 (abc 2026-01-01)".to_owned(), counts));
        assert_eq!(parse(""), (String::new(), Counts::new()));
    }

    #[test]
    fn worse_is_more_than_three_percent_and_three_instructions() {
        assert!(!is_worse(1_000, 1_030));
        assert!(is_worse(1_000, 1_031));
        assert!(!is_worse(10, 13), "a handful is noise");
        assert!(is_worse(10, 14));
        assert!(!is_worse(1_000, 10), "less is welcome");
    }
}
