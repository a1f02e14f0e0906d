//! The server under load: its own process, with a certificate and a signing key made for the run.

use alloc::sync::Arc;
use core::time::Duration;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use portcullis_auth::jwt::{Algorithm, Mint, Signer, SigningKey};
use portcullis_server::clock;
use portcullis_time::Instant;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use crate::Failure;

/// The operator's key of the run.
pub(crate) const KEY: &str = "load-0123456789abcdef0123456789abcdef";

/// A running server.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    pub(crate) address: String,
    pub(crate) admin: String,
    pub(crate) tls: Arc<ClientConfig>,
    signer: Signer,
}

impl Server {
    pub(crate) fn start(program: &Path, workers: usize) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("portcullis-load-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(["localhost".into()])?.self_signed(&key)?;
        let issuer = rcgen::KeyPair::generate()?;
        fs::write(folder.join("certificate.pem"), certificate.pem())?;
        fs::write(folder.join("key.pem"), key.serialize_pem())?;
        fs::write(folder.join("issuer.pem"), issuer.public_key_pem())?;
        let config = folder.join("load.toml");
        fs::write(&config, configuration())?;
        let mut child = Command::new(program)
            .args(["serve", "--workers", &workers.to_string(), "--config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        let (mut address, mut admin) = (String::new(), String::new());
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some(url) = line.strip_prefix("admin http://") {
                admin = url.into();
            } else if let Some(url) = line.strip_prefix("listening wss://") {
                address = url.split('/').next().unwrap_or_default().into();
                break;
            }
        }
        if address.is_empty() {
            return Err("the server did not start".into());
        }
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone())?;
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let signing = SigningKey::private_pem(Algorithm::ES256, issuer.serialize_pem().as_bytes())?;
        let signer = Signer::new(signing, "load", "portcullis");
        Ok(Self { child, folder, address, admin, tls: Arc::new(tls), signer })
    }

    /// A token for each of so many users.
    pub(crate) fn tokens(&self, count: usize, life: Duration) -> Result<Vec<String>, Failure> {
        Ok(self.tokens_with_end(count, life)?.0)
    }

    /// The same, and the moment at which all of them end.
    pub(crate) fn tokens_with_end(
        &self,
        count: usize,
        life: Duration,
    ) -> Result<(Vec<String>, Instant), Failure> {
        let (now, unix) = (clock::now(), clock::unix_time());
        let mint = |number: usize| self.signer.mint(&Mint::new(&format!("user-{number}"), unix, life));
        let tokens = (0..count).map(mint).collect::<Result<Vec<_>, _>>()?;
        // `exp` counts whole seconds.
        let end = portcullis_time::UnixTime::from_secs(unix.saturating_add(life).as_secs());
        Ok((tokens, now + end.saturating_duration_since(unix)))
    }

    /// The CPU time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> =
            stat.rsplit(") ").next().unwrap_or_default().split_ascii_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        // Fields 14 and 15 of proc(5), in hundredths of a second.
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    /// The memory that it has resident, in bytes.
    pub(crate) fn resident_bytes(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<usize>().ok());
        kib.unwrap_or(0) * 1_024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// As in production, but that all clients come from one address.
fn configuration() -> String {
    format!(
        r#"
[[listen]]
address = "127.0.0.1:0"
tls = {{ certificate = "certificate.pem", key = "key.pem" }}
[admin]
address = "127.0.0.1:0"
key = "{KEY}"
[auth]
audience = "portcullis"
[[auth.issuer]]
name = "load"
[[auth.issuer.key]]
algorithm = "ES256"
public_key = "issuer.pem"
[limits]
connections_per_address_max = 100000
upgrade_timeout = "60s"
[log]
level = "error"
"#
    )
}
