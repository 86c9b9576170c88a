//! Whom clients trust.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sansio_ws::tls;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// TLS that trusts the authorities in a PEM file only.
pub(crate) fn tls_of(file: &Path) -> Result<Arc<rustls::ClientConfig>, Box<dyn Error>> {
    let fault = |error: &dyn Error| format!("{}: {error}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| fault(&error))? {
        let certificate = certificate.map_err(|error| fault(&error))?;
        roots.add(certificate).map_err(|error| fault(&error))?;
    }
    if roots.is_empty() {
        return Err(format!("{}: there is no certificate in it", file.display()).into());
    }
    Ok(Arc::new(tls::client_config(roots)?))
}
