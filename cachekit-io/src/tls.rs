//! The TLS configuration: which certificates to trust, and which protocols to offer.

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// The source of trust, besides certificates that were given explicitly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Mozilla's list, compiled in.
    Bundled,
    /// What the operating system trusts.
    Native,
}

/// A client's own certificate, with its chain and its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From PEM. The error says which of the two is wrong, and shows neither.
    #[cfg(feature = "redis")]
    pub(crate) fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, &'static str> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|_| "the client certificate is not valid PEM")?;
        if chain.is_empty() {
            return Err("the file of the client certificate holds none in PEM form");
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| "the key of the client certificate is not valid PEM")?;
        Ok(Self { chain, key })
    }
}

/// One configuration for all connections of a client: TLS sessions are resumed between them.
///
/// The caller sets the protocols (ALPN).
pub(crate) fn configure(
    roots: Roots,
    extra_pem: &[Vec<u8>],
    identity: Option<Identity>,
) -> Result<ClientConfig, String> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::Bundled => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Roots::Native => {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = store.add_parsable_certificates(found.certs);
            if added == 0 {
                return Err("the operating system has no usable root certificates".to_owned());
            }
        }
    }
    for pem in extra_pem {
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate
                .map_err(|_| "the CA file (CACHEKIT_CA_FILE) is not valid PEM".to_owned())?;
            store.add(certificate).map_err(|error| {
                format!("a certificate of the CA file (CACHEKIT_CA_FILE) is unusable: {error}")
            })?;
            added += 1;
        }
        if added == 0 {
            return Err(
                "the CA file (CACHEKIT_CA_FILE) holds no certificate in PEM form".to_owned()
            );
        }
    }
    // Set here, not taken from the process: another library may have chosen another provider.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no usable TLS version: {error}"))?
        .with_root_certificates(store);
    match identity {
        None => Ok(config.with_no_client_auth()),
        Some(Identity { chain, key }) => config
            .with_client_auth_cert(chain, key)
            .map_err(|_| "the client certificate and its key do not go together".to_owned()),
    }
}
