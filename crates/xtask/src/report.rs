//! Runs steps one after the other and says at the end what ran.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

/// What became of a step.
enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

/// All steps so far, with the tests that they counted.
pub(crate) struct Report {
    steps: Vec<(String, Outcome)>,
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Report {
    pub(crate) const fn new() -> Self {
        Self { steps: Vec::new(), passed: 0, failed: 0, skipped: 0 }
    }

    /// Runs `command` with its output shown, and counts the results of tests that it prints.
    pub(crate) fn step(&mut self, name: &str, command: &mut Command) -> bool {
        println!("== {name}");
        let _ = std::io::stdout().flush();
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                println!("{name}: cannot be started: {error}");
                self.fail(name);
                return false;
            }
        };
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                println!("{line}");
                if let Some(counts) = counts(&line) {
                    passed += counts.0;
                    failed += counts.1;
                    skipped += counts.2;
                }
            }
        }
        let success = child.wait().is_ok_and(|status| status.success());
        self.add(name, success, passed, failed, skipped);
        success
    }

    fn add(&mut self, name: &str, success: bool, mut passed: u64, mut failed: u64, skipped: u64) {
        // A step without tests of its own is one test.
        if passed + failed + skipped == 0 {
            passed = u64::from(success);
        }
        if !success && failed == 0 {
            failed = 1;
        }
        self.passed += passed;
        self.failed += failed;
        self.skipped += skipped;
        let outcome = if success { Outcome::Passed } else { Outcome::Failed };
        self.steps.push((format!("{name} ({passed} passed, {failed} failed, {skipped} skipped)"), outcome));
    }

    /// Records a step that ran elsewhere, with the results of tests in what it told.
    pub(crate) fn record(&mut self, name: &str, success: bool, told: &str) {
        let sum = |sum: (u64, u64, u64), add: (u64, u64, u64)| (sum.0 + add.0, sum.1 + add.1, sum.2 + add.2);
        let (passed, failed, skipped) = told.lines().filter_map(counts).fold((0, 0, 0), sum);
        self.add(name, success, passed, failed, skipped);
    }

    /// Records that `name` could not run, loudly.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("== {name}\nSKIPPED: {why}");
        self.skipped += 1;
        self.steps.push((name.to_owned(), Outcome::Skipped(why.to_owned())));
    }

    /// Records that `name` holds, found out without a command.
    pub(crate) fn pass(&mut self, name: &str) {
        self.passed += 1;
        self.steps.push((name.to_owned(), Outcome::Passed));
    }

    pub(crate) fn fail(&mut self, name: &str) {
        self.failed += 1;
        self.steps.push((name.to_owned(), Outcome::Failed));
    }

    /// Prints a line for each step and the sum.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\nwhat ran:");
        for (name, outcome) in &self.steps {
            match outcome {
                Outcome::Passed => println!("  ok      {name}"),
                Outcome::Failed => println!("  FAILED  {name}"),
                Outcome::Skipped(why) => println!("  SKIPPED {name}: {why}"),
            }
        }
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The numbers of a line like `test result: ok. 3 passed; 0 failed; 1 ignored` or `3 passed, 0 failed, 1 skipped`.
fn counts(line: &str) -> Option<(u64, u64, u64)> {
    let line = line.trim();
    let line =
        line.strip_prefix("test result: ").map_or(line, |rest| rest.split_once(". ").map_or(rest, |p| p.1));
    let (mut passed, mut failed, mut skipped) = (None, None, 0);
    for part in line.split([',', ';']) {
        let mut words = part.split_whitespace();
        let Some(Ok(number)) = words.next().map(str::parse) else { return found(passed, failed, skipped) };
        match words.next() {
            Some("passed") => passed = Some(number),
            Some("failed") => failed = Some(number),
            Some("ignored" | "skipped") => skipped = number,
            _ => {}
        }
    }
    found(passed, failed, skipped)
}

fn found(passed: Option<u64>, failed: Option<u64>, skipped: u64) -> Option<(u64, u64, u64)> {
    Some((passed?, failed?, skipped))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn results_are_read_from_cargo_and_from_scripts() {
        let cargo =
            "test result: ok. 28 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 2.21s";
        assert_eq!(counts(cargo), Some((28, 0, 1)));
        assert_eq!(counts("test result: FAILED. 3 passed; 2 failed; 0 ignored"), Some((3, 2, 0)));
        assert_eq!(counts("7 passed, 1 failed, 2 skipped"), Some((7, 1, 2)));
        assert_eq!(counts("running 5 tests"), None);
        assert_eq!(counts("5 passed"), None);
    }
}
