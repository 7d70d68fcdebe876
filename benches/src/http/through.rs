//! A hit in the shared tier through a `#[cache::io]` function, next to the GET inside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use cachekit::cache;
use cachekit_io::{Backend, CachekitIo};
use tokio::runtime::Runtime;

use super::clients::Target;
use super::server::Process;
use super::store;
use crate::bars::Bar;
use crate::load::{Client, Contender, Sample};
use crate::options::Options;
use crate::turns::{Row, measure, print};

/// Each is asked for once in a sample: what was found is in the process from then on.
const KEYS: usize = 2048;
const SIZE: usize = 100;

const THROUGH: &str = "#[cache::io], hit in the tier";
const BARE: &str = "the backend's GET";

static RUNS: AtomicU64 = AtomicU64::new(0);

#[cache::io(ttl = "1h", namespace = "bench", capacity = 4096)]
async fn annotated(id: u64) -> Vec<u8> {
    RUNS.fetch_add(1, Ordering::Relaxed);
    super::value(id, SIZE).into()
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

/// Calls the backend as the function does.
struct Bare(Arc<dyn Backend>);

impl Client<Target> for Bare {
    async fn get(&self, target: &Target) -> Result<Bytes, String> {
        let found = self.0.get(&target.key).await.map_err(|error| error.to_string())?;
        found.map(cachekit_io::Fetched::into_value).ok_or_else(|| "absent".to_owned())
    }
}

/// Measures, prints, and adds to the bars and to what was wrong.
pub(super) fn run(
    options: &Options,
    server: &Process,
    runtime: &Runtime,
    client: &Arc<CachekitIo>,
    bars: &mut Vec<Bar>,
    failures: &mut Vec<String>,
) -> Result<(), String> {
    let backend: Arc<dyn Backend> = client.clone();
    cachekit::set_default_backend(Arc::clone(&backend));
    let subject = Arc::new(runtime.block_on(store(server, client, KEYS, SIZE))?);
    let through = Arc::new(Through);
    let direct = Arc::new(Bare(backend));
    // Puts every value into the tier.
    through.ask(runtime, &subject, KEYS)?;
    let filled = RUNS.load(Ordering::Relaxed);

    for concurrency in [1, 64] {
        let title = format!("a hit in the shared tier, {concurrency} at a time");
        let row = |name, contender| Row {
            name,
            contender,
            requests: KEYS,
            samples: Vec::new(),
            allocations: f64::NAN,
        };
        let mut rows: [Row<'_, Target>; 2] = [row(THROUGH, &through), row(BARE, &direct)];
        measure(options, runtime, &subject, concurrency, &mut rows);
        print(&title, BARE, &rows);
        for row in &rows {
            let wrong = row.samples.iter().find_map(|sample| sample.wrong.as_ref());
            failures.extend(wrong.map(|wrong| format!("{title}: {}: {wrong}", row.name)));
        }
        let (what, of): (_, fn(&Sample) -> f64) = if concurrency == 1 {
            ("p50", |sample| sample.percentile(50))
        } else {
            ("CPU", Sample::cpu_micros)
        };
        let ratio = rows[0].ratio(&rows[1], of);
        bars.push(
            Bar::new(&format!("{title}, {what}"), &format!("<= 1.15x {BARE}"))
                .judged(format!("{ratio:.2}x"), ratio <= 1.15),
        );
    }
    let more = RUNS.load(Ordering::Relaxed) - filled;
    if filled != KEYS as u64 || more > 0 {
        failures.push(format!(
            "a hit in the shared tier: the function ran {filled} times for {KEYS} keys, and {more} times after"
        ));
    }
    Ok(())
}
