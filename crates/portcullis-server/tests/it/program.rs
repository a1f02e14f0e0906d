//! The program as a process, and a folder of its own for what it reads.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A configuration that needs no other file.
pub(crate) const MINIMAL: &str = r#"
[[listen]]
address = "127.0.0.1:0"
tls = "terminated-upstream"
[admin]
address = "127.0.0.1:0"
[auth]
audience = "portcullis"
[[auth.issuer]]
name = "issuer"
[[auth.issuer.key]]
algorithm = "HS256"
secret = "0123456789abcdef0123456789abcdef"
[auth.sign]
algorithm = "HS256"
issuer = "issuer"
secret = "0123456789abcdef0123456789abcdef"
"#;

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("portcullis-it-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A file in it; its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().into()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program with backtraces wanted, so that a panic would show.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(args).env("RUST_BACKTRACE", "1").stdin(Stdio::null());
    command
}

/// Runs a command that ends by itself.
pub(crate) fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// Says one line on stderr that holds `words`, nothing on stdout, and exits with `code`.
#[track_caller]
pub(crate) fn refuses(args: &[&str], code: i32, words: &[&str]) {
    let output = run(args);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
    assert!(error.starts_with("portcullis: "), "{args:?}: {error}");
    for word in words {
        assert!(error.contains(word), "{args:?} does not say `{word}`: {error}");
    }
    assert!(!error.contains("panicked") && !error.contains(SECRET), "{args:?}: {error}");
    assert!(output.stdout.is_empty(), "{args:?}");
}

/// A server that has said where it listens.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) admin: Option<String>,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Server {
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, url: String::new(), admin: None, stdout };
        while server.url.is_empty() {
            let line = server.line();
            assert!(!line.is_empty(), "{args:?} ended: {:?}", server.child.wait());
            if let Some(address) = line.strip_prefix("admin http://") {
                server.admin = Some(address.trim().into());
            } else if let Some(url) = line.strip_prefix("listening ") {
                server.url = url.trim().into();
            }
        }
        server
    }

    pub(crate) fn address(&self) -> &str {
        self.url.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap()
    }

    /// The next line on stdout.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Sends this process, and no other, a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// The time of processors that it has used, in hundredths of a second.
    pub(crate) fn processor_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // Behind the name in parentheses: the state, then the numbers; user time and system time are the 14th and 15th.
        let (_, numbers) = stat.rsplit_once(')').unwrap();
        numbers.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// What it holds of memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits for its end; its status and what it said on stderr.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One plain HTTP request; the whole answer.
pub(crate) fn get(address: &str, path: &str) -> String {
    request(address, "GET", path, "", "")
}

/// One request with further fields and a body; the whole answer.
pub(crate) fn request(address: &str, method: &str, path: &str, fields: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let len = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len}\r\n{fields}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
