//! A server's process, which does not outlive the test's.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends the server and removes its folder when the test process is gone: the pipe that it reads closes
/// then, however the test process ended. A line on the pipe means that all was ended in good order.
const WATCHDOG: &str = r#"read -r _ || { kill -9 "$1"; rm -rf "$2"; }"#;

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    server: Child,
    watchdog: Child,
}

impl Process {
    /// Starts a server that belongs to `folder`.
    pub(crate) fn spawn(program: &Path, arguments: &[&str], folder: &Path) -> Self {
        let output = File::create(folder.join("output")).expect("a file for the server's output");
        let server = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle of the file"))
            .stderr(output)
            // Not in the group that Ctrl-C goes to: the watchdog has to be there to tidy up.
            .process_group(0)
            .spawn()
            .expect("the server's process starts");
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog", &server.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("the shell starts");
        Self { server, watchdog }
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.server.try_wait(), Ok(None))
    }

    /// Sends a signal, named without `SIG`.
    pub(crate) fn signal(&self, signal: &str) {
        // The shell has it built in; there may be no program of that name.
        let done = Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "signal", signal, &self.server.id().to_string()])
            .stderr(Stdio::null())
            .status()
            .expect("the shell starts");
        assert!(done.success(), "the server can be sent SIG{signal}");
    }

    fn end(&mut self) {
        // It may have ended already; what counts is that it is gone afterwards.
        let _ = self.server.kill();
        let _ = self.server.wait();
        if let Some(mut pipe) = self.watchdog.stdin.take() {
            let _ = pipe.write_all(b"\n");
        }
        let _ = self.watchdog.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
