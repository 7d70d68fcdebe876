//! Certificates for servers that speak TLS.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// An authority of its own and a certificate for `127.0.0.1` and `localhost` by it, as files.
#[derive(Debug)]
pub struct Certificates {
    folder: PathBuf,
    /// Of a group of servers.
    _temporary: Option<TempDir>,
}

impl Certificates {
    /// Makes an authority and a certificate in this folder; replaces what is there.
    pub fn create(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), _temporary: None }.make()
    }

    /// Makes them in a folder of their own, for a group of servers.
    pub(crate) fn of_group() -> Arc<Self> {
        let folder = tempfile::Builder::new().prefix("ck-").tempdir().expect("a folder");
        let made = Self { folder: folder.path().to_owned(), _temporary: Some(folder) };
        Arc::new(made.make())
    }

    fn make(self) -> Self {
        let key = KeyPair::generate().expect("a key for the authority");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        let authority = params.self_signed(&key).expect("a certificate for the authority");
        let issuer = Issuer::new(params, key);

        let key = KeyPair::generate().expect("a key for the server");
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let params = CertificateParams::new(names).expect("names for a certificate");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate for the server");

        write(&self.ca_file(), &authority.pem());
        write(&self.certificate_file(), &certificate.pem());
        write(&self.key_file(), &key.serialize_pem());
        self
    }

    /// The authority's certificate, for clients to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The server's certificate.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    /// The server's private key.
    pub fn key_file(&self) -> PathBuf {
        self.folder.join("server.key")
    }
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).expect("a file for a certificate");
}
