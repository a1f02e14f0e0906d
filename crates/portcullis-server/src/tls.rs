//! TLS 1.3 and 1.2 through rustls and aws-lc.

use core::fmt;
use std::{fs, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

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

/// From a certificate chain and a private key in PEM files.
pub(crate) fn from_files(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let read = |file: &Path| {
        fs::read(file).map_err(|error| TlsError(format!("cannot read {}: {error}", file.display())))
    };
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError(format!("{} is no PEM certificate: {error}", certificate.display())))?;
    if chain.is_empty() {
        return Err(TlsError(format!("{} holds no PEM certificate", certificate.display())));
    }
    if chain.iter().any(|der| der.as_ref().windows(DEV_MARK.len()).any(|part| part == DEV_MARK.as_bytes())) {
        return Err(TlsError(format!("{} is a development certificate", certificate.display())));
    }
    let key_der = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|error| TlsError(format!("{} is no PEM private key: {error}", key.display())))?;
    server_config(chain, key_der)
        .map_err(|error| TlsError(format!("{} and {}: {error}", certificate.display(), key.display())))
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // RFC 6455 is an upgrade of HTTP/1.1 and nothing else.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
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
    let config = server_config(vec![certificate.der().clone()], private).map_err(|error| failed(&error))?;
    let hash = aws_lc_rs_digest(&rcgen::PublicKeyData::subject_public_key_info(&key));
    Ok(DevCertificate { config, spki_hash: hash })
}

/// SHA-256 in base64, through the hash that TLS brings along.
fn aws_lc_rs_digest(bytes: &[u8]) -> String {
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = suite.tls13().map(|suite| suite.common.hash_provider.hash(bytes));
    hash.map_or_else(String::new, |hash| base64(hash.as_ref()))
}

/// Base64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64::encode_string(bytes)
}
