//! A certificate authority for development: generated at start-up, and trusted by no other client.

use crate::tls::{Identity, TlsError};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The names every development certificate is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why a development certificate cannot be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevError {
    /// The generator refused something, for example a name.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    /// The result cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A certificate authority that lives as long as this value.
///
/// # Example
///
/// ```
/// use cachekit_server::DevAuthority;
///
/// let authority = DevAuthority::new()?;
/// let identity = authority.issue(&["cache.test".to_owned()])?;
/// assert!(authority.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// # let _ = identity;
/// # Ok::<(), cachekit_server::DevError>(())
/// ```
pub struct DevAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl DevAuthority {
    /// A new authority with a new key.
    ///
    /// # Errors
    ///
    /// [`DevError::Generate`] if the system has no random bytes.
    pub fn new() -> Result<Self, DevError> {
        let key = KeyPair::generate()?;
        let certificate = authority_params()?.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(authority_params()?, key), certificate })
    }

    /// The authority with the certificate and the key that [`certificate_pem`](Self::certificate_pem)
    /// and [`key_pem`](Self::key_pem) returned.
    ///
    /// # Errors
    ///
    /// [`DevError::Generate`] for text that is not a key.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, DevError> {
        let issuer = Issuer::new(authority_params()?, KeyPair::from_pem(key)?);
        Ok(Self { issuer, certificate: certificate.to_owned() })
    }

    /// The certificate that clients must trust, as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// The private key, as PEM: any program that has it can make certificates that those clients trust.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Issues a certificate for `localhost`, `127.0.0.1`, `::1` and these names or addresses.
    ///
    /// # Errors
    ///
    /// [`DevError::Generate`] for a name that no certificate can have.
    pub fn issue(&self, names: &[String]) -> Result<Identity, DevError> {
        let all: Vec<String> =
            NAMES.into_iter().map(str::to_owned).chain(names.iter().cloned()).collect();
        let mut params = CertificateParams::new(all)?;
        params.distinguished_name.push(DnType::CommonName, "cachekit-server development");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        let chain = format!("{}{}", leaf.pem(), self.certificate);
        Ok(Identity::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes())?)
    }
}

/// The same for every authority: only the key differs.
fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "cachekit-server development CA");
    // It signs leaf certificates only.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}
