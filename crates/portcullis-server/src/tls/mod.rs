//! TLS 1.3 and 1.2 through rustls and aws-lc.

mod certificates;
mod clients;
mod validity;

use core::fmt;
use std::{fs, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::PrivateKeyDer,
    server::{ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};

use crate::config::TlsFiles;
use certificates::Certificates;
pub(crate) use clients::Peer;

/// Stands in the subject of development certificates, which `serve` refuses.
const DEV_MARK: &str = "portcullis development";

/// A certificate or a key that cannot be used, as one line.
#[derive(Debug)]
#[non_exhaustive]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for TlsError {}

/// From the files of a listener.
pub(crate) fn from_files(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let clients = match &files.clients {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(clients) => clients::verifier(clients)?,
    };
    let certificates = Arc::new(Certificates::of(files)?);
    server_config(clients, certificates).map_err(|error| TlsError(error.to_string()))
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| TlsError(format!("cannot read {}: {error}", file.display())))
}

fn server_config(
    clients: Arc<dyn ClientCertVerifier>,
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(certificates);
    // RFC 6455 is an upgrade of HTTP/1.1 and nothing else.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // All suites are good, and processors without AES are rare: what is checked is that the server chooses at all.
    config.ignore_client_order = true;
    // Clients resume with what they hold; the server keeps nothing for them. The keys change every six hours, and with
    // each reload, so that nobody resumes what a new configuration would refuse.
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}

/// A certificate for this run alone.
pub(crate) struct DevCertificate {
    pub(crate) config: Arc<ServerConfig>,
    /// The SHA-256 of its public key in base64, by which a browser can be told to trust it.
    pub(crate) spki_hash: String,
}

/// Makes a self-signed certificate for the loopback names.
pub(crate) fn development() -> Result<DevCertificate, TlsError> {
    let failed = |error: &dyn fmt::Display| TlsError(format!("cannot make a certificate: {error}"));
    let key = rcgen::KeyPair::generate().map_err(|error| failed(&error))?;
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let mut params = rcgen::CertificateParams::new(names).map_err(|error| failed(&error))?;
    params.distinguished_name.push(rcgen::DnType::CommonName, DEV_MARK);
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| failed(&error))?;
    let provider = aws_lc_rs::default_provider();
    let certified = CertifiedKey::from_der(vec![certificate.der().clone()], private, &provider)
        .map_err(|error| failed(&error))?;
    let certificates = Arc::new(SingleCertAndKey::from(certified));
    let config = server_config(WebPkiClientVerifier::no_client_auth(), certificates)
        .map_err(|error| failed(&error))?;
    let hash = sha256(&rcgen::PublicKeyData::subject_public_key_info(&key));
    Ok(DevCertificate { config, spki_hash: base64(&hash) })
}

/// SHA-256, through the hash that TLS brings along.
fn sha256(bytes: &[u8]) -> Vec<u8> {
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = suite.tls13().map(|suite| suite.common.hash_provider.hash(bytes));
    hash.map_or_else(Vec::new, |hash| hash.as_ref().to_vec())
}

/// The SHA-256 of a public key, as it stands in its certificate.
pub(crate) fn spki_hash(key: &[u8]) -> [u8; 32] {
    sha256(key).try_into().unwrap_or_default()
}

/// Base64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64::encode_string(bytes)
}
