//! A hit of a `#[cache]` function in the shared tier, next to the bare GET of as many bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use cachekit::cache;
use cachekit_io::Redis;
use tokio::runtime::Runtime;

use super::clients::{Bare, Ours, Target};
use super::{BARE, CONCURRENCY, OURS, bar, note_wrong, store};
use crate::bars::Bar;
use crate::http::value;
use crate::load::{Client, Contender, Sample};
use crate::options::Options;
use crate::turns::{Row, measure, print};

/// Each key is asked for once in a sample: then it is in the process.
const TIER_KEYS: usize = 2048;
const TIER_SIZE: usize = 100;

const THROUGH: &str = "#[cache], hit in the tier";

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

pub(super) fn run(
    options: &Options,
    runtime: &Runtime,
    redis: &Arc<Redis>,
    direct: &Arc<Bare>,
    bars: &mut Vec<Bar>,
    failures: &mut Vec<String>,
) -> Result<(), String> {
    cachekit::set_default_backend(redis.clone());
    let ours = Arc::new(Ours(redis.clone()));
    let subject = Arc::new(runtime.block_on(store(&**redis, TIER_KEYS, TIER_SIZE))?);
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
            [row(THROUGH, &through), row(BARE, direct), row(OURS, &ours)];
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
