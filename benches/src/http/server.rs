//! The server that all clients ask: a process of its own, so that its work is not counted as theirs.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};

use cachekit_server::{ApiKey, ApiKeys, DevAuthority, KeyKind, Scope, Server, TenantLimits};

/// The argument that makes this program the server.
pub(crate) const SERVE: &str = "--serve";
/// What the server says last before it serves.
const READY: &str = "ready";

/// A running server; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(super) port: u16,
    pub(super) api_key: String,
    pub(super) ca_pem: String,
}

impl Process {
    /// Starts this program once more, as the server.
    pub(crate) fn start() -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
        let mut child = Command::new(program)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the server: {error}"))?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut process = Self { child, port: 0, api_key: String::new(), ca_pem: String::new() };
        let mut lines = BufReader::new(output).lines();
        let mut next = || match lines.next() {
            Some(Ok(line)) => Ok(line),
            _ => Err("the server ended before it was ready".to_owned()),
        };
        process.port = next()?.parse().map_err(|_| "the server named no port")?;
        process.api_key = next()?;
        loop {
            let line = next()?;
            if line == READY {
                return Ok(process);
            }
            process.ca_pem.push_str(&line);
            process.ca_pem.push('\n');
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves from memory until the standard input ends, as it does with the process that started this.
pub(crate) fn serve() -> ExitCode {
    match try_serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("server: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn try_serve() -> Result<(), Box<dyn std::error::Error>> {
    let key = ApiKey::generate(KeyKind::Live)?;
    let mut keys = ApiKeys::new();
    keys.add(&key, "bench", &Scope::ALL, TenantLimits::default())?;
    let authority = DevAuthority::new()?;
    let identity = authority.issue(&[])?;

    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let server = runtime.block_on(Server::builder().tls(identity).api_keys(keys).bind())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n{}", server.local_addr().port(), key.expose())?;
    writeln!(out, "{}\n{READY}", authority.certificate_pem().trim_end())?;
    out.flush()?;

    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest)?;
    runtime.block_on(server.shutdown());
    Ok(())
}
