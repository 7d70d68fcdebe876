//! What a forked child can do with backends: those that need threads or connections of its parent fail at once, and
//! what is built in the child works.

use super::Background;
use crate::alarm::Alarm;
use crate::blocking::Blocking;
use crate::{
    Backend, BackendError, BackendErrorKind, CachekitIo, FileBackend, MemoryBackend, Redis,
    SetOptions, timed,
};
use bytes::Bytes;
use cachekit_test_servers::Node;
use pollster::block_on;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

/// Tells a process of the test where its Redis is.
const SERVER: &str = "CACHEKIT_TEST_FORKS_REDIS";
const DIRECTORY: &str = "CACHEKIT_TEST_FORKS_DIRECTORY";
/// Far more than all of it takes: what takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);
const VALUE: Bytes = Bytes::from_static(b"v");

/// What is built before the fork.
struct Built {
    redis: Redis,
    cluster: Redis,
    sentinel: Redis,
    http: CachekitIo,
    file: FileBackend,
    background: Background,
}

impl Built {
    fn new(server: &str) -> Self {
        let redis = |url: &str| Redis::builder().url(url).build().unwrap();
        let http = CachekitIo::builder().api_key("ck_test_key").api_url("https://127.0.0.1:9");
        let http = http.allow_custom_host(true).allow_private_addresses(true);
        let file = FileBackend::builder().directory(std::env::var(DIRECTORY).unwrap());
        Self {
            redis: redis(server),
            cluster: redis(&server.replace("redis://", "redis-cluster://")),
            sentinel: redis("redis-sentinel://127.0.0.1:9/group"),
            http: http.build().unwrap(),
            file: file.build().unwrap(),
            background: Background::start().unwrap(),
        }
    }
}

fn works(backend: &dyn Backend) {
    block_on(backend.set("k", VALUE, &SetOptions::new())).unwrap();
    assert_eq!(block_on(backend.get("k")).unwrap().unwrap().value(), &VALUE);
}

fn fails_clearly<T>(result: Result<T, BackendError>) {
    let Err(error) = result else { panic!("it used connections of its parent") };
    assert_eq!(error.kind(), BackendErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains("fork"), "{error}");
}

fn in_the_child(built: Built, mut alarm: Alarm, server: &str) {
    let began = Instant::now();
    // Nothing rings here for what was set before the fork.
    let at = Instant::now() + HANGS;
    assert!(alarm.poll(at, &mut Context::from_waker(Waker::noop())).is_ready());
    assert!(built.background.spawn(async {}).is_none(), "it was spawned in the parent's runtime");
    let Built { redis, cluster, sentinel, http, file, .. } = built;
    for backend in [&redis as &dyn Backend, &cluster, &sentinel, &http] {
        fails_clearly(block_on(backend.get("k")));
        fails_clearly(block_on(backend.set("k", VALUE, &SetOptions::new())));
        fails_clearly(block_on(backend.delete("k")));
        fails_clearly(block_on(backend.health()));
        if let Some(batch) = backend.batch() {
            block_on(batch.get_many(&["k", "l"])).into_iter().for_each(fails_clearly);
            block_on(batch.delete_many(&["k", "l"])).into_iter().for_each(fails_clearly);
        }
        if let Some(locks) = backend.locks() {
            fails_clearly(block_on(locks.try_acquire("k", HANGS)));
        }
    }
    fails_clearly(Blocking::new(redis.clone()).get("k"));
    assert!(began.elapsed() < redis.timeout(), "the errors came at deadlines");
    drop((redis, cluster, sentinel, http));

    works(&file);
    block_on(timed::sleep(Instant::now() + Duration::from_millis(1)));
    Blocking::new(MemoryBackend::new()).set("k", VALUE, &SetOptions::new()).unwrap();
    let built = Redis::builder().url(server).build().unwrap();
    works(&built);
    assert_eq!(Blocking::new(built).get("k").unwrap().unwrap().value(), &VALUE);
}

/// The process that forks: it has used all of them, so all threads run.
fn fork_with(server: &str) {
    let built = Built::new(server);
    works(&built.redis);
    works(&built.file);
    let blocking = Blocking::new(MemoryBackend::new());
    blocking.set("k", VALUE, &SetOptions::new()).unwrap();
    block_on(timed::sleep(Instant::now() + Duration::from_millis(1)));
    let mut alarm = Alarm::default();
    let at = Instant::now() + HANGS;
    assert!(alarm.poll(at, &mut Context::from_waker(Waker::noop())).is_pending());
    match fork::fork().unwrap() {
        fork::Fork::Child => {
            let outcome = catch_unwind(AssertUnwindSafe(|| in_the_child(built, alarm, server)));
            // Not back into the test harness, which would report a test twice.
            std::process::exit(i32::from(outcome.is_err()));
        }
        fork::Fork::Parent(child) => {
            let status = fork::waitpid(child).unwrap();
            assert_eq!(status, 0, "the child failed");
            // Its connections are its own all the time.
            works(&built.redis);
            works(&built.file);
        }
    }
}

#[test]
fn a_forked_child_neither_hangs_nor_shares_connections() {
    if let Ok(server) = std::env::var(SERVER) {
        return fork_with(&server);
    }
    let node = Node::start();
    let directory = tempfile::tempdir().unwrap();
    let name = "runtime::tests::a_forked_child_neither_hangs_nor_shares_connections";
    let mut process = Command::new(std::env::current_exe().unwrap());
    // With one test thread the harness runs the test on the main thread.
    process.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    process.env(SERVER, node.url()).env(DIRECTORY, directory.path().join("cache"));
    let mut process = process.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = process.stderr.take().unwrap();
    let (ended, ends) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        // Ends with the last of the two processes.
        let _ = errors.read_to_string(&mut text);
        let _ = ended.send(text);
    });
    let text = ends.recv_timeout(HANGS);
    if text.is_err() {
        process.kill().unwrap();
    }
    let status = process.wait().unwrap();
    assert!(status.success(), "{}", text.unwrap_or_else(|_| "it hangs".to_owned()));
}
