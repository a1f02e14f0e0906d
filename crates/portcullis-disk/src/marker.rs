//! A small file beside the store that says who writes it: it is there while a run lasts, and goes when that ends in order.
//!
//! It is what tells a failure of the process, after which the store is as it was written, from one of the machine, after
//! which a store that nobody waited for may be anything.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::store::Durability;

/// The marker of a run.
#[derive(Debug)]
pub(crate) struct Marker(PathBuf);

impl Marker {
    /// Whether the run before, which did not end in order, left a store that cannot be trusted: it provided for its own
    /// failure alone, and the machine has started again since.
    pub(crate) fn is_untrusted(store: &Path) -> io::Result<bool> {
        let said = match fs::read_to_string(beside(store)) {
            Ok(said) => said,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let (durability, boot) = said.trim_end().split_once(' ').unwrap_or((said.trim_end(), ""));
        // Where the machine does not say when it started, nothing is taken for granted.
        Ok(durability != "machine" && (boot.is_empty() || boot != self::boot()))
    }

    /// Says that a run begins. It is on the disk before anything of the run is.
    pub(crate) fn set(store: &Path, durability: Durability) -> io::Result<Self> {
        let path = beside(store);
        let word = match durability {
            Durability::Process => "process",
            Durability::Machine => "machine",
        };
        let mut file = File::create(&path)?;
        writeln!(file, "{word} {}", boot())?;
        file.sync_all()?;
        sync_folder(&path)?;
        Ok(Self(path))
    }

    /// Says that the run ended in order.
    pub(crate) fn clear(self) -> io::Result<()> {
        fs::remove_file(&self.0)?;
        sync_folder(&self.0)
    }
}

fn beside(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".run");
    name.into()
}

/// What the kernel calls this start of the machine; empty where it says nothing.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// A name is on the disk once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
