//! Certificates made for one test.

use cachekit_server::Identity;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// Whom a certificate is for, and when it is valid.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaf {
    /// For `localhost` and `127.0.0.1`.
    Good,
    /// For another name.
    OtherName,
    /// Its time is over.
    Expired,
}

/// A certificate authority that only this test trusts.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate chain and its key, both as PEM.
    pub(crate) fn issue_pem(&self, leaf: Leaf) -> (String, String) {
        let names = match leaf {
            Leaf::OtherName => vec!["elsewhere.test".to_owned()],
            Leaf::Good | Leaf::Expired => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        };
        let mut params = CertificateParams::new(names).expect("parameters");
        if let Leaf::Expired = leaf {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2001, 12, 31);
        }
        let key = KeyPair::generate().expect("a key");
        let chain = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        (chain, key.serialize_pem())
    }

    pub(crate) fn issue(&self, leaf: Leaf) -> Identity {
        let (chain, key) = self.issue_pem(leaf);
        Identity::from_pem(chain.as_bytes(), key.as_bytes()).expect("an identity")
    }
}
