//! Our server, as a deployment of one's own: a certificate authority, an API key, an empty store.

use std::path::PathBuf;
use std::process::Command;

use cachekit_io::CachekitIo;
use cachekit_server::{
    ApiKey, ApiKeys, DevAuthority, KeyKind, Running, Scope, Server, TenantLimits,
};

use crate::http::local::client_of;

pub(crate) struct Service {
    pub(crate) running: Running,
    key: String,
    ca_pem: String,
    ca: PathBuf,
    _dir: tempfile::TempDir,
}

impl Service {
    /// Starts one whose certificate is for these names, and for 127.0.0.1.
    pub(crate) async fn start(names: &[&str]) -> Self {
        let authority = DevAuthority::new().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let identity = authority.issue(&names).unwrap();
        let key = ApiKey::generate(KeyKind::Live).unwrap();
        let mut keys = ApiKeys::new();
        keys.add(&key, "tests", &Scope::ALL, TenantLimits::default()).unwrap();
        let server = Server::builder().listen("127.0.0.1:0".parse().unwrap());
        let running = server.tls(identity).api_keys(keys).bind().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        let ca_pem = authority.certificate_pem().to_owned();
        std::fs::write(&ca, &ca_pem).unwrap();
        Self { running, key: key.expose().to_owned(), ca_pem, ca, _dir: dir }
    }

    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.running.local_addr().port())
    }

    /// Our client for it.
    pub(crate) fn client(&self) -> CachekitIo {
        client_of(&self.url("127.0.0.1"), &self.key, &self.ca_pem).build().unwrap()
    }

    /// Gives a program the environment of a client: of ours, and of the published ones.
    pub(crate) fn configure(&self, program: &mut Command, host: &str) {
        program
            .env("CACHEKIT_API_KEY", &self.key)
            .env("CACHEKIT_API_URL", self.url(host))
            .env("CACHEKIT_ALLOW_CUSTOM_HOST", "true")
            .env("CACHEKIT_ALLOW_PRIVATE_ADDRESSES", "true")
            .env("CACHEKIT_CA_FILE", &self.ca)
            .env("CACHEKIT_TEST_HOST", host)
            .env("SSL_CERT_FILE", &self.ca);
        for proxy in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            program.env_remove(proxy);
        }
    }
}

/// This test binary again, to run one test with an environment of its own.
pub(crate) fn child(test: &str) -> Command {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", test, "--nocapture"]).env("CACHEKIT_TEST_CHILD", test);
    program
}

/// Whether this process is the child that was started for this test.
pub(crate) fn is_child(test: &str) -> bool {
    std::env::var("CACHEKIT_TEST_CHILD").as_deref() == Ok(test)
}
