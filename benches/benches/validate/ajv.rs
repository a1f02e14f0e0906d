//! ajv in a Node process that is told what to run, and tells how long it took.

use core::time::Duration;
use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A running Node with the compiled schemas.
pub(crate) struct Ajv {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Ajv {
    /// `None`, and a word on why, where there is no Node or npm.
    pub(crate) fn start(schemas: &[&str], messages: &[&str]) -> Option<Self> {
        let modules = install()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ajv.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .env("BENCH_MODULES", format!("{}/", modules.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (input, output) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        let mut ajv = Self { child, input, output };
        let cases = serde_json::json!({ "schemas": schemas, "messages": messages });
        let ready = ajv.ask(&cases.to_string());
        assert_eq!(ready, "ready", "ajv refuses a message");
        Some(ajv)
    }

    /// How long so many turns of a case took.
    pub(crate) fn run(&mut self, case: usize, iterations: u64) -> Duration {
        let answer = self.ask(&format!("[{case},{iterations}]"));
        Duration::from_nanos(answer.parse().unwrap())
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim().into()
    }
}

impl Drop for Ajv {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder whose `node_modules` hold ajv, installed there when they do not.
fn install() -> Option<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    let folder = target.join("bench-node");
    if !folder.join("node_modules/ajv").exists() {
        fs::create_dir_all(&folder).ok()?;
        fs::write(folder.join("package.json"), "{\"private\":true}").ok()?;
        let installed = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--silent", "ajv@8"])
            .current_dir(&folder)
            .status();
        if !installed.is_ok_and(|status| status.success()) {
            eprintln!("ajv is left out: npm cannot install it");
            return None;
        }
    }
    folder.canonicalize().ok()
}
