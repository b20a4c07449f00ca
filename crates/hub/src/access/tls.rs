//! The hub's certificate: a person's own from two files, else one of a certificate authority that the hub makes for
//! itself.

mod self_made;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self};

use super::hosts::HostName;
use super::outside::addresses;
use crate::clock::Clock;
use crate::datadir::DataDir;
use self_made::SelfMade;

/// The certificate that the hub presents. It is exchanged while the hub runs: connections that are open go on.
pub struct Certificates {
    source: Source,
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
    /// Held while the certificate is exchanged.
    refreshing: Mutex<()>,
}

/// The origin of the certificate.
#[derive(Debug)]
enum Source {
    /// PEM files of a person.
    Files { certificate: PathBuf, key: PathBuf },
    /// Made by the hub.
    SelfMade(SelfMade),
}

#[derive(Clone)]
struct Current {
    key: Arc<CertifiedKey>,
    facts: CertificateFacts,
}

/// What people are shown of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of the certificate, as browsers show it.
    pub fingerprint: String,
    /// The authority that the hub made for itself; absent for a person's own certificate.
    pub authority: Option<Authority>,
}

/// A certificate authority of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// SHA-256 of its certificate.
    pub fingerprint: String,
    /// Its certificate, for devices that are to trust it.
    pub certificate: String,
}

/// The reason why there is no certificate. Every message names the next step.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no certificate or key.
    #[error("{path} cannot be used for TLS: {reason}. Check `--tls-cert` and `--tls-key`")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The hub cannot make or keep a certificate.
    #[error(
        "the hub cannot make its own certificate: {0}. Give it one with `--tls-cert` and `--tls-key`"
    )]
    SelfMade(String),
}

impl Certificates {
    /// A person's own certificate with its chain, and its key, from PEM files. Blocks on the disk.
    ///
    /// # Errors A file cannot be read, or the key is not the certificate's.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let source = Source::Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        Self::new(source)
    }

    /// A certificate of the hub's own authority, for these names and the addresses of a listener. Both are kept in the
    /// data directory. Blocks on the disk.
    ///
    /// # Errors The files cannot be written.
    pub fn self_made(
        dir: &DataDir,
        clock: Clock,
        names: Arc<[HostName]>,
        listen: std::net::IpAddr,
    ) -> Result<Self, TlsError> {
        let file = dir.file(self_made::FILE);
        let wanted = Box::new(move || {
            let addresses = addresses(listen).into_iter().map(HostName::Address);
            let all: BTreeSet<HostName> = names.iter().cloned().chain(addresses).collect();
            all
        });
        Self::new(Source::SelfMade(SelfMade::new(file, clock, wanted)))
    }

    fn new(source: Source) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = source.load(&provider)?;
        Ok(Self {
            source,
            provider,
            current: RwLock::new(current),
            refreshing: Mutex::default(),
        })
    }

    /// What people are shown.
    pub fn facts(&self) -> CertificateFacts {
        self.current().facts
    }

    /// Takes changed files, or makes a new certificate before the old one expires or where the addresses changed. True if
    /// the certificate is another one now. Blocks on the disk.
    ///
    /// # Errors As for the constructors; the old certificate is used on.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        let _turn = self
            .refreshing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let new = self.source.load(&self.provider)?;
        let changed = new.facts != self.facts();
        if changed {
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(changed)
    }

    /// The configuration of the hub's side of TLS: versions 1.2 and 1.3, HTTP/1.1 alone.
    ///
    /// # Errors The cryptographic library offers neither version.
    pub fn server(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::SelfMade(error.to_string()))?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn current(&self) -> Current {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("source", &self.source)
            .field("facts", &self.facts())
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().key)
    }
}

impl Source {
    fn load(&self, provider: &CryptoProvider) -> Result<Current, TlsError> {
        match self {
            Self::Files { certificate, key } => from_files(certificate, key, provider),
            Self::SelfMade(own) => {
                let made = own.current().map_err(TlsError::SelfMade)?;
                let broken = |error: &dyn fmt::Display| TlsError::SelfMade(error.to_string());
                let chain = chain(made.chain.as_bytes()).map_err(|error| broken(&error))?;
                let authority = chain.get(1).map(fingerprint).unwrap_or_default();
                let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes());
                let key = key.map_err(|error| broken(&error))?;
                let key = certified(chain, key, provider).map_err(|error| broken(&error))?;
                let facts = CertificateFacts {
                    fingerprint: key.cert.first().map(fingerprint).unwrap_or_default(),
                    authority: Some(Authority {
                        fingerprint: authority,
                        certificate: made.authority,
                    }),
                };
                Ok(Current { key, facts })
            }
        }
    }
}

fn from_files(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Current, TlsError> {
    let failed = |path: &Path, reason: String| TlsError::File {
        path: path.to_owned(),
        reason,
    };
    let read = |path: &Path| {
        let bytes = std::fs::read(path);
        bytes.map_err(|error| failed(path, error.to_string()))
    };
    let chain =
        chain(&read(certificate)?).map_err(|error| failed(certificate, error.to_string()))?;
    if chain.is_empty() {
        let reason = "it has no certificate in PEM form".to_owned();
        return Err(failed(certificate, reason));
    }
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?)
        // The error of the parser could quote the file.
        .map_err(|_| failed(key, "it has no private key in PEM form".to_owned()))?;
    let certified =
        certified(chain, secret, provider).map_err(|error| failed(key, error.to_string()))?;
    let facts = CertificateFacts {
        fingerprint: certified.cert.first().map(fingerprint).unwrap_or_default(),
        authority: None,
    };
    Ok(Current {
        key: certified,
        facts,
    })
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, rustls::Error> {
    CertifiedKey::from_der(chain, key, provider).map(Arc::new)
}

/// SHA-256 of a certificate, as browsers show it.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate.as_ref());
    let pairs: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[cfg(test)]
#[path = "tls/tests.rs"]
mod tests;
