//! The server's program in a process of its own, to be killed and started again.

use super::local::client_of;
use cachekit_io::CachekitIo;
use cachekit_io::http::CachekitIoBuilder;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use tempfile::TempDir;

/// Where entries live, in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    Disk,
}

/// A `cachekit-server --dev` with a directory, a port and a key that outlive its processes.
pub(crate) struct Program {
    directory: TempDir,
    options: Vec<String>,
    log_level: &'static str,
    port: u16,
    child: Option<Child>,
    /// What a client needs, as the program printed it.
    pub(crate) environment: HashMap<String, String>,
}

impl Program {
    pub(crate) fn start(store: Store) -> Self {
        Self::logging(store, "info")
    }

    /// With this level of its log.
    pub(crate) fn logging(store: Store, log_level: &'static str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = match store {
            Store::Memory => "memory".to_owned(),
            Store::Disk => format!("disk:{}", directory.path().join("store").display()),
        };
        Self::started(directory, vec!["--store".to_owned(), store], log_level)
    }

    /// With these options.
    pub(crate) fn with(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self::started(directory, options.iter().map(ToString::to_string).collect(), "info")
    }

    fn started(directory: TempDir, options: Vec<String>, log_level: &'static str) -> Self {
        let (port, environment) = (free_port(), HashMap::new());
        let mut program = Self { directory, options, log_level, port, child: None, environment };
        program.start_again();
        program
    }

    /// Starts the next process, and returns when it answers.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let path = |name: &str| self.directory.path().join(name);
        let mut log = OpenOptions::new();
        let log = log.create(true).append(true).open(path("log")).expect("a log file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_server-under-test"))
            .arg("--dev")
            .arg("--dev-dir")
            .arg(path("dev"))
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .args(&self.options)
            .env("RUST_LOG", self.log_level)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let output = child.stdout.take().expect("piped");
        // It prints them once it listens, and an empty line at the end. Who closes the pipe before that
        // breaks it.
        for line in BufReader::new(output).lines() {
            let line = line.expect("text");
            if line.is_empty() {
                self.child = Some(child);
                return;
            }
            let setting = line.strip_prefix("export ").and_then(|line| line.split_once('='));
            if let Some((name, value)) = setting {
                self.environment.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = child.wait().expect("it ended");
        panic!("the program ended with {status}:\n{}", self.log());
    }

    /// What all processes wrote to their logs.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).expect("a log")
    }

    pub(crate) fn key(&self) -> &str {
        &self.environment["CACHEKIT_API_KEY"]
    }

    pub(crate) fn builder(&self) -> CachekitIoBuilder {
        let ca = std::fs::read_to_string(&self.environment["CACHEKIT_CA_FILE"]).expect("the CA");
        client_of(&self.environment["CACHEKIT_API_URL"], self.key(), &ca)
    }

    pub(crate) fn client(&self) -> CachekitIo {
        self.builder().build().expect("a client")
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it ended");
    }

    /// `kill -TERM`, and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        child.wait().expect("it ended")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that is free between two processes of a server as well: below the ports that the system gives
/// to outgoing connections, one of which could otherwise be taken for it.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 9973).unwrap_or(0);
    loop {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let port = 20_000 + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
