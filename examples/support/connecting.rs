//! Options of clients: whom they trust, and which way they go.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sansio_ws::blocking::Connector;
use sansio_ws::handshake::Proxy;
use sansio_ws::tls;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(clap::Args)]
pub(crate) struct Connecting {
    /// Trust the authorities in this PEM file only, in place of those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Connect through this proxy: http://[user:password@]host:port
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Show where a redirect leads, and don't follow it.
    #[arg(long)]
    no_redirect: bool,
}

impl Connecting {
    pub(crate) fn connector(&self) -> Result<Connector, Box<dyn Error>> {
        let mut connector = Connector::new();
        if let Some(file) = &self.ca {
            connector = connector.tls(Arc::new(tls::client_config(authorities(file)?)?));
        }
        if let Some(url) = &self.proxy {
            connector = connector.proxy(Proxy::new(url)?);
        }
        Ok(if self.no_redirect { connector.max_redirects(0) } else { connector })
    }
}

fn authorities(file: &Path) -> Result<RootCertStore, Box<dyn Error>> {
    let fault = |error: &dyn Error| format!("{}: {error}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| fault(&error))? {
        let certificate = certificate.map_err(|error| fault(&error))?;
        roots.add(certificate).map_err(|error| fault(&error))?;
    }
    if roots.is_empty() {
        return Err(format!("{}: there is no certificate in it", file.display()).into());
    }
    Ok(roots)
}
