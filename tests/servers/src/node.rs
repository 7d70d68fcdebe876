//! One server.

use crate::certificates::Certificates;
use crate::options::NodeOptions;
use crate::ports::Port;
use crate::process::Process;
use crate::program;
use crate::resp::{Connection, Reply};
use crate::wait::{eventually, that};
use std::fmt::Write;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// The user of [`Node::admin`] and of servers among themselves. A client under test has another one.
pub(crate) const ADMIN: &str = "test-admin";
pub(crate) const ADMIN_PASSWORD: &str = "admin-of-a-test";

/// One server, which ends when this is dropped.
#[derive(Debug)]
pub struct Node {
    port: Port,
    /// With TLS.
    certificates: Option<Arc<Certificates>>,
    sentinel: bool,
    program: PathBuf,
    // Before the folder: the process must not write there any more when that goes.
    process: Mutex<Option<Process>>,
    folder: TempDir,
}

impl Node {
    /// A node as it is by default.
    pub fn start() -> Self {
        NodeOptions::new().start()
    }

    /// A node that is set up otherwise.
    pub fn options() -> NodeOptions {
        NodeOptions::new()
    }

    /// Starts a process and does not wait for it.
    pub(crate) fn spawn(options: &NodeOptions, sentinel: bool) -> Self {
        let program = program::server().unwrap_or_else(|missing| panic!("{missing}"));
        let folder = tempfile::Builder::new().prefix("ck-").tempdir().expect("a folder");
        let port = Port::free();
        let own = || Arc::new(Certificates::create(folder.path()));
        let certificates = options.tls.then(|| options.certificates.clone().unwrap_or_else(own));
        let process = Mutex::new(None);
        let node = Self { port, certificates, sentinel, program, process, folder };
        fs::write(node.config_file(), node.config(options)).expect("a configuration file");
        node.spawn_process();
        node
    }

    fn config(&self, options: &NodeOptions) -> String {
        let folder = self.folder.path().display();
        let port = self.port.number();
        let mut text = format!(
            "bind 127.0.0.1\ndaemonize no\ndir {folder}\nlogfile {folder}/log\n\
             unixsocket {folder}/socket\nunixsocketperm 700\n\
             user {ADMIN} on >{ADMIN_PASSWORD} ~* &* +@all\n"
        );
        let mut line = |line: &str| writeln!(text, "{line}").expect("text grows");
        if let Some(made) = &self.certificates {
            line("port 0");
            line(&format!("tls-port {port}"));
            line("tls-auth-clients no");
            line(&format!("tls-ca-cert-file {}", made.ca_file().display()));
            line(&format!("tls-cert-file {}", made.certificate_file().display()));
            line(&format!("tls-key-file {}", made.key_file().display()));
        } else {
            line(&format!("port {port}"));
        }
        if !self.sentinel {
            line("save \"\"");
            line(&format!("masteruser {ADMIN}"));
            line(&format!("masterauth {ADMIN_PASSWORD}"));
            // Else a replica waits five seconds for company before it is sent anything.
            line("repl-diskless-sync-delay 0");
            line("repl-ping-replica-period 1");
        }
        options.write_to(&mut text);
        text
    }

    fn spawn_process(&self) {
        let config = self.config_file();
        let config = config.to_str().expect("a folder with a plain name");
        let arguments: &[&str] = if self.sentinel { &[config, "--sentinel"] } else { &[config] };
        *self.process() = Some(Process::spawn(&self.program, arguments, self.folder.path()));
    }

    /// Waits until it takes commands, on its socket and on its port.
    pub fn wait_until_ready(&self) {
        eventually("the server is ready", || {
            assert!(self.is_running(), "the server ended at its start:\n{}", self.log());
            let pong = self.try_admin(&["PING"])?;
            that(pong.text() == "PONG", || pong.text())?;
            TcpStream::connect(("127.0.0.1", self.port())).map_err(|error| error.to_string())?;
            Ok(())
        });
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `127.0.0.1:` and the port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// `redis://127.0.0.1:…`, or `rediss://127.0.0.1:…` with TLS.
    pub fn url(&self) -> String {
        let scheme = if self.certificates.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://{}", self.address())
    }

    /// The same for a user with a password.
    pub fn url_for(&self, user: &str, password: &str) -> String {
        let scheme = if self.certificates.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://{user}:{password}@{}", self.address())
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The authority to trust, in a file, with TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.certificates.as_ref().map(|made| made.ca_file())
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        read("log") + &read("output")
    }

    /// The process's id, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Process::id)
    }

    /// Whether it was started and not stopped.
    pub fn is_running(&self) -> bool {
        self.process().as_mut().is_some_and(|process| !process.has_ended())
    }

    /// Kills the process; the port stays reserved.
    pub fn stop(&self) {
        drop(self.process().take());
    }

    /// Starts the process again, on the same port, and waits until it is ready; kills it first if it runs.
    pub fn restart(&self) {
        self.restart_in_background();
        self.wait_until_ready();
    }

    /// The same without waiting.
    pub fn restart_in_background(&self) {
        self.stop();
        self.spawn_process();
    }

    /// Stops the process from running until the guard is dropped: its connections stay open and nothing
    /// answers.
    pub fn pause(&self) -> Pause<'_> {
        self.signal("STOP");
        Pause(self)
    }

    fn signal(&self, signal: &str) {
        self.process().as_ref().expect("the server runs").signal(signal);
    }

    /// Replaces the certificate, and the authority that clients have to trust, in the same files. Not for the nodes
    /// of a group.
    pub fn replace_certificates(&self) {
        assert!(self.certificates.is_some(), "the node speaks TLS");
        let made = Certificates::create(self.folder.path());
        let file = |path: PathBuf| path.display().to_string();
        self.admin(&[
            "CONFIG",
            "SET",
            "tls-cert-file",
            &file(made.certificate_file()),
            "tls-key-file",
            &file(made.key_file()),
            "tls-ca-cert-file",
            &file(made.ca_file()),
        ]);
    }

    /// Runs a command as a user who may do everything, whatever users the node has otherwise.
    ///
    /// # Panics
    ///
    /// If the server does not answer or answers with an error.
    pub fn admin(&self, command: &[impl AsRef<[u8]>]) -> Reply {
        self.try_admin(command).unwrap_or_else(|error| {
            let name = command.first().map(|name| String::from_utf8_lossy(name.as_ref()));
            panic!("{} at {}: {error}", name.unwrap_or_default(), self.address())
        })
    }

    /// The same for a command that may fail.
    pub fn try_admin(&self, command: &[impl AsRef<[u8]>]) -> Result<Reply, String> {
        let call = || {
            let mut connection = Connection::open(&self.socket())?;
            let signed_in = connection.call(&["AUTH", ADMIN, ADMIN_PASSWORD])?;
            if matches!(signed_in, Reply::Error(_)) {
                return Ok(signed_in);
            }
            connection.call(command)
        };
        call().map_err(|error: std::io::Error| error.to_string())?.ok()
    }

    /// The value of a line of `INFO`.
    pub fn info(&self, name: &str) -> Result<String, String> {
        let info = self.try_admin(&["INFO", "everything"])?.text();
        let found = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(found.unwrap_or_default().to_owned())
    }

    /// Whether it is a replica that has all of its primary's data and is connected to it.
    pub(crate) fn follows(&self, primary: u16) -> Result<(), String> {
        let role = self.try_admin(&["ROLE"])?;
        let role: Vec<_> = role.array().iter().map(Reply::text).collect();
        let wanted = ["slave".to_owned(), primary.to_string(), "connected".to_owned()];
        let is = [0, 2, 3].map(|at| role.get(at).cloned().unwrap_or_default());
        that(is == wanted, || format!("{} is {is:?}, not {wanted:?}", self.address()))
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a node from running.
#[derive(Debug)]
#[must_use = "the node goes on when this is dropped"]
pub struct Pause<'a>(&'a Node);

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        if self.0.is_running() {
            self.0.signal("CONT");
        }
    }
}
