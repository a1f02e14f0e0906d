//! Certificates of clients: verified by TLS, and then a credential like any other.

use std::sync::Arc;

use portcullis_auth::certificate::Certificate;
use portcullis_time::UnixTime;
use rustls::{
    RootCertStore, ServerConnection,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use webpki::EndEntityCert;

use super::{TlsError, read, sha256, validity};
use crate::config::ClientCertificates;

pub(super) fn verifier(clients: &ClientCertificates) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let file = clients.authorities.display();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read(&clients.authorities)?) {
        let certificate =
            certificate.map_err(|error| TlsError(format!("{file} is no PEM certificate: {error}")))?;
        roots.add(certificate).map_err(|error| TlsError(format!("{file}: {error}")))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if clients.required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| TlsError(format!("{file}: {error}")))
}

/// The certificate of a client, which TLS has verified.
#[derive(Debug)]
pub(crate) struct Peer {
    name: String,
    fingerprint: String,
    not_before: UnixTime,
    not_after: UnixTime,
}

impl Peer {
    /// Of a connection; `None` without a certificate, or when it names nobody.
    pub(crate) fn of(tls: &ServerConnection) -> Option<Self> {
        let der = tls.peer_certificates()?.first()?;
        let certificate = EndEntityCert::try_from(der).ok()?;
        // A URI, such as a SPIFFE ID, or else a DNS name. A subject's common name is for people and names nobody here.
        let uri = certificate.valid_uri_names().next().map(String::from);
        let name = uri.or_else(|| certificate.valid_dns_names().next().map(String::from))?;
        let (not_before, not_after) = validity::of(der)?;
        Some(Self { name, fingerprint: hex(&sha256(der)), not_before, not_after })
    }

    /// What it says as a credential.
    pub(crate) fn certificate(&self) -> Certificate<'_> {
        let Self { name, fingerprint, not_before, not_after } = self;
        Certificate { name, id: Some(fingerprint), not_before: *not_before, not_after: *not_after }
    }
}

fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
