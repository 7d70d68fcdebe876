//! A cache that processes share through Redis.
//!
//! ```text
//! cargo run --release -p examples --example redis
//! ```
//!
//! It starts its own Redis on a free port of this machine. Your own program needs the variable
//! `CACHEKIT_REDIS_URL`, or the one line of `connect` below.

use std::error::Error;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachekit::cache;
use cachekit_io::{Backend, InvalidationEvent, Redis};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Nothing here says where the values are stored.
#[cache(ttl = "10m", namespace = "shop")]
fn price(article: u64) -> u64 {
    println!("    computing the price of {article}");
    article * 100
}

fn connect(url: &str) -> Outcome<Redis> {
    let redis = Redis::builder().url(url).prefix("example:").build()?;
    cachekit::set_default_backend(Arc::new(redis.clone()));
    Ok(redis)
}

/// The process that starts first and keeps running.
async fn first(server: &Server) -> Outcome {
    let redis = connect(&server.url())?;
    // Is Redis reachable, and does it send events? A call would only run its function and count the
    // failure.
    cachekit::check().await?;

    println!("this process:");
    price(7);
    price(7);
    let stats = price::stats();
    println!("    {} computed, {} from its own memory", stats.loads, stats.hits);

    println!("what Redis stores:");
    // The entry's lock may still be there for a moment: it is released in the background.
    for key in server.lines("KEYS example:*:m")? {
        println!("    {key}, for another {} ms", server.lines(&format!("PTTL {key}"))?.concat());
    }

    // A backend sends events when entries change. The cache subscribes, too, and drops its copy.
    let events = redis.events().ok_or("Redis has events")?;
    let _subscription = events.subscribe(Arc::new(|event: &InvalidationEvent| {
        println!("    told: {event:?}");
    }));

    println!("another process:");
    if !Command::new(std::env::current_exe()?).arg(server.url()).status()?.success() {
        return Err("the other process did not end well".into());
    }
    wait("the copy of the first process goes", || price::peek(&7).is_none())?;

    println!("this process again:");
    price(7);
    Ok(())
}

/// The process that runs for a moment: it hits the price, and then changes it.
fn second(url: &str) -> Outcome {
    connect(url)?;
    price(7);
    println!(
        "    {} computed, {} found in Redis",
        price::stats().loads,
        price::stats().shared_hits
    );
    let done = price::invalidate(&7);
    println!("    invalidated, and Redis confirmed it: {}", done.is_confirmed());
    if price::stats().shared_hits == 1 && done.is_confirmed() {
        Ok(())
    } else {
        Err("the price was to be found and removed".into())
    }
}

#[tokio::main]
async fn main() -> Outcome {
    if let Some(url) = std::env::args().nth(1) {
        return tokio::task::block_in_place(|| second(&url));
    }
    let Some(server) = Server::start()? else {
        println!("redis-server is not installed: `apt-get install redis-server` brings it");
        return Ok(());
    };
    first(&server).await
}

/// A Redis without persistence that ends with this process.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// `None` if Redis is not installed.
    fn start() -> Outcome<Option<Self>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let started = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn();
        let process = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            started => started?,
        };
        let server = Self { process, port };
        wait("redis-server answers", || server.lines("PING").is_ok_and(|said| said == ["PONG"]))?;
        Ok(Some(server))
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The server's reply to a command: the texts and numbers in it.
    fn lines(&self, command: &str) -> Outcome<Vec<String>> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(connection, "{command}\r\nQUIT\r\n")?;
        let lines = BufReader::new(connection).lines().collect::<Result<Vec<_>, _>>()?;
        // Length prefixes begin with a sign, and the last line is the reply to `QUIT`.
        let said = lines.iter().take(lines.len().saturating_sub(1));
        let texts = said.filter(|line| !line.starts_with(['*', '$']));
        Ok(texts.map(|line| line.trim_start_matches(['+', ':']).to_owned()).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until the condition holds.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) -> Outcome {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        if Instant::now() > until {
            return Err(format!("gave up waiting until {what}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
