//! A GET from a Redis server on loopback: our backend, the `redis` crate's bare connection, and a hit of a
//! `#[cache]` function in the shared tier.
//!
//! The server is another process. All clients run on one current-thread runtime, over one multiplexed
//! connection each. In each round every client has one turn, in an order that rotates.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::io::tcp::TcpSettings;
use ::redis::{Client as RedisClient, IntoConnectionInfo, Value};
use bytes::Bytes;
use cachekit::cache;
use cachekit_io::{Backend, Redis, SetOptions};
use cachekit_test_servers::Node;
use tokio::runtime::{Builder, Runtime};

use crate::bars::{self, Bar};
use crate::http::value;
use crate::load::{Client, Contender, Sample, Subject};
use crate::options::Options;
use crate::report::median;
use crate::turns::{Row, measure, prepare, print};

const KEYS: usize = 64;
const SIZES: [(&str, usize); 2] = [("100 B", 100), ("16 KiB", 16 * 1024)];
const CONCURRENCY: [usize; 2] = [1, 64];
/// For hits in the tier each key is asked for once in a sample: then it is in the process.
const TIER_KEYS: usize = 2048;
const TIER_SIZE: usize = 100;
/// Keys of one batch.
const BATCH: usize = 100;

const OURS: &str = "cachekit_io::Redis";
const BARE: &str = "redis crate, multiplexed";
const THROUGH: &str = "#[cache], hit in the tier";

/// What a client asks for.
struct Target {
    id: u64,
    key: String,
}

impl Client<Target> for Redis {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let found = Backend::get(self, &target.key).await.map_err(|error| error.to_string())?;
        found.map(cachekit_io::Fetched::into_value).ok_or_else(|| "absent".to_owned())
    }
}

/// One connection of the `redis` crate, and nothing around it.
struct Bare(MultiplexedConnection);

impl Client<Target> for Bare {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let mut connection = self.0.clone();
        let asked = ::redis::cmd("GET").arg(&target.key).query_async(&mut connection).await;
        match asked.map_err(|error| error.to_string())? {
            Value::BulkString(value) => Ok(value.into()),
            _ => Err("absent".to_owned()),
        }
    }
}

static RUNS: AtomicU64 = AtomicU64::new(0);

#[cache(ttl = "1h", namespace = "bench", capacity = 4096)]
async fn annotated(id: u64) -> Vec<u8> {
    RUNS.fetch_add(1, Ordering::Relaxed);
    value(id, TIER_SIZE).into()
}

/// Calls the function.
struct Through;

impl Client<Target> for Through {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        Ok(annotated(target.id).await.into())
    }

    fn forget(&self) {
        for function in cachekit::functions() {
            function.clear_local();
        }
    }
}

/// Measures and prints; what is returned was wrong, however fast. The error is why there is nothing.
pub(crate) fn run(
    options: &Options,
    count: fn(&mut dyn FnMut()) -> u64,
) -> Result<Vec<String>, String> {
    let server = Node::start();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("a runtime: {error}"))?;
    let ours = Redis::builder().url(server.url()).build().map_err(|error| error.to_string())?;
    let ours = Arc::new(ours);
    let direct = Arc::new(Bare(runtime.block_on(connect(&server))?));
    println!("clients: one current-thread runtime; server: redis-server, loopback, no TLS");

    let mut bars = Vec::new();
    let mut failures = Vec::new();
    for (label, size) in SIZES {
        let subject = Arc::new(runtime.block_on(store(&ours, KEYS, size))?);
        for concurrency in CONCURRENCY {
            let title = format!("GET {label}, {concurrency} at a time");
            let row = |name, contender| {
                prepare(&runtime, &subject, name, contender, options, concurrency, count)
                    .map_err(|problem| format!("{title}: {name}: {problem}"))
            };
            let mut rows = [row(OURS, &ours)?, row(BARE, &direct)?];
            measure(options, &runtime, &subject, concurrency, &mut rows);
            print(&title, BARE, &rows);
            note_wrong(&title, &rows, &mut failures);
            bars.push(bar(&title, "CPU", 1.1, &rows, Sample::cpu_micros));
            bars.push(bar(&title, "p50", 1.05, &rows, |sample| sample.percentile(50)));
        }
    }
    through(options, &runtime, &ours, &direct, &mut bars, &mut failures)?;
    bars.push(batch(options, &runtime, &ours)?);
    bars::print_all(bars);
    Ok(failures)
}

async fn connect(server: &Node) -> Result<MultiplexedConnection, String> {
    let text = |error: ::redis::RedisError| error.to_string();
    let settings = TcpSettings::default().set_nodelay(true);
    let info = server.url().into_connection_info().map_err(text)?.set_tcp_settings(settings);
    let client = RedisClient::open(info).map_err(text)?;
    client.get_multiplexed_async_connection().await.map_err(text)
}

/// Puts values of this size where all clients find them.
async fn store(ours: &Redis, keys: usize, size: usize) -> Result<Subject<Target>, String> {
    let mut subject = Subject { targets: Vec::new(), values: Vec::new() };
    for index in 0..keys {
        // As long as the keys of annotated functions are.
        let key = format!(
            "ns:bench:func:crate.module.function:args:{:064x}:m",
            index * 0x0123_4567_89ab + size
        );
        let (id, options) = (index as u64, SetOptions::new().ttl(Duration::from_secs(24 * 3600)));
        let stored = Backend::set(ours, &key, value(id, size), &options).await;
        stored.map_err(|error| error.to_string())?;
        subject.targets.push(Target { id, key });
        subject.values.push(value(id, size));
    }
    Ok(subject)
}

/// A hit in the tier, next to the bare GET of as many bytes.
fn through(
    options: &Options,
    runtime: &Runtime,
    ours: &Arc<Redis>,
    direct: &Arc<Bare>,
    bars: &mut Vec<Bar>,
    failures: &mut Vec<String>,
) -> Result<(), String> {
    cachekit::set_default_backend(ours.clone());
    let subject = Arc::new(runtime.block_on(store(ours, TIER_KEYS, TIER_SIZE))?);
    let through = Arc::new(Through);
    // Puts every value into the tier.
    through.ask(runtime, &subject, TIER_KEYS)?;
    let filled = RUNS.load(Ordering::Relaxed);
    for concurrency in CONCURRENCY {
        let title = format!("a hit in the shared tier, {concurrency} at a time");
        let row = |name, contender| Row {
            name,
            contender,
            requests: TIER_KEYS,
            samples: Vec::new(),
            allocations: f64::NAN,
        };
        let mut rows: [Row<'_, Target>; 3] =
            [row(THROUGH, &through), row(BARE, direct), row(OURS, ours)];
        measure(options, runtime, &subject, concurrency, &mut rows);
        print(&title, BARE, &rows);
        note_wrong(&title, &rows, failures);
        bars.push(bar(&title, "p50", 1.15, &rows, |sample| sample.percentile(50)));
        bars.push(bar(&title, "CPU", 1.25, &rows, Sample::cpu_micros));
    }
    let more = RUNS.load(Ordering::Relaxed) - filled;
    if filled != TIER_KEYS as u64 || more > 0 {
        failures.push(format!(
            "a hit in the shared tier: the function ran {filled} times for {TIER_KEYS} keys, and {more} times after"
        ));
    }
    Ok(())
}

/// A batch of keys next to one GET, one at a time.
fn batch(options: &Options, runtime: &Runtime, ours: &Redis) -> Result<Bar, String> {
    let subject = runtime.block_on(store(ours, BATCH, TIER_SIZE))?;
    let keys: Vec<&str> = subject.targets.iter().map(|target| target.key.as_str()).collect();
    let many = ours.batch().ok_or("no batches")?;
    let (mut ratios, mut micros) = (Vec::new(), Vec::new());
    for _ in 0..options.pick(200, 5000) {
        let start = Instant::now();
        let all = runtime.block_on(many.get_many(&keys));
        let batch = start.elapsed();
        if all.iter().filter(|found| matches!(found, Ok(Some(_)))).count() != BATCH {
            return Err("a batch that does not find everything".to_owned());
        }
        let start = Instant::now();
        let one =
            runtime.block_on(Backend::get(ours, keys[0])).map_err(|error| error.to_string())?;
        let single = start.elapsed();
        if one.is_none() {
            return Err("a GET that finds nothing".to_owned());
        }
        ratios.push(batch.as_secs_f64() / single.as_secs_f64());
        micros.push(batch.as_secs_f64() * 1e6);
    }
    let ratio = median(ratios);
    println!("\n{BATCH} keys in one batch: median {:.1} us, {ratio:.2}x one GET", median(micros));
    Ok(Bar::new(&format!("{BATCH} keys in one batch"), "<= 2.00x one GET")
        .judged(format!("{ratio:.2}x"), ratio <= 2.0))
}

fn note_wrong(title: &str, rows: &[Row<'_, Target>], failures: &mut Vec<String>) {
    for row in rows {
        let wrong = row.samples.iter().find_map(|sample| sample.wrong.as_ref());
        failures.extend(wrong.map(|wrong| format!("{title}: {}: {wrong}", row.name)));
    }
}

/// The first row against the second.
fn bar(
    title: &str,
    what: &str,
    limit: f64,
    rows: &[Row<'_, Target>],
    of: impl Fn(&Sample) -> f64,
) -> Bar {
    let ratio = rows[0].ratio(&rows[1], of);
    Bar::new(&format!("{title}, {what}"), &format!("<= {limit:.2}x {}", rows[1].name))
        .judged(format!("{ratio:.2}x"), ratio <= limit)
}
