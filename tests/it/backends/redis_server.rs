//! A Redis of a test's own.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl RedisServer {
    /// Starts one on a free port, that writes down everything it is told.
    pub(crate) fn start() -> Self {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            // Another process may take the port meanwhile; then the next one.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let directory = tempfile::tempdir().unwrap();
            let started = Command::new("redis-server")
                .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
                .args(["--appendfsync", "always", "--port", &port.to_string()])
                .arg("--dir")
                .arg(directory.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let process = match started {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    panic!("this test needs redis-server: `apt-get install redis-server`")
                }
                started => started.unwrap(),
            };
            let mut server = Self { process, port, directory };
            while server.process.try_wait().unwrap().is_none() {
                if server.answers() {
                    return server;
                }
                assert!(Instant::now() < until, "redis-server does not answer");
                std::thread::yield_now();
            }
            assert!(Instant::now() < until, "redis-server does not start");
        }
    }

    fn answers(&self) -> bool {
        let ping = || {
            let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
            connection.set_read_timeout(Some(Duration::from_secs(5)))?;
            connection.write_all(b"PING\r\n")?;
            let mut answer = [0; 7];
            connection.read_exact(&mut answer)?;
            Ok::<_, std::io::Error>(answer)
        };
        ping().is_ok_and(|answer| answer == *b"+PONG\r\n")
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it writes what it is told.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
