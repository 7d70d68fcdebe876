//! Contenders that take turns, and the table of what came of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::harness::as_f64;
use crate::load::{Contender, Sample, Subject};
use crate::options::Options;
use crate::report::median;

/// How many requests are counted for their allocations.
const COUNTED: usize = 256;

/// A client with all its turns in one table.
pub(crate) struct Row<'a, T> {
    pub(crate) name: &'static str,
    pub(crate) contender: &'a dyn Contender<T>,
    pub(crate) requests: usize,
    pub(crate) samples: Vec<Sample>,
    pub(crate) allocations: f64,
}

impl<T> Row<'_, T> {
    pub(crate) fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of).collect())
    }

    /// The median, over the rounds, of this row's number as a multiple of the other's.
    pub(crate) fn ratio(&self, other: &Row<'_, T>, of: impl Fn(&Sample) -> f64) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        median(pairs.map(|(ours, theirs)| of(ours) / of(theirs)).collect())
    }
}

/// Warms a client up, counts its allocations, and finds how many requests make a sample.
pub(crate) fn prepare<'a, T>(
    runtime: &Runtime,
    subject: &Arc<Subject<T>>,
    name: &'static str,
    contender: &'a dyn Contender<T>,
    options: &Options,
    concurrency: usize,
    count: fn(&mut dyn FnMut()) -> u64,
) -> Result<Row<'a, T>, String> {
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
        // Every contender has some turns.
        requests: requests.max(4 * concurrency),
        samples: Vec::new(),
        allocations: as_f64(allocations) / as_f64(COUNTED as u64),
    })
}

pub(crate) fn measure<T>(
    options: &Options,
    runtime: &Runtime,
    subject: &Arc<Subject<T>>,
    concurrency: usize,
    rows: &mut [Row<'_, T>],
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

/// Prints a table; `reference` is the row that ratios of processor time refer to.
pub(crate) fn print<T>(title: &str, reference: &str, rows: &[Row<'_, T>]) {
    println!(
        "\n{title}\n  {:<26} {:>9} {:>9} {:>9} {:>9} {:>8} {:>9}",
        "client", "req/s", "p50 us", "p99 us", "CPU us", "ratio", "allocs"
    );
    let reference = rows.iter().find(|row| row.name == reference);
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
