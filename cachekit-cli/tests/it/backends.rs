//! Where the command finds its backend, and how it ends if that is not to be had.

use crate::support::{Files, Run};
use cachekit_server::{
    ApiKey, ApiKeys, DevAuthority, KeyKind, Running, Scope, Server, TenantLimits,
};
use cachekit_test_servers::Node;
use tokio::runtime::Runtime;

/// A new directory for the file backend.
pub(crate) fn directory(files: &Files, name: &str) -> String {
    let path = files.path(name).canonicalize().unwrap_or_else(|_| files.path(name));
    path.to_str().expect("text").to_owned()
}

/// A server of the HTTP API.
pub(crate) struct Service {
    running: Option<Running>,
    runtime: Runtime,
    pub(crate) key: String,
    ca: String,
    port: u16,
}

impl Service {
    pub(crate) fn start(files: &Files) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let authority = DevAuthority::new().expect("an authority");
        let key = ApiKey::generate(KeyKind::Live).expect("random bytes");
        let mut keys = ApiKeys::new();
        let quota = TenantLimits { stored_bytes: Some(64 * 1024), ..TenantLimits::default() };
        keys.add(&key, "tests", &Scope::ALL, quota).expect("a good key");
        let admin = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let server =
            Server::builder().admin(admin).tls(authority.issue(&[]).expect("a certificate"));
        let running = runtime.block_on(server.api_keys(keys).bind()).expect("it starts");
        let ca = files.write("ca.pem", authority.certificate_pem());
        let port = running.local_addr().port();
        Self { running: Some(running), runtime, key: key.expose().to_owned(), ca, port }
    }

    /// The URL of its admin listener.
    pub(crate) fn admin(&self) -> String {
        let running = self.running.as_ref().expect("it runs");
        format!("http://{}", running.admin_addr().expect("there is one"))
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// What a client has to know beside the URL.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CACHEKIT_API_KEY", self.key.clone()),
            ("CACHEKIT_CA_FILE", self.ca.clone()),
            ("CACHEKIT_ALLOW_CUSTOM_HOST", "true".to_owned()),
            ("CACHEKIT_ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
            ("NO_PROXY", "localhost".to_owned()),
        ]
    }

    fn run(&self, arguments: &[&str], input: impl Into<Vec<u8>>) -> crate::support::Ended {
        let mut run = Run::new(arguments).input(input).secret(&self.key);
        for (name, value) in self.settings() {
            run = run.setting(name, &value);
        }
        run.setting("CACHEKIT_API_URL", &self.url()).end()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
    }
}

const COMMANDS: [&[&str]; 6] =
    [&["get", "k"], &["set", "k"], &["delete", "k"], &["exists", "k"], &["ttl", "k"], &["health"]];

#[test]
fn without_a_backend_the_message_says_how_to_name_one() {
    for command in COMMANDS {
        let ended = Run::new(command).end();
        ended.failed(2, "--backend");
        ended.failed(2, "CACHEKIT_FILE_CACHE_DIR");
        let twice = Run::new(command)
            .setting("CACHEKIT_FILE_CACHE_DIR", "/tmp/none")
            .env("CACHEKIT_API_KEY", "ck_live_of-the-operator");
        twice.end().failed(2, "CACHEKIT_API_KEY and CACHEKIT_FILE_CACHE_DIR are set at once");
    }
}

#[test]
fn a_backend_that_cannot_be_named_so_is_refused_without_a_word_of_it() {
    for (url, says) in [
        ("nothing", "https://host"),
        ("ftp://host", "https://host"),
        ("http://host-of-mine", "https:// only"),
        ("file://relative", "three slashes"),
        ("redis://user:s3cret-pass-word@127.0.0.1", "CACHEKIT_REDIS_PASSWORD_FILE"),
        ("rediss://:s3cret-pass-word@127.0.0.1", "does not belong on the command line"),
        ("https://s3cret-pass-word@127.0.0.1", "does not belong on the command line"),
    ] {
        for command in COMMANDS {
            let arguments = [command, &["--backend", url]].concat();
            Run::new(&arguments).secret("s3cret-pass-word").end().failed(2, says);
        }
    }
}

#[test]
fn a_backend_that_is_not_there_is_unavailable() {
    for command in COMMANDS {
        let arguments = [command, &["--backend", "redis://127.0.0.1:1"]].concat();
        let run = Run::new(&arguments).setting("CACHEKIT_TIMEOUT", "2");
        assert_eq!(run.end().code, Some(1), "{command:?}");
    }
}

#[test]
fn what_the_backend_refuses_is_refused() {
    let files = Files::new();
    let service = Service::start(&files);
    // The tenant may store 64 KiB.
    let ended = service.run(&["set", "k"], vec![7; 100 * 1024]);
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    // A key that the API does not take is a mistake in the command line or refused by the service.
    let ended = service.run(&["get", "health"], "");
    assert_eq!(ended.code, Some(2), "{}", ended.said);
    let mut stranger = Run::new(&["get", "k", "--backend", &service.url()]);
    for (name, value) in service.settings() {
        if name != "CACHEKIT_API_KEY" {
            stranger = stranger.setting(name, &value);
        }
    }
    let ended = stranger.env("CACHEKIT_API_KEY", "ck_live_0_of-a-stranger").end();
    assert_eq!(ended.code, Some(3), "{}", ended.said);

    let redis = Node::options().password("xylophon-quiz-kiwi").start();
    let ended = Run::new(&["get", "k", "--backend", &redis.url()]).end();
    assert_eq!(ended.code, Some(3), "{}", ended.said);
}

#[test]
fn writes_obey_the_limits_of_the_environment() {
    let files = Files::new();
    let backend = format!("file://{}", directory(&files, "cache"));
    let run = |limit: &str| {
        Run::new(&["set", "k", "--backend", &backend])
            .setting("CACHEKIT_FILE_MAX_VALUE_MB", limit)
            .input(vec![0; 1_500_000])
            .end()
    };
    assert_eq!(run("1").code, Some(3), "larger than programs keep");
    run("2").succeeded();
}
