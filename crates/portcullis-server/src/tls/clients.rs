//! Certificates of clients: verified by TLS, and then a credential like any other.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConnection,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use webpki::EndEntityCert;

use super::{TlsError, read};
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

/// The name of the client whose certificate TLS has verified: its first URI, such as a SPIFFE ID, or else its first DNS
/// name. A subject's common name is for people and names nobody here.
pub(crate) fn peer_name(tls: &ServerConnection) -> Option<String> {
    let certificate = EndEntityCert::try_from(tls.peer_certificates()?.first()?).ok()?;
    let uri = certificate.valid_uri_names().next().map(String::from);
    uri.or_else(|| certificate.valid_dns_names().next().map(String::from))
}
