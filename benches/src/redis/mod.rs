//! A GET from a Redis server on loopback, by our backend and by others; and a hit of a `#[cache]` function in the
//! shared tier.
//!
//! The server is another process. All clients run on one current-thread runtime, over one multiplexed connection each.
//! In each round every client has one turn, in an order that rotates. The other backends of the crate are there to be
//! compared, the HTTP one over TLS; the Python SDK is measured by itself, after the others.

mod clients;
mod python;
mod through;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cachekit_io::{Backend, FileBackend, MemoryBackend, Redis, SetOptions};
use cachekit_test_servers::Node;
use tokio::runtime::{Builder, Runtime};

use self::clients::{Bare, Fred, Ours, Target};
use crate::bars::{self, Bar};
use crate::http::{self, value};
use crate::load::{Contender, Sample, Subject};
use crate::options::Options;
use crate::report::median;
use crate::turns::{Row, measure, prepare, print};

const KEYS: usize = 64;
const SIZES: [(&str, usize); 2] = [("100 B", 100), ("16 KiB", 16 * 1024)];
const CONCURRENCY: [usize; 2] = [1, 64];
/// Keys of one batch.
const BATCH: usize = 100;
const BATCH_SIZE: usize = 100;

const OURS: &str = "cachekit_io::Redis";
const BARE: &str = "redis crate, multiplexed";

/// Measures and prints; what is returned was wrong, however fast. The error is why there is nothing.
pub(crate) fn run(
    options: &Options,
    count: fn(&mut dyn FnMut()) -> u64,
) -> Result<Vec<String>, String> {
    let text = |error: cachekit_io::BackendError| error.to_string();
    let server = Node::start();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("a runtime: {error}"))?;
    let redis = Arc::new(Redis::builder().url(server.url()).build().map_err(text)?);
    let ours = Arc::new(Ours(redis.clone()));
    let direct = Arc::new(runtime.block_on(Bare::connect(&server))?);
    let fred = Arc::new(runtime.block_on(Fred::connect(&server))?);
    let service = http::Process::start()?;
    let over_http = Arc::new(Ours(Arc::new(http::ours(&service)?)));
    let directory = tempfile::tempdir().map_err(|error| format!("a directory: {error}"))?;
    let files = FileBackend::builder().directory(directory.path().join("cache")).build();
    let files = Arc::new(Ours(Arc::new(files.map_err(text)?)));
    let memory = Arc::new(Ours(Arc::new(MemoryBackend::new())));
    // The first two are what the bars compare.
    let contenders: [(&'static str, &dyn Contender<Target>); 6] = [
        (OURS, &ours),
        (BARE, &direct),
        ("fred 10", &fred),
        ("CachekitIo, over TLS", &over_http),
        ("FileBackend", &files),
        ("MemoryBackend", &memory),
    ];
    println!("clients: one current-thread runtime; server: redis-server, loopback, no TLS");

    let mut bars = Vec::new();
    let mut failures = Vec::new();
    for (label, size) in SIZES {
        let mut subject = Subject { targets: Vec::new(), values: Vec::new() };
        for backend in [&ours, &over_http, &files, &memory] {
            subject = runtime.block_on(store(&*backend.0, KEYS, size))?;
        }
        let subject = Arc::new(subject);
        for concurrency in CONCURRENCY {
            let title = format!("GET {label}, {concurrency} at a time");
            let mut rows = Vec::new();
            for (name, contender) in contenders {
                let row = prepare(&runtime, &subject, name, contender, options, concurrency, count);
                rows.push(row.map_err(|problem| format!("{title}: {name}: {problem}"))?);
            }
            measure(options, &runtime, &subject, concurrency, &mut rows);
            print(&title, BARE, &rows);
            note_wrong(&title, &rows, &mut failures);
            bars.push(bar(&title, "CPU", 1.1, &rows, Sample::cpu_micros));
            bars.push(bar(&title, "p50", 1.05, &rows, |sample| sample.percentile(50)));
        }
        python::print(&server, &subject.targets[0].key, &format!("GET {label}"), options);
    }
    through::run(options, &runtime, &redis, &direct, &mut bars, &mut failures)?;
    bars.push(batch(options, &runtime, &redis, &direct)?);
    bars::print_all(bars);
    Ok(failures)
}

/// Puts values of this size where all clients find them.
async fn store(backend: &dyn Backend, keys: usize, size: usize) -> Result<Subject<Target>, String> {
    let mut subject = Subject { targets: Vec::new(), values: Vec::new() };
    for index in 0..keys {
        // As long as the keys of annotated functions are.
        let key = format!(
            "ns:bench:func:crate.module.function:args:{:064x}:m",
            index * 0x0123_4567_89ab + size
        );
        let (id, options) = (index as u64, SetOptions::new().ttl(Duration::from_secs(24 * 3600)));
        let stored = backend.set(&key, value(id, size), &options).await;
        stored.map_err(|error| error.to_string())?;
        subject.targets.push(Target { id, key });
        subject.values.push(value(id, size));
    }
    Ok(subject)
}

/// A batch of keys next to one GET, one at a time; and next to the `redis` crate's bare `MGET`.
fn batch(options: &Options, runtime: &Runtime, ours: &Redis, direct: &Bare) -> Result<Bar, String> {
    let subject = runtime.block_on(store(ours, BATCH, BATCH_SIZE))?;
    let keys: Vec<&str> = subject.targets.iter().map(|target| target.key.as_str()).collect();
    let many = ours.batch().ok_or("no batches")?;
    let (mut ratios, mut batches, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.pick(200, 5000) {
        let (all, batch) = timed(|| runtime.block_on(many.get_many(&keys)));
        if all.iter().filter(|found| matches!(found, Ok(Some(_)))).count() != BATCH {
            return Err("a batch that does not find everything".to_owned());
        }
        let (one, single) = timed(|| runtime.block_on(Backend::get(ours, keys[0])));
        if one.map_err(|error| error.to_string())?.is_none() {
            return Err("a GET that finds nothing".to_owned());
        }
        let (found, mget) = timed(|| runtime.block_on(direct.get_many(&keys)));
        if found? != BATCH {
            return Err("an MGET that does not find everything".to_owned());
        }
        ratios.push(batch / single);
        batches.push(batch * 1e6);
        bare.push(mget * 1e6);
    }
    let ratio = median(ratios);
    println!(
        "\n{BATCH} keys in one batch: median {:.1} us, {ratio:.2}x one GET; {BARE}, MGET: {:.1} us",
        median(batches),
        median(bare)
    );
    Ok(Bar::new(&format!("{BATCH} keys in one batch"), "<= 2.00x one GET")
        .judged(format!("{ratio:.2}x"), ratio <= 2.0))
}

/// With the seconds that it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed().as_secs_f64())
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
