//! Locks that several processes want. The other processes run this test binary again.

use super::local::{Local, PATIENCE};
use cachekit_io::CachekitIo;
use cachekit_tests::{block_on, is_child, run_child};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROCESSES: usize = 2;
const CONTENDERS: usize = 4;
const TURNS: usize = 3;
const LEASE: Duration = Duration::from_secs(60);

/// A server, and what other processes need to find it and each other.
struct Meeting {
    server: Local,
    directory: TempDir,
}

impl Meeting {
    fn new() -> Self {
        let server = Local::start();
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("ca.pem"), &server.authority.pem).expect("written");
        fs::write(directory.path().join("count"), "0").expect("written");
        Self { server, directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CACHEKIT_API_URL", self.server.url()),
            ("CACHEKIT_API_KEY", self.server.key.clone()),
            ("CACHEKIT_CA_FILE", self.path("ca.pem")),
            ("CACHEKIT_ALLOW_CUSTOM_HOST", "1".to_owned()),
            ("CACHEKIT_ALLOW_PRIVATE_ADDRESSES", "1".to_owned()),
            ("CACHEKIT_TIMEOUT", "30".to_owned()),
            ("NO_PROXY", "localhost".to_owned()),
            ("CACHEKIT_TESTS_MEETING", self.path("")),
        ]
    }
}

/// In a worker: the client that the environment describes, and the directory.
fn arrive() -> (CachekitIo, PathBuf) {
    let directory = std::env::var_os("CACHEKIT_TESTS_MEETING").expect("a worker");
    (CachekitIo::from_env().expect("a client"), directory.into())
}

/// What must not be done by two at once: it notices if it is.
fn alone(directory: &Path) {
    let mark = directory.join("mark");
    File::create_new(&mark).expect("nobody else is here");
    let count = directory.join("count");
    let before: usize =
        fs::read_to_string(&count).expect("read").parse().expect("nobody writes meanwhile");
    fs::write(&count, (before + 1).to_string()).expect("written");
    fs::remove_file(&mark).expect("it is ours");
}

#[test]
fn one_holder_at_any_time_among_processes() {
    const TEST: &str = "http::locks::one_holder_at_any_time_among_processes";
    if is_child() {
        let (client, directory) = arrive();
        std::thread::scope(|scope| {
            for _ in 0..CONTENDERS {
                scope.spawn(|| {
                    for _ in 0..TURNS {
                        let deadline = Instant::now() + PATIENCE;
                        let lock = block_on(client.acquire_lock_wait("k", LEASE, deadline));
                        let lock = lock.expect("an answer").expect("everybody gets a turn");
                        alone(&directory);
                        assert!(block_on(lock.release()).expect("an answer"), "it was held");
                    }
                });
            }
        });
        return;
    }
    let meeting = Meeting::new();
    let environment = meeting.environment();
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..PROCESSES).map(|_| scope.spawn(|| run_child(TEST, &environment))).collect();
        for worker in workers {
            let finished = worker.join().expect("no panic");
            assert_eq!(finished.passed, Some(true), "{}", finished.output);
        }
    });
    let count = fs::read_to_string(meeting.path("count")).expect("read");
    assert_eq!(count, (PROCESSES * CONTENDERS * TURNS).to_string());
}

#[test]
fn the_lock_of_a_killed_process_ends_with_its_lease() {
    const TEST: &str = "http::locks::the_lock_of_a_killed_process_ends_with_its_lease";
    const HELD: &str = "it is held";
    if is_child() {
        let (client, _) = arrive();
        let lock = block_on(client.acquire_lock("k", LEASE)).expect("an answer");
        let _lock = lock.expect("it is free");
        println!("{HELD}");
        loop {
            std::thread::park();
        }
    }
    let meeting = Meeting::new();
    let client = meeting.server.client();
    let mut worker = Command::new(std::env::current_exe().expect("the test binary"))
        .args([TEST, "--exact", "--nocapture"])
        .env("CACHEKIT_TESTS_CHILD", "1")
        .envs(meeting.environment())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let output = BufReader::new(worker.stdout.take().expect("piped"));
    let held = output.lines().any(|line| line.expect("text").contains(HELD));
    let take = || block_on(client.acquire_lock("k", LEASE)).expect("an answer");
    let while_alive = take().is_some();
    worker.kill().expect("it can be killed");
    worker.wait().expect("it ends");
    assert!(held && !while_alive);
    let moment = Duration::from_millis(1);
    meeting.server.hands.advance(LEASE.saturating_sub(moment));
    assert!(take().is_none(), "the lease outlives its holder");
    meeting.server.hands.advance(moment);
    let lock = take().expect("the lease is over");
    assert!(block_on(lock.release()).expect("an answer"));
}

#[test]
fn a_dropped_guard_frees_the_lock() {
    let server = Local::start();
    let (client, other) = (server.client(), server.client());
    let lock = block_on(client.acquire_lock("k", LEASE)).expect("an answer").expect("free");
    assert!(block_on(other.acquire_lock("k", LEASE)).expect("an answer").is_none());
    drop(lock);
    // The clock of the server stands still: it does not end by itself.
    let deadline = Instant::now() + PATIENCE;
    let lock = block_on(other.acquire_lock_wait("k", LEASE, deadline)).expect("an answer");
    let lock = lock.expect("the drop released it");
    assert!(block_on(lock.release()).expect("an answer"));
    assert_eq!(server.metric("cachekit_server_locks_held"), 0);
}

#[test]
fn a_guard_that_is_overtaken_says_so() {
    let server = Local::start();
    let client = server.client();
    let lock = block_on(client.acquire_lock("k", LEASE)).expect("an answer").expect("free");
    server.hands.advance(LEASE);
    let next = block_on(client.acquire_lock("k", LEASE)).expect("an answer").expect("free again");
    assert_ne!(lock.id(), next.id());
    let options = cachekit_io::SetOptions::new().lock(lock.token());
    let late = block_on(client.set("k", "late".into(), &options)).expect_err("overtaken");
    assert!(late.is_superseded(), "{late:?}");
    assert!(!block_on(lock.release()).expect("an answer"), "not ours any more");
    let options = cachekit_io::SetOptions::new().lock(next.token());
    block_on(client.set("k", "ours".into(), &options)).expect("the holder writes");
    assert!(block_on(next.release()).expect("an answer"), "and still held it");
}
