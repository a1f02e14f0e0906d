//! The clauses of portcullis-proto on a Cortex-M3 in qemu, beside the same on this machine, and what it costs.

use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};

use crate::elf::{self, Sizes};
use crate::nostd::{Cross, target_folder};
use crate::packages::cargo;
use crate::report::Report;
use crate::setup;

const TARGET: &str = "thumbv7m-none-eabi";
const MANIFEST: &str = "examples/mcu/Cargo.toml";
const QEMU: &str = "qemu-system-arm";
const RAM_START: u32 = 0x2000_0000;
const RAM_LEN: usize = 64 * 1_024;
/// What the start-up code fills the stack with.
const PAINT: [u8; 4] = 0xCCCC_CCCC_u32.to_le_bytes();
/// A line has to come in this time. All clauses take about 15 s.
const PATIENCE: Duration = Duration::from_secs(300);
/// A server for one peer may need this much beyond a program that does nothing: more is a regression.
const FLASH_MAX: usize = 40 * 1_024;
/// The same for RAM, with its buffers: 1 KiB for what gathers, 1 KiB for what is sent back, 256 bytes to send.
const RAM_MAX: usize = 5 * 1_024;

/// What a program told, and what it needed.
struct Run {
    told: String,
    sizes: Sizes,
    stack: usize,
}

pub(crate) fn all(report: &mut Report) {
    let test = ["test", "--quiet", "--lib", "--manifest-path", MANIFEST];
    report.step("examples/mcu", cargo().args(test));
    let Some(host) = on_host(report) else { return };
    if !setup::apt_program(QEMU, QEMU) {
        report.skip("examples/mcu on the board", "there is no qemu-system-arm, and apt cannot bring it");
        return;
    }
    let Some(cross) = Cross::find(TARGET) else {
        report.skip("examples/mcu on the board", "neither rustup nor apt can bring the core library");
        return;
    };
    let mut build = cross.cargo("build", TARGET);
    build.args(["--release", "--bins", "--no-default-features", "--features", "board"]);
    build.args(["--manifest-path", MANIFEST]).env("CARGO_TARGET_DIR", folder());
    // Toolchains of rustup have this linker; where it is missing, the target's own default may be there.
    if let Some(linker) = cross.linker() {
        build.env("CARGO_TARGET_THUMBV7M_NONE_EABI_LINKER", linker);
    }
    if report.step("build of examples/mcu for the board", &mut build) {
        clauses(report, &host);
        cost(report);
    }
}

/// Where the programs are built, apart from those of other targets and compilers.
fn folder() -> PathBuf {
    target_folder().join("mcu")
}

/// Runs every clause on this machine; returns what was told.
fn on_host(report: &mut Report) -> Option<String> {
    let name = "clauses on this machine";
    println!("== {name}");
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "--manifest-path", MANIFEST, "--bin", "host"]);
    command.env("CARGO_TARGET_DIR", folder());
    let output = command.stderr(Stdio::inherit()).output();
    let told = output.as_ref().map_or_else(|_| String::new(), |output| utf8(&output.stdout));
    print!("{told}");
    let success = output.is_ok_and(|output| output.status.success());
    report.record(name, success, &told);
    success.then_some(told)
}

/// Runs every clause on the board: all have to pass, and the traces have to be those of this machine.
fn clauses(report: &mut Report, host: &str) {
    let name = "clauses on a Cortex-M3";
    let Some(run) = on_board(name, "clauses") else {
        report.fail(name);
        return;
    };
    run.print();
    let is_same = hash(&run.told).is_some() && hash(&run.told) == hash(host);
    println!("the traces are {} those of this machine", if is_same { "the same as" } else { "NOT" });
    report.record(name, is_same && run.told.contains("end: good"), &run.told);
}

/// What a server for one peer costs: a program with one, less a program without.
fn cost(report: &mut Report) {
    let name = "flash and RAM of a server for one peer";
    let (Some(echo), Some(nothing)) = (on_board(name, "echo"), on_board(name, "nothing")) else {
        report.fail(name);
        return;
    };
    echo.print();
    let flash = echo.sizes.flash.saturating_sub(nothing.sizes.flash);
    let ram = echo.ram().saturating_sub(nothing.ram());
    println!("beyond a program that does nothing: {flash} bytes of flash (at most {FLASH_MAX})");
    println!("beyond a program that does nothing: {ram} bytes of RAM with its buffers (at most {RAM_MAX})");
    let is_good = echo.told.contains("end: good") && flash <= FLASH_MAX && ram <= RAM_MAX;
    report.record(name, is_good, "");
}

impl Run {
    fn ram(&self) -> usize {
        self.sizes.ram + self.stack
    }

    fn print(&self) {
        let Self { sizes: Sizes { code, constants, flash, ram }, stack, told } = self;
        print!("{told}");
        println!("flash: {flash} bytes, of which code {code}, constants {constants}");
        println!("RAM: {} bytes, of which static {ram}, stack at its deepest {stack}", self.ram());
    }
}

/// Runs a program in qemu until it says `end`, then looks at its memory from outside.
fn on_board(name: &str, program: &str) -> Option<Run> {
    println!("== {name}: {program}");
    let file = folder().join(TARGET).join("release").join(program);
    let sizes = elf::sizes(&fs::read(&file).ok()?)?;
    let dump = folder().join("ram.bin");
    let _ = fs::remove_file(&dump);
    let mut command = Command::new(QEMU);
    command.args(["-machine", "lm3s6965evb", "-cpu", "cortex-m3", "-display", "none", "-serial", "none"]);
    command.args(["-monitor", "stdio", "-semihosting-config", "enable=on,target=native", "-kernel"]);
    command.arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let output = BufReader::new(child.stdout.take()?);
    let (sender, receiver) = mpsc::channel();
    // The pipe has no timeout of its own; the thread ends with it.
    let reader = std::thread::spawn(move || {
        let mut lines = output.lines().map_while(Result::ok);
        while lines.next().is_some_and(|line| sender.send(line).is_ok()) {}
    });
    let mut told = String::new();
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(line) => {
                // The monitor shares the output: it greets and prompts.
                let line = line.trim_start_matches("(qemu) ");
                if !line.starts_with("QEMU ") {
                    told.push_str(line);
                    told.push('\n');
                }
                if line.starts_with("end: ") {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                println!("{program} did not come to its end\n{told}");
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
    let commands = format!("pmemsave {RAM_START:#x} {RAM_LEN} \"{}\"\nquit\n", dump.display());
    child.stdin.take()?.write_all(commands.as_bytes()).ok()?;
    let _ = child.wait();
    drop(receiver);
    let _ = reader.join();
    let stack = deepest(&dump, sizes.ram)?;
    Some(Run { told, sizes, stack })
}

/// How deep the stack has been: below that the paint is still there, above the static variables.
fn deepest(dump: &Path, ram: usize) -> Option<usize> {
    let memory = fs::read(dump).ok()?;
    let above = memory.get(ram.next_multiple_of(PAINT.len())..)?;
    let painted = above.chunks_exact(PAINT.len()).take_while(|&word| word == PAINT).count();
    Some(above.len() - painted * PAINT.len()).filter(|_| painted > 0)
}

fn hash(told: &str) -> Option<&str> {
    told.lines().find(|line| line.starts_with("hash of all traces: "))
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
