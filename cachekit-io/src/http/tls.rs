//! The TLS configuration: whom to trust, and which protocols to offer.

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// Where trust comes from besides certificates that were given explicitly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Mozilla's list, compiled in.
    Bundled,
    /// What the operating system trusts.
    Native,
}

/// One configuration for all connections of a client: TLS sessions are resumed between them.
pub(super) fn configure(roots: Roots, extra_pem: &[Vec<u8>]) -> Result<Arc<ClientConfig>, String> {
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
    // Named here, not taken from the process: another library's choice of provider is not ours.
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no usable TLS version: {error}"))?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
