//! Results, the tables they are printed in, and the line about the machine.

use std::fmt::Write as _;
use std::process::Command;
use std::thread::available_parallelism;

use crate::compile::Costs;
use crate::harness::Role;

/// The contender every ratio is taken against, and ours, by the names used in all tables.
pub(crate) const REFERENCE: &str = "quick_cache";
pub(crate) const OURS: &str = "cachekit #[cache]";
/// The peer that has what ours has: a bound and a TTL.
pub(crate) const BOUNDED: &str = "cached(max_size, ttl)";
/// Our cache used by hand, without an attribute.
pub(crate) const OURS_STORE: &str = "cachekit Cache";
/// Ours again where a table compares us with ourselves: called without `await`, from one thread.
pub(crate) const OURS_SYNC: &str = "cachekit #[cache], sync";
pub(crate) const OURS_NUMBER: &str = "cachekit #[cache], u64 hit";
pub(crate) const OURS_ALONE: &str = "cachekit #[cache], one thread";

/// One contender's samples, in ns per operation, by round.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) samples: Vec<f64>,
    /// In percent, where the workload has misses.
    pub(crate) hit_ratio: Option<f64>,
}

impl Row {
    pub(crate) fn median(&self) -> f64 {
        median(self.samples.clone())
    }

    fn min(&self) -> f64 {
        self.samples.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The median, over the rounds, of this row's time as a multiple of the other's.
    pub(crate) fn ratio_to(&self, other: &Row) -> f64 {
        median(
            self.samples.iter().zip(&other.samples).map(|(ours, theirs)| ours / theirs).collect(),
        )
    }
}

/// One workload's rows.
pub(crate) struct Table {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
    /// The operations were not what they should have been; see [`Report::add`].
    pub(crate) void: bool,
}

impl Table {
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    pub(crate) fn print(&self) {
        let reference = self.row(REFERENCE);
        let mut text = format!(
            "\n{}\n  {:<36} {:>9} {:>9} {:>8}",
            self.title, "contender", "median", "min", "ratio"
        );
        for row in &self.rows {
            let name = match row.role {
                Role::Floor => format!("({})", row.name),
                Role::Ours | Role::Peer => row.name.to_owned(),
            };
            let _ = write!(text, "\n  {name:<36} {:>9.1} {:>9.1}", row.median(), row.min());
            let _ = match reference {
                Some(reference) => write!(text, " {:>7.2}x", row.ratio_to(reference)),
                None => write!(text, " {:>8}", "-"),
            };
            if let Some(hits) = row.hit_ratio {
                let _ = write!(text, "   hits {hits:.2} %");
            }
        }
        println!("{text}");
    }
}

/// What a workload is made of.
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    Hits,
    Misses,
    Mixed,
}

/// How calls for one cold key went, over all repetitions.
pub(crate) struct Stampedes {
    pub(crate) repetitions: usize,
    /// Repetitions in which the function did not run exactly once.
    pub(crate) repeated: usize,
    /// Calls that had not returned when the watchdog looked.
    pub(crate) hangs: usize,
}

/// The largest number of entries seen in a cache under write pressure.
pub(crate) struct Overshoot {
    pub(crate) capacity: u64,
    pub(crate) largest: u64,
}

/// How long our cache takes to serve a new working set, at worst.
pub(crate) struct Adapted {
    /// The first round without a miss; `None` where it did not come.
    pub(crate) rounds: Option<usize>,
    pub(crate) tried: usize,
}

/// Hit ratios on one trace at one capacity, as points above the best peer's mean.
pub(crate) struct Replay {
    pub(crate) name: String,
    pub(crate) mean: f64,
    /// What nine seeds of ten reach.
    pub(crate) low: f64,
}

/// Everything measured, for the table of bars and for the exit code.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) tables: Vec<Table>,
    pub(crate) stampedes: Option<Stampedes>,
    pub(crate) overshoot: Option<Overshoot>,
    pub(crate) adapted: Option<Adapted>,
    pub(crate) replays: Vec<Replay>,
    /// Bytes of one of our entries.
    pub(crate) entry_bytes: Option<f64>,
    pub(crate) compile: Option<Costs>,
    pub(crate) failures: Vec<String>,
}

impl Report {
    pub(crate) fn table(&self, id: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.id == id)
    }

    /// Adds a table whose operations, as far as they are counted, must all be hits (or all misses).
    ///
    /// A cache that stores nothing would look very fast there, or one that is never asked.
    pub(crate) fn add(&mut self, mut table: Table, expected: Expected) {
        for row in &table.rows {
            let as_expected = match (expected, row.hit_ratio) {
                (Expected::Mixed, _) | (_, None) => true,
                (Expected::Hits, Some(hits)) => hits > 99.9,
                (Expected::Misses, Some(hits)) => hits < 0.1,
            };
            if !as_expected {
                table.void = true;
                let hits = row.hit_ratio.unwrap_or_default();
                self.failures.push(format!(
                    "{}: {} answers {hits:.2} % from the cache, so its time means nothing",
                    table.id, row.name
                ));
            }
        }
        self.tables.push(table);
    }

    /// Notes something that must not happen at any speed.
    pub(crate) fn fail(&mut self, failure: String) {
        self.failures.push(failure);
    }
}

/// The middle value; the mean of the two in the middle for an even number of them.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Processor, cores, load, system and compiler: what the numbers below depend on.
pub(crate) fn machine() -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let processor = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|info| {
            let line = info.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let load = std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|line| line.split_whitespace().next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned());
    let compiler = Command::new("rustc")
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "rustc unknown".to_owned(), |version| version.trim().to_owned());
    let system = std::env::consts::OS;
    format!("machine: {processor}, {cores} cores, load {load}, {system}, {compiler}")
}
