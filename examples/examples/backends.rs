//! One program over every backend: only the environment differs.
//!
//! ```text
//! cargo run --release -p examples --example backends
//! ```
//!
//! This process sets up the backends: a directory, a Redis (if `redis-server` is installed), and a cachekit server
//! with TLS and an API key. Then it runs the program twice over each of them, each time as a new process. Only the
//! environment variables differ, one or a few for each backend. The first process misses and runs its functions;
//! the second hits what the first computed.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use cachekit::{Function, Stats, cache};
use cachekit_server::{ApiKey, ApiKeys, DevAuthority, KeyKind, Scope, Server, TenantLimits};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Nothing here says where its values are stored.
#[cache(ttl = "10m", namespace = "example")]
fn price(article: u64) -> u64 {
    article * 100
}

#[cache(ttl = "10m", namespace = "example")]
async fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("article {n}")).collect()
}

/// The same, sealed: a reader of the directory or the Redis learns nothing about the value.
#[cache::secure(ttl = "10m", namespace = "example")]
fn margin(article: u64) -> String {
    format!("{} cents", article * 7)
}

const FUNCTIONS: u64 = 3;

/// The program. `found_by` says where its results are expected to come from.
async fn program(found_by: &str) -> Outcome {
    // Reports what is wrong with the environment; a call would only run its function and count the failure.
    cachekit::check().await?;
    price(7);
    names(3).await;
    margin(7);
    let mut all = Stats::default();
    cachekit::functions().iter().map(Function::stats).for_each(|stats| all += stats);
    println!("    {} computed, {} found", all.loads, all.shared_hits);
    let expected = if found_by == "found" { (0, FUNCTIONS) } else { (FUNCTIONS, 0) };
    if (all.loads, all.shared_hits) != expected {
        return Err(format!("these were to be {found_by}").into());
    }
    Ok(())
}

/// The variables that choose or configure a backend.
const VARIABLES: [&str; 4] =
    ["CACHEKIT_API_KEY", "CACHEKIT_REDIS_URL", "CACHEKIT_FILE_CACHE_DIR", "REDIS_URL"];

/// Runs the program in two processes, one after the other, with these variables.
fn twice(name: &str, variables: &[(&str, &str)], second: &str) -> Outcome {
    let shown: Vec<_> = variables.iter().take(1).map(|(name, _)| format!("{name}=… ")).collect();
    println!("{name}: {}./program", shown.concat());
    for found_by in ["computed", second] {
        let mut command = Command::new(env::current_exe()?);
        for name in VARIABLES {
            command.env_remove(name);
        }
        // For the sealed function. Your own program reads it from where you keep secrets.
        command.arg(found_by).env("CACHEKIT_MASTER_KEY", "17".repeat(32));
        command.envs(variables.iter().copied());
        if !command.status()?.success() {
            return Err(format!("{name} did not end well").into());
        }
    }
    Ok(())
}

/// A Redis on a free port, without persistence.
struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    /// `None` if Redis is not installed.
    fn start(directory: &Path) -> Outcome<Option<Self>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let started = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"])
            .arg(directory)
            .stdout(Stdio::null())
            .spawn();
        let process = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            started => started?,
        };
        let redis = Self { process, port };
        let until = Instant::now() + Duration::from_secs(30);
        while redis.ping().is_err() {
            if Instant::now() > until {
                return Err("redis-server does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(redis))
    }

    fn ping(&self) -> Outcome {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        connection.set_read_timeout(Some(Duration::from_secs(1)))?;
        connection.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        connection.read_exact(&mut answer)?;
        if answer == *b"+PONG\r\n" { Ok(()) } else { Err("not ready".into()) }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::main]
async fn main() -> Outcome {
    if let Some(found_by) = env::args().nth(1) {
        return program(&found_by).await;
    }
    let parent = tempfile::tempdir()?;
    let place = parent.path();

    let key = ApiKey::generate(KeyKind::Live)?;
    let mut keys = ApiKeys::new();
    keys.add(&key, "example", &Scope::ALL, TenantLimits::default())?;
    let authority = DevAuthority::new()?;
    let server = Server::builder().tls(authority.issue(&[])?).api_keys(keys).bind().await?;
    let url = format!("https://localhost:{}", server.local_addr().port());
    let ca_file = place.join("ca.pem");
    fs::write(&ca_file, authority.certificate_pem())?;

    tokio::task::block_in_place(|| -> Outcome {
        twice("the process's memory", &[], "computed")?;

        let directory = place.join("cache");
        let directory = directory.to_str().ok_or("a path that is no text")?;
        twice("a directory", &[("CACHEKIT_FILE_CACHE_DIR", directory)], "found")?;

        match Redis::start(place)? {
            Some(redis) => {
                let url = format!("redis://127.0.0.1:{}", redis.port);
                twice("Redis", &[("CACHEKIT_REDIS_URL", &url)], "found")?;
            }
            None => println!("Redis: not installed; `apt-get install redis-server` brings it"),
        }

        let ca_file = ca_file.to_str().ok_or("a path that is no text")?;
        let of_the_server = [
            ("CACHEKIT_API_KEY", key.expose()),
            ("CACHEKIT_API_URL", &url),
            ("CACHEKIT_CA_FILE", ca_file),
            // The server is not the managed service: its host and its address must both be allowed.
            ("CACHEKIT_ALLOW_CUSTOM_HOST", "1"),
            ("CACHEKIT_ALLOW_PRIVATE_ADDRESSES", "1"),
            ("NO_PROXY", "localhost"),
            ("no_proxy", "localhost"),
        ];
        twice("a server of ours", &of_the_server, "found")
    })?;
    server.shutdown().await;
    Ok(())
}
