//! A GET over loopback TLS: our client next to others, over one server.
//!
//! All clients run on one current-thread runtime, as they would in one core of a service; the server
//! is another process with two threads. In each round every client has one turn, in an order that
//! rotates. Processor time is that of this process, so it is the client's alone; it includes the
//! caller's own tasks, which are the same for all.

mod clients;
mod server;
mod through;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachekit_io::{CachekitIo, SetOptions};
use tokio::runtime::Builder;

pub(crate) use self::clients::ours;
pub(crate) use self::server::{Process, SERVE, serve};

use self::clients::{H2, Hyper, Pooled, Reqwest, Target};
use crate::bars::{self, Bar};
use crate::load::{Contender, Sample, Subject};
use crate::options::Options;
use crate::turns::{Row, measure, prepare, print};

const KEYS: usize = 64;
const SIZES: [(&str, usize); 2] = [("100 B", 100), ("16 KiB", 16 * 1024)];
const CONCURRENCY: [usize; 3] = [1, 64, 512];

const OURS: &str = "CachekitIo";
const REQWEST: &str = "reqwest";
const POOLED: &str = "hyper-util, pooled";
const HYPER: &str = "hyper, one connection";
const H2_ALONE: &str = "h2, one connection";

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
    let contenders: [(&'static str, Box<dyn Contender<Target>>); 5] = [
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
            print(&title, HYPER, &rows);
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
) -> Result<Subject<Target>, String> {
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
pub(crate) fn value(id: u64, size: usize) -> Bytes {
    let byte = |at: u64| u8::try_from((at * 31 + id * 7 + id / 251) % 251).unwrap_or_default();
    (0..size as u64).map(byte).collect()
}

fn judge(label: &str, rows: &[Row<'_, Target>]) -> Vec<Bar> {
    let row = |name: &str| rows.iter().find(|row| row.name == name);
    let (Some(ours), Some(hyper), Some(reqwest)) = (row(OURS), row(HYPER), row(REQWEST)) else {
        return Vec::new();
    };
    let at_most = |what: &str, limit: f64, other: &Row<'_, Target>, of: fn(&Sample) -> f64| {
        let wanted = format!("<= {limit:.2}x {}", other.name);
        let ratio = ours.ratio(other, of);
        Bar::new(&format!("GET {label}, 512 at a time, {what}"), &wanted)
            .judged(format!("{ratio:.2}x"), ratio <= limit)
    };
    let p99: fn(&Sample) -> f64 = |sample| sample.percentile(99);
    let mut bars = Vec::new();
    if label == SIZES[0].0 {
        bars.push(at_most("CPU", 1.25, hyper, Sample::cpu_micros));
        bars.push(at_most("CPU", 0.62, reqwest, Sample::cpu_micros));
    } else {
        bars.push(at_most("CPU", 1.25, hyper, Sample::cpu_micros));
    }
    bars.push(at_most("p99", 1.0, reqwest, p99));
    bars
}
