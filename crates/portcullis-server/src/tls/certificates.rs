//! Which certificate a client gets: the one for the name that it asks for, the listener's own otherwise.

use std::{path::Path, sync::Arc};

use rustls::{
    client::verify_server_name,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{DEV_MARK, TlsError, read};
use crate::config::{NamedCertificate, TlsFiles};

/// The certificates of a listener.
#[derive(Debug)]
pub(super) struct Certificates {
    /// For clients that ask for no name, or for one that is not here.
    own: Arc<CertifiedKey>,
    named: Vec<(Pattern, Arc<CertifiedKey>)>,
}

/// A name, or all names one label below a domain. In lower case.
#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Name(Box<str>),
    Below(Box<str>),
}

impl Pattern {
    fn parse(text: &str) -> Self {
        match text.strip_prefix("*.") {
            Some(domain) => Self::Below(domain.to_ascii_lowercase().into()),
            None => Self::Name(text.to_ascii_lowercase().into()),
        }
    }

    /// `name` is in lower case: rustls makes it so.
    fn means(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => **own == *name,
            Self::Below(domain) => name.split_once('.').is_some_and(|(_, below)| *below == **domain),
        }
    }
}

impl Certificates {
    pub(super) fn of(files: &TlsFiles) -> Result<Self, TlsError> {
        let own = Arc::new(certified(&files.certificate, &files.key)?);
        let mut named = Vec::new();
        for NamedCertificate { names, certificate, key } in &files.named {
            let certified = Arc::new(certified(certificate, key)?);
            if names.is_empty() {
                return Err(TlsError(format!("{}: at least one name is needed", certificate.display())));
            }
            for name in names {
                check_name(&certified, name).map_err(|error| {
                    TlsError(format!("{} is not for `{name}`: {error}", certificate.display()))
                })?;
                let pattern = Pattern::parse(name);
                if named.iter().any(|(other, _)| *other == pattern) {
                    return Err(TlsError(format!("`{name}` has two certificates")));
                }
                named.push((pattern, certified.clone()));
            }
        }
        // A name counts before a domain, wherever it stands.
        named.sort_by_key(|(pattern, _)| matches!(pattern, Pattern::Below(_)));
        Ok(Self { own, named })
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        let found = name.and_then(|name| self.named.iter().find(|(pattern, _)| pattern.means(name)));
        Some(found.map_or(&self.own, |(_, certified)| certified).clone())
    }
}

/// Whether the certificate really is for the name, so that a mix-up shows here and not at the clients.
fn check_name(certified: &CertifiedKey, name: &str) -> Result<(), rustls::Error> {
    let sample =
        name.strip_prefix("*.").map_or_else(|| name.to_owned(), |domain| format!("any-label.{domain}"));
    let server_name =
        ServerName::try_from(sample).map_err(|_| rustls::Error::General("not a DNS name".into()))?;
    verify_server_name(&ParsedCertificate::try_from(certified.end_entity_cert()?)?, &server_name)
}

/// A certificate chain and its private key, from PEM files.
fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
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
    CertifiedKey::from_der(chain, key_der, &aws_lc_rs::default_provider())
        .map_err(|error| TlsError(format!("{} and {}: {error}", certificate.display(), key.display())))
}
