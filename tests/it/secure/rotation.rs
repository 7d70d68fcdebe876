//! The runbook for rotating keys, followed to the letter: its commands are taken from the book and run by a
//! shell, next to a server and to programs that share it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cachekit::cache;
use cachekit::secure::{FileKeySource, Keyring, keyring, set_keyring};
use cachekit_tests::Runs;
use tempfile::TempDir;
use tokio::io::AsyncBufReadExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::service::{Service, child, is_child};

const BOOK: &str = include_str!("../../../docs/src/security/rotation.md");

const PROGRAM: &str = "secure::rotation::program";

/// Calls of each function.
const CALLS: u64 = 20;

static RUNS: Runs = Runs::new();

/// Kept in the process, too.
#[cache::secure(ttl = 3600, namespace = "sensitive-data")]
fn diagnosis(patient: u64) -> String {
    RUNS.add();
    format!("the file of {patient}")
}

/// Looked up in the shared tier at each call.
#[cache::secure(ttl = 3600, namespace = "sensitive-data", l1 = off)]
async fn balance(account: u64) -> Result<i64, String> {
    RUNS.add();
    Ok(-i64::try_from(account).unwrap())
}

/// A program as the book describes it: keys from a file if it is told one, else from the environment; read
/// again on SIGHUP. On `call` it calls everything once, and reports.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn program() {
    if !is_child(PROGRAM) {
        return;
    }
    if let Some(file) = std::env::var_os("ROTATION_KEY_FILE") {
        set_keyring(Keyring::from_source(FileKeySource::new(file)).unwrap());
    }
    cachekit::init().unwrap();
    let mut hangup = signal(SignalKind::hangup()).unwrap();
    let mut orders = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    println!("report ready");
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                let changed = keyring().unwrap().reload().unwrap();
                println!("report reloaded {changed}");
            }
            order = orders.next_line() => {
                if order.unwrap().is_none() {
                    return;
                }
                for number in 0..CALLS {
                    assert_eq!(diagnosis(number), format!("the file of {number}"));
                    assert_eq!(balance(number).await, Ok(-i64::try_from(number).unwrap()));
                }
                let mut all = diagnosis::stats().refused.total() + balance::stats().refused.total();
                all += diagnosis::stats().unsealed + balance::stats().unsealed;
                let hits = keyring().unwrap().previous_hits();
                println!("report ran {} refused {all} previous {hits:?}", RUNS.take());
            }
        }
    }
}

/// The program, running.
struct Program {
    child: Child,
    orders: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it with keys from a file, or with variables.
    fn start(service: &Service, key_file: Option<&Path>, variables: &[(String, String)]) -> Self {
        let mut program = child(PROGRAM);
        service.configure(&mut program, "127.0.0.1");
        for name in ["CACHEKIT_MASTER_KEY", "CACHEKIT_PREVIOUS_MASTER_KEYS"] {
            program.env_remove(name);
        }
        program.envs(key_file.map(|file| ("ROTATION_KEY_FILE", file)));
        program.envs(variables.iter().cloned());
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = child.stdin.take();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut started = Self { child, orders, said };
        assert_eq!(started.report(), "ready");
        started
    }

    fn report(&mut self) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).unwrap();
            assert!(read > 0, "the program ended:\n{seen}");
            // The test runner may have printed something before it on the same line.
            if let Some((_, report)) = line.split_once("report ") {
                return report.trim_end().to_owned();
            }
            seen.push_str(&line);
        }
    }

    /// Has it call everything. What it reports: runs of the functions, refused entries, hits of previous keys.
    fn call(&mut self) -> String {
        self.orders.as_mut().unwrap().write_all(b"call\n").unwrap();
        self.report()
    }

    fn end(mut self) {
        drop(self.orders.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Nothing to do if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An operator at a shell in an empty directory, with the book open.
struct Operator {
    directory: TempDir,
    blocks: std::vec::IntoIter<&'static str>,
}

impl Operator {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let command = directory.path().join("bin/cachekit");
        std::fs::create_dir(command.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_command-under-test"), command).unwrap();
        let blocks: Vec<&str> = BOOK
            .split("```sh\n")
            .skip(1)
            .map(|rest| rest.split_once("```").expect("a block ends").0)
            .collect();
        assert_eq!(blocks.len(), 7, "the test follows the book block by block");
        Self { directory, blocks: blocks.into_iter() }
    }

    /// Types in the next block of the book. What it prints, all of it.
    fn next(&mut self, pid: u32) -> String {
        let block = self.blocks.next().expect("a block");
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-eu", "-c", block])
            .current_dir(self.directory.path())
            .env("PATH", format!("{}:{path}", self.directory.path().join("bin").display()))
            .env("PID", pid.to_string())
            .env_remove("CACHEKIT_MASTER_KEY")
            .env_remove("CACHEKIT_PREVIOUS_MASTER_KEYS")
            .output()
            .unwrap();
        let mut said = String::from_utf8(output.stdout).unwrap();
        said += std::str::from_utf8(&output.stderr).unwrap();
        assert!(output.status.success(), "{block}\n{said}");
        // No key was shown to whoever looks over the operator's shoulder.
        assert!(!said.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() >= 64), "{said}");
        said
    }

    /// The variables of an environment file.
    fn variables(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.directory.path().join("keys.env")).unwrap();
        let pairs = text.lines().map(|line| line.split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

const ALL: u64 = 2 * CALLS;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runbook_works_to_the_letter_and_nothing_is_computed_again() {
    let service = Service::start(&[]).await;
    let service = tokio::task::spawn_blocking(move || {
        follow_with_a_file(&service);
        follow_with_variables(&service);
        service
    });
    service.await.unwrap().running.shutdown().await;
}

fn follow_with_a_file(service: &Service) {
    let mut operator = Operator::new();
    operator.next(0);
    let file = operator.directory.path().join("keys");
    let mut first = Program::start(service, Some(&file), &[]);
    assert_eq!(first.call(), format!("ran {ALL} refused 0 previous []"));

    let said = operator.next(first.child.id());
    assert!(said.contains("To replace the current key, key id "), "{said}");
    assert!(said.contains("good: a new current key"), "{said}");
    operator.next(first.child.id());
    assert_eq!(first.report(), "reloaded true");

    // Another machine, with an empty memory: all entries are the old key's, and are opened and moved.
    let mut second = Program::start(service, Some(&file), &[]);
    assert_eq!(second.call(), format!("ran 0 refused 0 previous [{ALL}]"));
    // That number stands still from now on.
    assert_eq!(second.call(), format!("ran 0 refused 0 previous [{ALL}]"));
    // The first one still has what it sealed with the old key in its memory.
    assert_eq!(first.call(), format!("ran 0 refused 0 previous [{CALLS}]"));
    first.end();

    let said = operator.next(second.child.id());
    assert!(said.contains("good: one previous key is left out"), "{said}");
    assert_eq!(second.report(), "reloaded true");
    assert_eq!(second.call(), "ran 0 refused 0 previous []");
    // With the new key alone, and nothing else: everything was sealed anew.
    let mut third = Program::start(service, Some(&file), &[]);
    assert_eq!(third.call(), "ran 0 refused 0 previous []");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1);
    second.end();
    third.end();
}

fn follow_with_variables(service: &Service) {
    let mut operator = Operator::new();
    // The blocks for files.
    operator.blocks.nth(3).unwrap();
    operator.next(0);
    let run = |operator: &Operator| {
        let mut program = Program::start(service, None, &operator.variables());
        let report = program.call();
        program.end();
        report
    };
    assert_eq!(run(&operator), format!("ran {ALL} refused 0 previous []"));
    operator.next(0);
    assert_eq!(run(&operator), format!("ran 0 refused 0 previous [{ALL}]"));
    assert_eq!(run(&operator), "ran 0 refused 0 previous [0]");
    operator.next(0);
    assert_eq!(run(&operator), "ran 0 refused 0 previous []");
    assert!(operator.blocks.next().is_none());
}
