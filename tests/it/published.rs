//! Published clients of the HTTP API against our server, and the values they exchange with ours.
//!
//! Both clients refuse loopback addresses in URLs, and neither looks at what a name resolves to. The Rust
//! client lets `localhost` pass once custom hosts are allowed. The Python client does not, so its script
//! resolves a name of its own to 127.0.0.1. Both trust the server through `SSL_CERT_FILE`; the Rust client
//! does so because this package turns on the native roots of the HTTP library it uses.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use cachekit_io::SetOptions;
use published::backend::cachekitio::CachekitIO;
use published::backend::{Backend, LockableBackend, TtlInspectable};
use published::error::BackendErrorKind;

use crate::service::{Service, child, is_child};

/// The name in the URL that the Python client gets.
const HOST: &str = "cachekit.test";
const RUST_CHILD: &str = "published::rust_client_in_a_process_of_its_own";

/// Runs a program with the environment of a client, and shows what it said if it fails.
async fn run(service: &Service, mut program: Command, host: &str) {
    service.configure(&mut program, host);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_rust_client_works_with_our_server() {
    let service = Service::start(&["localhost", HOST]).await;
    let ours = service.client();
    let minute = SetOptions::new().ttl(Duration::from_secs(60));
    ours.set("ours:value", Bytes::from_static(b"from us"), &minute).await.unwrap();
    run(&service, child(RUST_CHILD), "localhost").await;
    let theirs = ours.get("rs:for-us").await.unwrap().expect("the other process has stored it");
    assert_eq!(theirs.value(), "from them");
    assert!(theirs.is_fresh());
    service.running.shutdown().await;
}

/// The child of the test above: the client reads `SSL_CERT_FILE`, which only a new process can be given.
#[tokio::test]
async fn rust_client_in_a_process_of_its_own() {
    if !is_child(RUST_CHILD) {
        return;
    }
    let variable = |name: &str| std::env::var(name).unwrap();
    let client = |key: &str| {
        CachekitIO::builder()
            .api_key(key)
            .api_url(variable("CACHEKIT_API_URL"))
            .allow_custom_host(true)
            .build()
            .unwrap()
    };
    let backend = client(&variable("CACHEKIT_API_KEY"));
    assert!(backend.health().await.unwrap().is_healthy);
    assert_eq!(backend.get("ours:value").await.unwrap().as_deref(), Some(&b"from us"[..]));

    assert_eq!(backend.get("rs:value").await.unwrap(), None);
    assert!(!backend.exists("rs:value").await.unwrap());
    let minute = Some(Duration::from_secs(60));
    for size in [0, 1, 100, 16 * 1024, 3 * 1024 * 1024] {
        let value: Vec<u8> = (0..=250).cycle().take(size).collect();
        backend.set("rs:value", value.clone(), minute).await.unwrap();
        let (found, freshness) = backend.get_with_freshness("rs:value").await.unwrap().unwrap();
        assert_eq!(found, value);
        assert!(!freshness.is_stale);
        assert!(freshness.fresh_for.is_some_and(|left| left <= Duration::from_secs(60)));
    }
    assert!(backend.exists("rs:value").await.unwrap());
    let left = backend.ttl("rs:value").await.unwrap().unwrap();
    assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60), "{left:?}");
    assert!(backend.refresh_ttl("rs:value", Duration::from_secs(600)).await.unwrap());
    assert!(backend.ttl("rs:value").await.unwrap().unwrap() > Duration::from_secs(500));
    assert_eq!(backend.ttl("rs:absent").await.unwrap(), None);
    assert!(backend.delete("rs:value").await.unwrap());
    assert!(backend.delete("rs:value").await.unwrap());
    assert_eq!(backend.get("rs:value").await.unwrap(), None);

    let held = backend.acquire_lock("rs:lock", 30_000).await.unwrap().unwrap();
    assert_eq!(backend.acquire_lock("rs:lock", 30_000).await.unwrap(), None);
    // A late or repeated release is answered as one that is done, and frees nothing.
    assert!(backend.release_lock("rs:lock", "of-an-earlier-holder").await.unwrap());
    assert_eq!(backend.acquire_lock("rs:lock", 30_000).await.unwrap(), None);
    assert!(backend.release_lock("rs:lock", &held).await.unwrap());
    assert!(backend.release_lock("rs:lock", &held).await.unwrap());
    assert!(backend.acquire_lock("rs:lock", 30_000).await.unwrap().is_some());

    let kind = |result: Result<(), published::BackendError>| result.unwrap_err().kind;
    let large = vec![0; 26 * 1024 * 1024];
    assert_eq!(kind(backend.set("rs:large", large, minute).await), BackendErrorKind::Permanent);
    let stranger = client("ck_live_somebody_else");
    assert_eq!(
        kind(stranger.set("rs:value", b"x".to_vec(), minute).await),
        BackendErrorKind::Authentication
    );
    backend.set("rs:for-us", b"from them".to_vec(), minute).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_python_client_works_with_our_server() {
    let python = tokio::task::spawn_blocking(virtual_environment).await.unwrap();
    let service = Service::start(&["localhost", HOST]).await;
    let ours = service.client();
    let bytes: Vec<u8> = (0..=255).collect();
    ours.set("rust:value", Bytes::from(bytes.clone()), &SetOptions::new()).await.unwrap();
    let mut program = Command::new(python);
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("published/client.py"));
    run(&service, program, HOST).await;
    let theirs = ours.get("py:for-rust").await.unwrap().expect("the script has stored it");
    let reversed: Vec<u8> = bytes.into_iter().rev().collect();
    assert_eq!(theirs.value(), &reversed);
    service.running.shutdown().await;
}

/// A Python that has the published client. Made once, and kept with the build's other files.
pub(crate) fn virtual_environment() -> PathBuf {
    // Tests that need it run at the same time.
    static MADE: LazyLock<PathBuf> = LazyLock::new(make_virtual_environment);
    MADE.clone()
}

fn make_virtual_environment() -> PathBuf {
    const CLIENT: &str = "cachekit==0.24.1";
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("published-python");
    let python = place.join("bin/python");
    let complete = place.join(CLIENT);
    if complete.exists() {
        return python;
    }
    let run = |program: &Path, arguments: &[&std::ffi::OsStr]| {
        let help = format!(
            "this test needs Python 3.10 or newer with venv and pip, and {CLIENT} from the package index: \
             `apt-get install python3 python3-venv python3-pip`"
        );
        let output = Command::new(program).args(arguments).output().expect(&help);
        assert!(output.status.success(), "{help}\n{}", String::from_utf8_lossy(&output.stderr));
    };
    run(Path::new("python3"), &["-m".as_ref(), "venv".as_ref(), place.as_os_str()]);
    run(&python, &["-m", "pip", "install", "--quiet", CLIENT].map(AsRef::as_ref));
    std::fs::write(complete, "").unwrap();
    python
}
