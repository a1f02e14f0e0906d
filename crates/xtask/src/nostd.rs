//! The building blocks on compilers for machines without an operating system.
//!
//! A build for the host can hide what such a machine lacks: `std` is always there, and so is every atomic.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::packages::{self, cargo};
use crate::report::Report;
use crate::{root, setup};

/// With hardware floats; without compare-and-swap; of another family.
const TARGETS: &[&str] = &["thumbv7em-none-eabihf", "thumbv6m-none-eabi", "riscv32imac-unknown-none-elf"];

/// Features that must not need an operating system. A crate is built without features, and with each of these it has.
const FEATURES: &[&str] = &["alloc", "heapless", "deflate"];

/// The packages of Debian that make a compiler together.
const DEBIAN: &[&str] =
    &["rustc-web", "libstd-rust-web-1.96", "libstd-rust-web-dev", "rust-web-src", "libllvm22"];

/// Builds each crate that says `#![no_std]` for each target.
pub(crate) fn all(report: &mut Report) {
    for &target in TARGETS {
        let Some(cross) = Cross::find(target) else {
            report.skip(target, "no compiler: neither rustup nor apt can bring its core library");
            continue;
        };
        for (name, features) in wanted() {
            let label = format!("{name} [{features}] for {target}, {}", cross.how());
            let mut command = cross.cargo("build", target);
            command.args(["--release", "--lib", "--package", &name, "--no-default-features"]);
            command.args(["--features", &features]);
            report.step(&label, &mut command);
        }
    }
}

/// Each crate that says `#![no_std]`, with each set of features that it has to build with.
fn wanted() -> Vec<(String, String)> {
    let mut wanted = Vec::new();
    for package in packages::all() {
        let folder = root().join("crates").join(&package.name);
        let library = fs::read_to_string(folder.join("src/lib.rs")).unwrap_or_default();
        if !library.lines().any(|line| line == "#![no_std]") {
            continue;
        }
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        wanted.push((package.name.clone(), String::new()));
        let has = |feature: &&&str| manifest.lines().any(|line| line.starts_with(&format!("{feature} = [")));
        wanted.extend(FEATURES.iter().filter(has).map(|&feature| (package.name.clone(), feature.to_owned())));
    }
    wanted
}

/// A way to build for a target.
pub(crate) enum Cross {
    /// The toolchain that runs this has the target's core library, built.
    Installed,
    /// It has the sources of the core library.
    Sources,
    /// A compiler of Debian with the sources, unpacked into this folder.
    Debian(PathBuf),
}

impl Cross {
    /// The first way that works, installing what can be installed.
    pub(crate) fn find(target: &str) -> Option<Self> {
        let library = sysroot()?.join("lib/rustlib");
        let rustup = |arguments: &[&str]| {
            let mut command = Command::new("rustup");
            let silent = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
            silent.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        // `NOSTD=sources` and `NOSTD=debian` try the other ways where the first one works.
        let asked = std::env::var("NOSTD").unwrap_or_default();
        let built = library.join(target).join("lib");
        if asked.is_empty() && (built.exists() || (rustup(&["target", "add", target]) && built.exists())) {
            return Some(Self::Installed);
        }
        let sources = library.join("src/rust/library/Cargo.lock");
        if asked != "debian"
            && (sources.exists() || (rustup(&["component", "add", "rust-src"]) && sources.exists()))
        {
            return Some(Self::Sources);
        }
        debian().map(Self::Debian)
    }

    fn how(&self) -> &'static str {
        match self {
            Self::Installed => "its core library built already",
            Self::Sources => "-Zbuild-std",
            Self::Debian(_) => "-Zbuild-std, the compiler of Debian",
        }
    }

    /// A call of cargo for `target`.
    pub(crate) fn cargo(&self, subcommand: &str, target: &str) -> Command {
        let mut command = cargo();
        command.args([subcommand, "--quiet", "--target", target]);
        if !matches!(self, Self::Installed) {
            // The switch is not stable; the same compiler has it behind this.
            command.arg("-Zbuild-std=core,alloc").env("RUSTC_BOOTSTRAP", "1");
        }
        if let Self::Debian(folder) = self {
            command.env("RUSTC", folder.join("usr/bin/rustc"));
            command.env("LD_LIBRARY_PATH", folder.join("usr/lib/x86_64-linux-gnu"));
            // Another compiler: its artefacts must not displace those of this one.
            command.env("CARGO_TARGET_DIR", target_folder().join("debian-rust/target"));
        }
        command
    }

    /// The linker of the toolchain that runs this, for a compiler that comes without one.
    pub(crate) fn linker(&self) -> Option<PathBuf> {
        if !matches!(self, Self::Debian(_)) {
            return None;
        }
        let hosts = fs::read_dir(sysroot()?.join("lib/rustlib")).ok()?.filter_map(Result::ok);
        hosts.map(|host| host.path().join("bin/rust-lld")).find(|linker| linker.exists())
    }
}

/// Where the toolchain that runs this keeps its libraries.
fn sysroot() -> Option<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).current_dir(root()).output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// A compiler of Debian below the target folder: downloaded and unpacked there, nothing is installed.
fn debian() -> Option<PathBuf> {
    let unpacked = target_folder().join("debian-rust/root");
    if unpacked.join("usr/bin/rustc").exists() {
        return Some(unpacked);
    }
    if !setup::has("apt-get", "--version") || !setup::has("dpkg", "--version") {
        return None;
    }
    let packages = target_folder().join("debian-rust/deb");
    fs::create_dir_all(&packages).ok()?;
    println!("-- apt-get download {}", DEBIAN.join(" "));
    let download = || {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "download"]).args(DEBIAN).current_dir(&packages);
        command.status().is_ok_and(|status| status.success())
    };
    if !download() {
        // The lists of packages may be missing or old.
        let _ = Command::new("apt-get").args(["-qq", "update"]).status();
        if !download() {
            return None;
        }
    }
    for package in fs::read_dir(&packages).ok()?.filter_map(Result::ok) {
        let status = Command::new("dpkg").arg("-x").arg(package.path()).arg(&unpacked).status().ok()?;
        if !status.success() {
            return None;
        }
    }
    Some(unpacked).filter(|folder| folder.join("usr/bin/rustc").exists())
}
