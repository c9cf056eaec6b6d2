//! The server's side of a handshake.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig};

/// What a port shows and asks for: TLS 1.2 and 1.3, HTTP/2.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    mutual: bool,
}

impl PartialEq for Acceptor {
    /// They are one and the same.
    fn eq(&self, other: &Acceptor) -> bool {
        Arc::ptr_eq(&self.config, &other.config) && self.mutual == other.mutual
    }
}

/// One of the files that TLS is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The server's certificate.
    Certificate,
    /// Its private key.
    Key,
    /// The CAs of clients.
    ClientCa,
}

impl Part {
    /// The key that it stands under in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Part::Certificate => "certificate",
            Part::Key => "key",
            Part::ClientCa => "client_ca",
        }
    }
}

/// Why no TLS can be made of these files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadFile {
    /// The file that is at fault.
    pub part: Part,
    /// What is wrong with it.
    pub reason: String,
    /// The way out.
    pub help: &'static str,
}

impl Acceptor {
    /// TLS with this certificate chain and key, both PEM. With a `client_ca`, clients must show a certificate of one of these CAs.
    ///
    /// # Errors
    /// A file is not PEM, holds nothing of what it should, or key and certificate are not a pair.
    pub fn new(certificate: &str, key: &str, client_ca: Option<&str>) -> Result<Acceptor, BadFile> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(certificate).map_err(|reason| bad_pem(Part::Certificate, reason))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| bad_pem(Part::Key, said(&error)))?;
        let verifier = client_ca.map(|ca| verifier(ca, &provider)).transpose()?;
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = versions.map_err(|error| bad_chain(&error))?;
        let mutual = verifier.is_some();
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| bad_chain(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Acceptor { config: Arc::new(config), mutual })
    }

    /// Whether clients must show a certificate.
    pub fn is_mutual(&self) -> bool {
        self.mutual
    }

    /// For handshakes.
    pub fn handshakes(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("mutual", &self.mutual).finish_non_exhaustive()
    }
}

/// The certificates in a PEM text, at least one.
fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if found.is_empty() => Err(said(&PemError::NoItemsFound)),
        Ok(found) => Ok(found),
        Err(error) => Err(said(&error)),
    }
}

fn verifier(ca: &str, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, BadFile> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca).map_err(|reason| bad_pem(Part::ClientCa, reason))? {
        roots.add(certificate).map_err(|error| bad_pem(Part::ClientCa, format!("a certificate in it cannot be used: {error}")))?;
    }
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    built.map_err(|error| bad_pem(Part::ClientCa, error.to_string()))
}

fn said(error: &PemError) -> String {
    match error {
        PemError::NoItemsFound => "there is none in the file".to_owned(),
        error => format!("it is not PEM: {error}"),
    }
}

fn bad_pem(part: Part, reason: String) -> BadFile {
    let help = match part {
        Part::Certificate => "it holds `-----BEGIN CERTIFICATE-----`, the server's own first and then those between it and its CA",
        Part::Key => "it holds `-----BEGIN PRIVATE KEY-----`, without a password",
        Part::ClientCa => "it holds `-----BEGIN CERTIFICATE-----` of each CA whose clients are let in",
    };
    BadFile { part, reason, help }
}

fn bad_chain(error: &Error) -> BadFile {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => BadFile {
            part: Part::Key,
            reason: "it is not the key of the certificate".to_owned(),
            help: "write both files anew, from one and the same issue; they are read again when they change",
        },
        Error::InvalidCertificate(_) => bad_pem(Part::Certificate, format!("the first certificate in it cannot be used: {error}")),
        error => bad_pem(Part::Key, format!("it cannot be used: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pair() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_pair_is_taken_with_and_without_a_ca() {
        let (certificate, key) = pair();
        assert!(!Acceptor::new(&certificate, &key, None).unwrap().is_mutual());
        assert!(Acceptor::new(&certificate, &key, Some(&certificate)).unwrap().is_mutual());
    }

    #[test]
    fn what_is_wrong_is_said_of_the_file_that_is() {
        let ((certificate, key), (_, other)) = (pair(), pair());
        let cut = &certificate[..certificate.len() / 2];
        let der = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
        for (certificate, key, ca, part, reason) in [
            ("", key.as_str(), None, Part::Certificate, "there is none"),
            (cut, &key, None, Part::Certificate, "not PEM"),
            (&key, &key, None, Part::Certificate, "there is none"),
            (der, &key, None, Part::Certificate, "cannot be used"),
            (&certificate, "", None, Part::Key, "there is none"),
            (&certificate, &certificate, None, Part::Key, "there is none"),
            (&certificate, &other, None, Part::Key, "not the key of the certificate"),
            (&certificate, &key, Some("ca"), Part::ClientCa, "there is none"),
            (&certificate, &key, Some(der), Part::ClientCa, "cannot be used"),
        ] {
            let bad = Acceptor::new(certificate, key, ca).unwrap_err();
            assert!(bad.part == part && bad.reason.contains(reason), "{reason}: {bad:?}");
        }
    }
}
