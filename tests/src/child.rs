//! Tests in a process of their own.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Tells the child which it is.
const MARK: &str = "CACHEKIT_TESTS_CHILD";

/// Far more than any such test takes; a child that is still there then hangs for good.
const DEADLINE: Duration = Duration::from_secs(60);

/// How a child ended.
#[derive(Debug)]
pub struct Finished {
    /// Whether it passed; `None` if it hung and had to be killed.
    pub passed: Option<bool>,
    /// What it printed.
    pub output: String,
}

/// Whether this process is one that [`run_child`] started.
pub fn is_child() -> bool {
    std::env::var_os(MARK).is_some()
}

/// What would give the process a backend or keys, or turn caching off.
const SETTINGS: [&str; 7] = [
    "CACHEKIT_API_KEY",
    "CACHEKIT_REDIS_URL",
    "CACHEKIT_FILE_CACHE_DIR",
    "REDIS_URL",
    "CACHEKIT_MASTER_KEY",
    "CACHEKIT_PREVIOUS_MASTER_KEYS",
    "CACHEKIT_DISABLE",
];

/// Runs one test of this binary, given by its full name, in a new process. It has no backend and no keys but
/// those of this `environment`.
pub fn run_child(test: &str, environment: &[(&str, &str)]) -> Finished {
    let mut command = Command::new(std::env::current_exe().expect("the test binary"));
    for name in SETTINGS {
        command.env_remove(name);
    }
    let mut child = command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the test binary starts");
    // Each on a thread of its own: a child that fills the one waits for its reader, whatever the other holds.
    let (done, ended) = mpsc::channel();
    let pipes: [Box<dyn Read + Send>; 2] = [
        Box::new(child.stdout.take().expect("piped")),
        Box::new(child.stderr.take().expect("piped")),
    ];
    let readers = pipes.map(|mut pipe| {
        let done = done.clone();
        std::thread::spawn(move || {
            let mut output = String::new();
            // What cannot be read is missing from the report, nothing more.
            let _ = pipe.read_to_string(&mut output);
            let _ = done.send(());
            output
        })
    });
    // Both pipes close when the child ends.
    let until = Instant::now() + DEADLINE;
    let hung = readers
        .iter()
        .any(|_| ended.recv_timeout(until.saturating_duration_since(Instant::now())).is_err());
    if hung {
        child.kill().expect("the child can be killed");
    }
    let status = child.wait().expect("the child ends");
    let output: String = readers
        .into_iter()
        .map(|reader| reader.join().expect("reading the child's output"))
        .collect();
    let ran = output.contains("1 passed") || output.contains("1 failed");
    assert!(hung || ran || !status.success(), "there is no test `{test}`:\n{output}");
    Finished { passed: (!hung).then(|| status.success()), output }
}

/// Runs a test's body in a process of its own, where a hang or an abort harms no other test.
///
/// `test` is the full name of the calling test.
pub fn in_child(test: &str, body: impl FnOnce()) {
    if is_child() {
        return body();
    }
    let finished = run_child(test, &[]);
    match finished.passed {
        Some(true) => {}
        Some(false) => panic!("`{test}` failed in its process:\n{}", finished.output),
        None => panic!("`{test}` hung in its process:\n{}", finished.output),
    }
}
