//! The command on a terminal, which `script` gives it.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) struct Terminal {
    child: Child,
    stdin: ChildStdin,
    written: Receiver<String>,
    reader: JoinHandle<()>,
    seen: String,
}

impl Terminal {
    /// Starts the command there. The arguments have nothing in them that a shell would read otherwise.
    pub(crate) fn open(arguments: &[&str]) -> Self {
        let program = format!("{} {}", env!("CARGO_BIN_EXE_cachekit"), arguments.join(" "));
        let mut child = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command", &program, "/dev/null"])
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs script: `apt-get install bsdutils`");
        let stdin = child.stdin.take().expect("piped");
        let mut output = child.stdout.take().expect("piped");
        let (send, written) = channel();
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                // The test may have ended.
                let _ = send.send(String::from_utf8_lossy(&chunk[..count]).into_owned());
            }
        });
        Self { child, stdin, written, reader, seen: String::new() }
    }

    /// Reads until this was written.
    #[track_caller]
    pub(crate) fn until(&mut self, wanted: &str) {
        // It draws all the time, so silence is not what a failure looks like.
        let end = Instant::now() + Duration::from_secs(30);
        while !self.seen.contains(wanted) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{wanted}:\n{}", self.seen);
            match self.written.recv_timeout(left) {
                Ok(chunk) => self.seen += &chunk,
                Err(error) => panic!("{wanted}: {error}:\n{}", self.seen),
            }
        }
    }

    /// Presses keys that end it well; gives all that was written.
    #[track_caller]
    pub(crate) fn end_with(mut self, keys: &str) -> String {
        self.stdin.write_all(keys.as_bytes()).expect("written");
        assert!(self.child.wait().expect("it ends").success());
        self.reader.join().expect("all was read");
        let rest: String = self.written.iter().collect();
        self.seen + &rest
    }
}
