//! A certificate chain with its private key, and how connections under it are secured.

use super::IdentityFault;
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::ServerSessionMemoryCache;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{Error, ServerConfig};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Sessions that clients may resume; the oldest go first. Each takes about 500 bytes.
const MAX_RESUMABLE: usize = 512;

/// Who the server says it is; cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity(pub(super) Arc<ServerConfig>);

impl Identity {
    /// From PEM: the server's own certificate and then those that lead to its authority, and its key (PKCS#8, PKCS#1
    /// or SEC1). Versions and ciphers are rustls's own choice.
    ///
    /// # Errors
    /// One of the two cannot be read, or they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Identity, IdentityFault> {
        let identity = CertifiedKey::new(chain(certificates)?, signing_key(key)?);
        identity.keys_match().map_err(fault)?;
        let versions = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let versions = versions.with_safe_default_protocol_versions().map_err(fault)?;
        let resolver = Arc::new(SingleCertAndKey::from(identity));
        let mut config = versions.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(MAX_RESUMABLE);
        Ok(Identity(Arc::new(config)))
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, IdentityFault> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain =
        chain.map_err(|_| IdentityFault::Certificates("is damaged: its PEM cannot be read".into()))?;
    if chain.is_empty() {
        return Err(IdentityFault::Certificates("holds no certificate (-----BEGIN CERTIFICATE-----)".into()));
    }
    Ok(chain)
}

fn signing_key(pem: &[u8]) -> Result<Arc<dyn SigningKey>, IdentityFault> {
    let der = PrivateKeyDer::from_pem_slice(pem).map_err(|error| IdentityFault::Key(of_key(&error)))?;
    any_supported_type(&Zeroizing::new(der)).map_err(fault)
}

fn of_key(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => {
            "holds no private key that can be used (-----BEGIN PRIVATE KEY-----, without a passphrase)".into()
        }
        _ => "is damaged: its PEM cannot be read".into(),
    }
}

fn fault(error: Error) -> IdentityFault {
    match error {
        Error::InconsistentKeys(_) => IdentityFault::Key("is not the key of this certificate".into()),
        Error::InvalidCertificate(why) => {
            IdentityFault::Certificates(format!("holds no usable certificate: {why:?}"))
        }
        error => IdentityFault::Key(format!("cannot be used: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_may_be_resumed_are_bounded() {
        let certificates = include_bytes!("../../../tests/tls/certificates/one.pem");
        let key = include_bytes!("../../../tests/tls/certificates/one.key");
        let storage = Identity::from_pem(certificates, key).unwrap().0.session_storage.clone();
        let name = |number: usize| number.to_be_bytes().to_vec();
        (0..2 * MAX_RESUMABLE).for_each(|number| assert!(storage.put(name(number), vec![0; 100])));
        let kept: Vec<_> =
            (0..2 * MAX_RESUMABLE).filter(|number| storage.get(&name(*number)).is_some()).collect();
        assert_eq!(kept, (MAX_RESUMABLE..2 * MAX_RESUMABLE).collect::<Vec<_>>(), "the newest");
    }
}
