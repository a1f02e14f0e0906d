//! Revocations that outlive the process: one JSON object a line beside the store, each on the disk before it is answered.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use portcullis_auth::Revocation;
use portcullis_time::UnixTime;
use serde::{Deserialize, Serialize};

/// A revocation as a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Whom {
    User(String),
    Session(String),
    Token(String),
    All(bool),
}

#[derive(Debug, Deserialize, Serialize)]
struct Line {
    #[serde(flatten)]
    whom: Whom,
    before: u64,
}

/// The file.
#[derive(Debug)]
pub(crate) struct RevocationLog {
    file: Mutex<File>,
}

impl RevocationLog {
    /// Reads what was revoked, and goes on behind it. `revoke` is told each.
    pub(crate) fn open(store: &Path, mut revoke: impl FnMut(Revocation<'_>, UnixTime)) -> io::Result<Self> {
        let path = beside(store, ".revoked");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let marks = read(&text)?;
        for (whom, before) in &marks {
            let revocation = match whom {
                Whom::User(user) => Revocation::User(user),
                Whom::Session(session) => Revocation::Session(session),
                Whom::Token(token) => Revocation::Token(token),
                Whom::All(_) => Revocation::All,
            };
            revoke(revocation, UnixTime::from_secs(*before));
        }
        rewrite(&path, &marks)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Keeps a revocation. It is on the disk when this returns.
    pub(crate) fn keep(&self, revocation: Revocation<'_>, before: UnixTime) -> io::Result<()> {
        let whom = match revocation {
            Revocation::User(user) => Whom::User(user.into()),
            Revocation::Session(session) => Whom::Session(session.into()),
            Revocation::Token(token) => Whom::Token(token.into()),
            _ => Whom::All(true),
        };
        // What panicked under this lock wrote a line or a part of one, which the next start leaves out.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line(whom, before.as_secs())?.as_bytes())?;
        file.sync_data()
    }
}

fn line(whom: Whom, before: u64) -> io::Result<String> {
    Ok(serde_json::to_string(&Line { whom, before })? + "\n")
}

fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The latest mark of each. A last line without its end was never answered; any other that cannot be read is damage.
fn read(text: &str) -> io::Result<BTreeMap<Whom, u64>> {
    let mut marks = BTreeMap::new();
    let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
    for line in whole.lines() {
        let Line { whom, before } =
            serde_json::from_str(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let mark = marks.entry(whom).or_insert(before);
        *mark = before.max(*mark);
    }
    Ok(marks)
}

/// Puts each mark once into a new file in place of the old one.
fn rewrite(path: &Path, marks: &BTreeMap<Whom, u64>) -> io::Result<()> {
    let fresh = beside(path, ".new");
    let mut file = File::create(&fresh)?;
    for (whom, before) in marks {
        file.write_all(line(whom.clone(), *before)?.as_bytes())?;
    }
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{Revocation, RevocationLog, UnixTime};

    #[test]
    fn revocations_are_read_back_once_each_and_half_a_line_is_none() {
        let folder = std::env::temp_dir().join(format!("portcullis-revoked-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = folder.join("store");
        let open = || {
            let mut told = Vec::new();
            let log = RevocationLog::open(&store, |revocation, before| {
                told.push(format!("{revocation:?} {}", before.as_secs()));
            });
            log.map(|log| (log, told))
        };
        let (log, told) = open().unwrap();
        assert!(told.is_empty());
        for (revocation, before) in [
            (Revocation::User("alice \"a\"\n"), 5),
            (Revocation::Token("t"), 6),
            (Revocation::User("alice \"a\"\n"), 3),
            (Revocation::All, 7),
        ] {
            log.keep(revocation, UnixTime::from_secs(before)).unwrap();
        }
        let file = folder.join("store.revoked");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}{{\"user\":\"bo")).unwrap();
        let (log, told) = open().unwrap();
        assert_eq!(told, ["User(\"alice \\\"a\\\"\\n\") 5", "Token(\"t\") 6", "All 7"]);
        log.keep(Revocation::Session("s"), UnixTime::from_secs(8)).unwrap();
        assert_eq!(open().unwrap().1.len(), 4);
        std::fs::write(&file, "not a line\n").unwrap();
        assert_eq!(open().map(drop).map_err(|error| error.kind()), Err(std::io::ErrorKind::InvalidData));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
