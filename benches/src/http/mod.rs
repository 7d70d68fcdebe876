//! A GET over loopback TLS: our client next to others, over one server.
//!
//! All clients run on one current-thread runtime, as they would in one core of a service; the server
//! is another process with two threads. In each round every client has one turn, in an order that
//! rotates. Processor time is that of this process, so it is the client's alone; it includes the
//! caller's own tasks, which are the same for all.

mod clients;
mod load;
mod server;
mod through;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachekit_io::{CachekitIo, SetOptions};
use tokio::runtime::{Builder, Runtime};

pub(crate) use self::server::{SERVE, serve};

use self::clients::{H2, Hyper, Pooled, Reqwest, Target};
use self::load::{Contender, Sample, Subject};
use self::server::Process;
use crate::bars::{self, Bar};
use crate::harness::as_f64;
use crate::options::Options;
use crate::report::median;

const KEYS: usize = 64;
const SIZES: [(&str, usize); 2] = [("100 B", 100), ("16 KiB", 16 * 1024)];
const CONCURRENCY: [usize; 3] = [1, 64, 512];
const COUNTED: usize = 256;

const OURS: &str = "CachekitIo";
const REQWEST: &str = "reqwest";
const POOLED: &str = "hyper-util, pooled";
const HYPER: &str = "hyper, one connection";
const H2_ALONE: &str = "h2, one connection";

/// A client with all its turns in one table.
struct Row<'a> {
    name: &'static str,
    contender: &'a dyn Contender,
    requests: usize,
    samples: Vec<Sample>,
    allocations: f64,
}

impl Row<'_> {
    fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of).collect())
    }

    /// The median, over the rounds, of this row's number as a multiple of the other's.
    fn ratio(&self, other: &Row<'_>, of: impl Fn(&Sample) -> f64) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        median(pairs.map(|(ours, theirs)| of(ours) / of(theirs)).collect())
    }
}

/// Measures and prints; what is returned was wrong, however fast. The error is why there is nothing.
pub(crate) fn run(
    options: &Options,
    count: fn(&mut dyn FnMut()) -> u64,
) -> Result<Vec<String>, String> {
    let server = Process::start()?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("a runtime: {error}"))?;
    let ours = Arc::new(clients::ours(&server)?);
    let contenders: [(&'static str, Box<dyn Contender>); 5] = [
        (OURS, Box::new(Arc::clone(&ours))),
        (REQWEST, Box::new(Arc::new(Reqwest::new(&server)?))),
        (POOLED, Box::new(Arc::new(runtime.block_on(async { Pooled::new(&server) })?))),
        (HYPER, Box::new(Arc::new(runtime.block_on(Hyper::connect(&server))?))),
        (H2_ALONE, Box::new(Arc::new(runtime.block_on(H2::connect(&server))?))),
    ];
    println!("clients: one current-thread runtime; server: two threads, memory, loopback TLS 1.3");

    let mut bars = Vec::new();
    let mut failures = Vec::new();
    for (label, size) in SIZES {
        let subject = Arc::new(runtime.block_on(store(&server, &ours, KEYS, size))?);
        for concurrency in CONCURRENCY {
            let title = format!("GET {label}, {concurrency} at a time");
            let mut rows = Vec::new();
            for (name, contender) in &contenders {
                let contender = &**contender;
                rows.push(
                    prepare(&runtime, &subject, name, contender, options, concurrency, count)
                        .map_err(|problem| format!("{title}: {name}: {problem}"))?,
                );
            }
            measure(options, &runtime, &subject, concurrency, &mut rows);
            print(&title, &rows);
            for row in &rows {
                let wrong = row.samples.iter().find_map(|sample| sample.wrong.as_ref());
                failures.extend(wrong.map(|wrong| format!("{title}: {}: {wrong}", row.name)));
            }
            if concurrency == 512 {
                bars.extend(judge(label, &rows));
            }
        }
    }
    through::run(options, &server, &runtime, &ours, &mut bars, &mut failures)?;
    bars::print_all(bars);
    Ok(failures)
}

/// Puts values of this size where all clients find them.
async fn store(
    server: &Process,
    client: &CachekitIo,
    keys: usize,
    size: usize,
) -> Result<Subject, String> {
    let mut subject = Subject { targets: Vec::new(), values: Vec::new() };
    for index in 0..keys {
        // As long as the keys of annotated functions are.
        let key = format!(
            "ns:bench:func:crate.module.function:args:{:064x}:1s",
            index * 0x0123_4567_89ab + size
        );
        let value = value(index as u64, size);
        let options = SetOptions::new().ttl(Duration::from_secs(24 * 3600));
        client.set(&key, value.clone(), &options).await.map_err(|error| error.to_string())?;
        subject.targets.push(Target::new(server.port, index as u64, key)?);
        subject.values.push(value);
    }
    Ok(subject)
}

/// Bytes that tell keys apart.
fn value(id: u64, size: usize) -> Bytes {
    let byte = |at: u64| u8::try_from((at * 31 + id * 7 + id / 251) % 251).unwrap_or_default();
    (0..size as u64).map(byte).collect()
}

/// Warms a client up, counts its allocations, and finds how many requests make a sample.
fn prepare<'a>(
    runtime: &Runtime,
    subject: &Arc<Subject>,
    name: &'static str,
    contender: &'a dyn Contender,
    options: &Options,
    concurrency: usize,
    count: fn(&mut dyn FnMut()) -> u64,
) -> Result<Row<'a>, String> {
    contender.ask(runtime, subject, COUNTED)?;
    let mut asked = Ok(());
    let allocations = count(&mut || asked = contender.ask(runtime, subject, COUNTED));
    asked?;

    let wanted = Duration::from_millis(options.pick(20, 200));
    let probe = contender.sample(runtime, subject, concurrency, 4 * concurrency.max(64));
    let probe_rate = probe.per_second();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let requests = (probe_rate * wanted.as_secs_f64()) as usize;
    Ok(Row {
        name,
        contender,
        // Everybody has some turns.
        requests: requests.max(4 * concurrency),
        samples: Vec::new(),
        allocations: as_f64(allocations) / as_f64(COUNTED as u64),
    })
}

fn measure(
    options: &Options,
    runtime: &Runtime,
    subject: &Arc<Subject>,
    concurrency: usize,
    rows: &mut [Row<'_>],
) {
    let count = rows.len();
    for round in 0..options.pick(3, 15) {
        for turn in 0..count {
            let row = &mut rows[(round + turn) % count];
            let sample = row.contender.sample(runtime, subject, concurrency, row.requests);
            row.samples.push(sample);
        }
    }
}

fn print(title: &str, rows: &[Row<'_>]) {
    println!(
        "\n{title}\n  {:<26} {:>9} {:>9} {:>9} {:>9} {:>8} {:>9}",
        "client", "req/s", "p50 us", "p99 us", "CPU us", "ratio", "allocs"
    );
    let reference = rows.iter().find(|row| [HYPER, through::BARE].contains(&row.name));
    for row in rows {
        let ratio = reference.map_or(f64::NAN, |other| row.ratio(other, Sample::cpu_micros));
        println!(
            "  {:<26} {:>9.0} {:>9.1} {:>9.1} {:>9.2} {:>7.2}x {:>9.1}",
            row.name,
            row.median(Sample::per_second),
            row.median(|sample| sample.percentile(50)),
            row.median(|sample| sample.percentile(99)),
            row.median(Sample::cpu_micros),
            ratio,
            row.allocations,
        );
    }
}

fn judge(label: &str, rows: &[Row<'_>]) -> Vec<Bar> {
    let row = |name: &str| rows.iter().find(|row| row.name == name);
    let (Some(ours), Some(hyper), Some(reqwest)) = (row(OURS), row(HYPER), row(REQWEST)) else {
        return Vec::new();
    };
    let at_most = |what: &str, limit: f64, other: &Row<'_>, of: fn(&Sample) -> f64| {
        let wanted = format!("<= {limit:.2}x {}", other.name);
        let ratio = ours.ratio(other, of);
        Bar::new(&format!("GET {label}, 512 at a time, {what}"), &wanted)
            .judged(format!("{ratio:.2}x"), ratio <= limit)
    };
    let p99: fn(&Sample) -> f64 = |sample| sample.percentile(99);
    let mut bars = Vec::new();
    if label == SIZES[0].0 {
        bars.push(at_most("CPU", 1.15, hyper, Sample::cpu_micros));
        bars.push(at_most("CPU", 0.5, reqwest, Sample::cpu_micros));
    } else {
        bars.push(at_most("CPU", 1.1, hyper, Sample::cpu_micros));
    }
    bars.push(at_most("p99", 1.0, reqwest, p99));
    bars
}
