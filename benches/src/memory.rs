//! How much memory an entry takes.
//!
//! Each contender fills its cache in a process of its own, which compares the anonymous memory in its pages before
//! and after. That counts whatever the allocator adds to a block, and what it cannot use.

use std::any::Any;
use std::collections::HashMap;
use std::process::{Command, ExitCode};
use std::time::Duration;

use cached::{Cached, LruTtlCache};

use crate::harness::as_f64;
use crate::options::Options;
use crate::peers::{self, Moka};
use crate::report::{OURS_STORE, REFERENCE, Report};

/// The first argument of the process that fills; the second is a contender's name.
pub(crate) const FILL: &str = "--fill-memory";

const ENTRIES: u64 = 1_000_000;
/// More keys than fit: every cache is full, and has evicted.
const KEYS: u64 = ENTRIES + ENTRIES / 4;
const TTL: Duration = Duration::from_secs(3_600);

/// A full cache, kept alive, and the number of its entries.
type Filled = (Box<dyn Any>, u64);
type Contender = (&'static str, fn() -> Filled);

const CONTENDERS: [Contender; 5] = [
    (OURS_STORE, ours),
    (REFERENCE, quick),
    ("moka(ttl)", moka),
    ("cached's LruTtlCache", cached),
    ("(HashMap, unbounded)", map),
];

fn ours() -> Filled {
    let cache = cachekit::Cache::<u64, u64>::builder().capacity(ENTRIES).ttl(TTL).build();
    for key in 0..KEYS {
        cache.get_or_insert_with(&key, || key);
    }
    let entries = cache.len() as u64;
    (Box::new(cache), entries)
}

fn quick() -> Filled {
    let cache = peers::quick_for::<u64, u64>(ENTRIES);
    for key in 0..KEYS {
        cache.insert(key, key);
    }
    let entries = cache.len() as u64;
    (Box::new(cache), entries)
}

fn moka() -> Filled {
    let cache = Moka::builder().max_capacity(ENTRIES).time_to_live(TTL).build();
    for key in 0..KEYS {
        cache.insert(key, key);
    }
    cache.run_pending_tasks();
    let entries = cache.entry_count();
    (Box::new(cache), entries)
}

fn cached() -> Filled {
    let capacity = usize::try_from(ENTRIES).expect("a capacity that fits memory");
    let mut cache = LruTtlCache::new(capacity, TTL);
    for key in 0..KEYS {
        cache.cache_set(key, key);
    }
    let entries = cache.cache_size() as u64;
    (Box::new(cache), entries)
}

fn map() -> Filled {
    let map: HashMap<u64, u64> = (0..ENTRIES).map(|key| (key, key)).collect();
    (Box::new(map), ENTRIES)
}

pub(crate) fn run(_: &Options, report: &mut Report) {
    println!("\nmemory, u64 -> u64, capacity {ENTRIES}, full");
    println!("  {:<36} {:>9} {:>15}", "contender", "entries", "bytes per entry");
    for (name, _) in CONTENDERS {
        match ask(name) {
            Ok((bytes, entries)) => {
                let each = as_f64(bytes) / as_f64(entries.max(1));
                println!("  {name:<36} {entries:>9} {each:>15.1}");
                if name == OURS_STORE {
                    report.entry_bytes = Some(each);
                }
            }
            Err(problem) => println!("  {name:<36} not measured: {problem}"),
        }
    }
}

/// The bytes and entries of one contender, from a process of its own.
fn ask(name: &str) -> Result<(u64, u64), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args([FILL, name])
        // Set, these do not grow with what is freed: a table that was outgrown goes back to the system, and its
        // pages are not counted as the cache's.
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .env("MALLOC_TRIM_THRESHOLD_", "131072")
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    match numbers.next().zip(numbers.next()) {
        Some(numbers) => Ok(numbers),
        None => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Fills the cache of one contender and prints how many bytes that took, and the number of entries.
pub(crate) fn fill(name: &str) -> ExitCode {
    let Some((_, fill)) = CONTENDERS.iter().find(|(contender, _)| *contender == name) else {
        eprintln!("no contender {name}");
        return ExitCode::FAILURE;
    };
    match anonymous().and_then(|before| {
        let (cache, entries) = fill();
        let after = anonymous()?;
        drop(cache);
        Ok((after.saturating_sub(before), entries))
    }) {
        Ok((bytes, entries)) => {
            println!("{bytes} {entries}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// The bytes of this process that are in memory and belong to no file.
fn anonymous() -> Result<u64, String> {
    const PAGES: &str = "/proc/self/smaps_rollup";
    let text = std::fs::read_to_string(PAGES).map_err(|error| format!("{PAGES}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| format!("{PAGES}: no Anonymous line"))
}
