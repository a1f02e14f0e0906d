//! Whom `connect` trusts: the system's authorities, those of a file, or one key alone.

use std::{fs, path::Path, sync::Arc};

use base64ct::{Base64, Encoding as _};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};

use crate::cli::Failure;

/// A configuration that trusts `ca`, or `pin`, or what the system trusts.
pub(super) fn config(ca: Option<&Path>, pin: Option<&str>) -> Result<Arc<ClientConfig>, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Runtime(error.to_string()))?;
    if let Some(pin) = pin {
        let hash = Base64::decode_vec(pin).ok().and_then(|bytes| bytes.try_into().ok());
        let hash: [u8; 32] =
            hash.ok_or_else(|| Failure::Usage("--pin takes a SHA-256 in base64, 44 characters".into()))?;
        let verifier = Arc::new(Pinned { hash, provider });
        return Ok(Arc::new(
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth(),
        ));
    }
    let roots = match ca {
        Some(file) => from_file(file)?,
        None => of_system()?,
    };
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn from_file(file: &Path) -> Result<RootCertStore, Failure> {
    let unusable = |error: &dyn core::fmt::Display| Failure::Usage(format!("{}: {error}", file.display()));
    let bytes = fs::read(file).map_err(|error| unusable(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() { Err(unusable(&"no certificate in it")) } else { Ok(roots) }
}

fn of_system() -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(Failure::Runtime("the system has no certificate authorities; give --ca or --pin".into()));
    }
    Ok(roots)
}

/// Trusts whoever holds one key, by the SHA-256 of its public half, whatever else the certificate says.
#[derive(Debug)]
struct Pinned {
    hash: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unfit = || rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        let certificate = webpki::EndEntityCert::try_from(end_entity).map_err(|_| unfit())?;
        let key = certificate.subject_public_key_info();
        // Both are public, so that a plain comparison tells nobody anything.
        if crate::tls::spki_hash(key.as_ref()) == self.hash {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(unfit())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
