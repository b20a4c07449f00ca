//! The system's trusted certificates, read at the first TLS handshake: most servers are on this machine and speak plain HTTP, and
//! reading a usual store takes about 15 ms of every start.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// Returns a configuration that trusts what the system trusts. All of a process share one reading of the system's store.
///
/// # Errors
/// The provider of cryptography supports none of the protocol's versions.
pub(super) fn trust() -> Result<ClientConfig, Error> {
    static SYSTEM: LazyLock<Arc<System>> = LazyLock::new(|| {
        Arc::new(System {
            provider: Arc::new(aws_lc_rs::default_provider()),
            verifier: OnceLock::new(),
        })
    });
    let system = Arc::clone(&SYSTEM);
    Ok(
        ClientConfig::builder_with_provider(Arc::clone(&system.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(system)
            .with_no_client_auth(),
    )
}

/// The system's verifier of certificates, made when it is first used.
struct System {
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Verifier>,
}

impl System {
    /// # Errors
    /// The system's certificates cannot be read.
    fn verifier(&self) -> Result<&Verifier, Error> {
        if let Some(known) = self.verifier.get() {
            return Ok(known);
        }
        // A failure is not stored: the next handshake tries again.
        let read = Verifier::new(Arc::clone(&self.provider))?;
        Ok(self.verifier.get_or_init(|| read))
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for System {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verifier()?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_until_a_certificate_is_verified_and_then_a_made_up_one_is_refused() {
        let system = System {
            provider: Arc::new(aws_lc_rs::default_provider()),
            verifier: OnceLock::new(),
        };
        assert!(!system.supported_verify_schemes().is_empty());
        assert!(system.verifier.get().is_none());
        let name = ServerName::try_from("localhost").expect("a name");
        let made_up = CertificateDer::from(vec![1, 2, 3]);
        let verified = system.verify_server_cert(&made_up, &[], &name, &[], UnixTime::now());
        assert!(verified.is_err());
        assert!(system.verifier.get().is_some());
    }
}
