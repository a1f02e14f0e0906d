//! The server: a process that is started, killed and started again on the same port and the same store.

use alloc::sync::Arc;
use core::time::Duration;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
};

use portcullis_auth::jwt::{Algorithm, Mint, Signer, SigningKey};
use portcullis_client::Url;
use portcullis_server::clock;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::Failure;

const SECRET: &str = "soak-0123456789abcdef0123456789abcdef";
/// Tokens outlive the run.
const TOKEN_LIFE: Duration = Duration::from_secs(86_400);

pub(crate) struct Server {
    program: PathBuf,
    folder: PathBuf,
    pub(crate) url: Url,
    pub(crate) url_text: String,
    child: Option<Child>,
    signer: Arc<Signer>,
}

impl Server {
    /// A folder with a configuration, and a port that is free. Nothing runs yet.
    pub(crate) fn prepare(program: &Path, durability: &str, spread: Duration) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("portcullis-soak-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        fs::write(folder.join("soak.toml"), configuration(port, durability, spread))?;
        let url_text = format!("ws://127.0.0.1:{port}/ws");
        let signing =
            SigningKey::hmac(Algorithm::HS256, SECRET.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self {
            program: program.into(),
            folder,
            url: Url::parse(&url_text)?,
            url_text,
            child: None,
            signer: Arc::new(Signer::new(signing, "soak", "portcullis")),
        })
    }

    /// Starts it, and waits until it listens.
    pub(crate) async fn start(&mut self) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--workers", "2", "--config"]).arg(self.folder.join("soak.toml"));
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            if line.starts_with("listening ") {
                self.child = Some(child);
                return Ok(());
            }
        }
        Err(format!("the server ended before it listened: {:?}", child.wait().await?).into())
    }

    /// `kill -9`, and its end.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        let mut child = self.child.take().ok_or("no server runs")?;
        Ok(child.kill().await?)
    }

    /// SIGTERM.
    pub(crate) async fn terminate(&self) -> Result<(), Failure> {
        let id = self.child.as_ref().and_then(Child::id).ok_or("no server runs")?;
        let status = Command::new("kill").args(["-s", "TERM", &id.to_string()]).status().await?;
        if status.success() { Ok(()) } else { Err("kill failed".into()) }
    }

    /// Its end: whether that was a success.
    pub(crate) async fn wait(&mut self) -> Result<bool, Failure> {
        let mut child = self.child.take().ok_or("no server runs")?;
        Ok(child.wait().await?.success())
    }

    pub(crate) fn token(&self, user: &str) -> Result<String, Failure> {
        let token = self.signer.mint(&Mint::new(user, clock::unix_time(), TOKEN_LIFE));
        Ok(token.map_err(|error| error.to_string())?)
    }

    /// How large the store has become, in bytes.
    pub(crate) fn store_len(&self) -> u64 {
        fs::metadata(self.folder.join("sessions.redb")).map_or(0, |file| file.len())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// As in production, but that all clients come from one address without TLS.
fn configuration(port: u16, durability: &str, spread: Duration) -> String {
    let store = match durability {
        "memory" => String::new(),
        other => format!("[store]\npath = \"sessions.redb\"\ndurability = \"{other}\"\n"),
    };
    let (spread, deadline) = (spread.as_secs(), spread.as_secs() + 20);
    format!(
        r#"
[[listen]]
address = "127.0.0.1:{port}"
tls = "terminated-upstream"
[auth]
audience = "portcullis"
[[auth.issuer]]
name = "soak"
[[auth.issuer.key]]
algorithm = "HS256"
secret = "{SECRET}"
[limits]
connections_per_address_max = 100000
{store}[drain]
spread = "{spread}s"
deadline = "{deadline}s"
[log]
level = "error"
"#
    )
}
