//! Where both sides store.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cachekit::SharedBackend;
use cachekit::backend::cachekitio::CachekitIO;
use cachekit::backend::file::FileBackend as TheirDirectory;
use cachekit::backend::redis::RedisBackend;
use cachekit_io::{CachekitIo, FileBackend, Redis};
use cachekit_server::{ApiKey, ApiKeys, DevAuthority, KeyKind, Scope, Server, TenantLimits};
use cachekit_test_servers::Node;
use tokio::runtime::Runtime;

use crate::{CASES, Place, exchange};

const CHILD: &str = "places::in_a_process_of_its_own";
/// Gives the child what its clients need.
const SETTINGS: [&str; 4] = ["SDK_MACRO_URL", "SDK_MACRO_KEY", "SDK_MACRO_CA", "SSL_CERT_FILE"];

#[test]
fn through_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache");
    let theirs: SharedBackend =
        Arc::new(TheirDirectory::builder().cache_dir(path.clone()).build().unwrap());
    let ours = Arc::new(FileBackend::builder().directory(path).build().unwrap());
    let place = Place { through: "a directory", theirs, ours };
    exchange(&Runtime::new().unwrap(), &place);
}

#[test]
fn through_redis() {
    let node = Node::start();
    let runtime = Runtime::new().unwrap();
    let theirs = runtime.block_on(async {
        let backend = RedisBackend::builder().url(node.url()).build().unwrap();
        // What it returns only says when the connection ends.
        drop(backend.connect().await.unwrap());
        backend
    });
    let ours = Arc::new(Redis::builder().url(node.url()).build().unwrap());
    exchange(&runtime, &Place { through: "Redis", theirs: Arc::new(theirs), ours });
}

/// Their client trusts the server by `SSL_CERT_FILE`: only a new process can be given that.
#[test]
fn through_our_server() {
    let runtime = Runtime::new().unwrap();
    let authority = DevAuthority::new().unwrap();
    let identity = authority.issue(&["localhost".to_owned()]).unwrap();
    let key = ApiKey::generate(KeyKind::Live).unwrap();
    let mut keys = ApiKeys::new();
    keys.add(&key, "tests", &Scope::ALL, TenantLimits::default()).unwrap();
    let server = Server::builder().listen("127.0.0.1:0".parse().unwrap());
    let server = server.tls(identity).api_keys(keys);
    let running = runtime.block_on(server.bind()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, authority.certificate_pem()).unwrap();

    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", CHILD, "--nocapture"]);
    for proxy in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env_remove(proxy);
    }
    let url = format!("https://localhost:{}", running.local_addr().port());
    let [url_name, key_name, ca_name, trust_name] = SETTINGS;
    child.env(url_name, url).env(key_name, key.expose()).env(ca_name, &ca).env(trust_name, &ca);
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let is_done = said.contains(&done());
    assert!(output.status.success() && is_done, "{said}\n{errors}");
    eprint!("{errors}");
    runtime.block_on(running.shutdown());
}

fn done() -> String {
    format!("exchanged {CASES} calls")
}

/// The child of the test above.
#[test]
fn in_a_process_of_its_own() {
    let [url, key, ca, _] = SETTINGS.map(|name| std::env::var(name).ok());
    let (Some(url), Some(key), Some(ca)) = (url, key, ca) else { return };
    let theirs = CachekitIO::builder().api_key(&key).api_url(&url).allow_custom_host(true);
    let ours = CachekitIo::builder()
        .api_key(&key)
        .api_url(&url)
        .allow_custom_host(true)
        .allow_private_addresses(true)
        .ca_pem(std::fs::read_to_string(ca).unwrap())
        .proxy(false)
        .timeout(Duration::from_secs(30));
    let place = Place {
        through: "our server",
        theirs: Arc::new(theirs.build().unwrap()),
        ours: Arc::new(ours.build().unwrap()),
    };
    exchange(&Runtime::new().unwrap(), &place);
    println!("{}", done());
}
