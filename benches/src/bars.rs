//! The project's bars, held against what this run measured.

use crate::report::{
    BOUNDED, OURS, OURS_ALONE, OURS_NUMBER, OURS_SYNC, REFERENCE, Replay, Report, Row, Table,
};
use crate::workloads::seal::{
    BARE_AES_GCM, BARE_AWS_LC, INTEROP, NATIVE, SEAL_AES_GCM, SEAL_AWS_LC, SEAL_CORE, fastest,
};
use crate::workloads::{interop, sealed};

/// Points of hit ratio we may stay below the reference.
const HIT_RATIO_SLACK: f64 = 0.3;

/// One line of the table; `met` is `None` where this run did not measure it.
pub(crate) struct Bar {
    name: String,
    wanted: String,
    measured: String,
    met: Option<bool>,
}

impl Bar {
    pub(crate) fn new(name: &str, wanted: &str) -> Self {
        Bar { name: name.to_owned(), wanted: wanted.to_owned(), measured: String::new(), met: None }
    }

    pub(crate) fn judged(mut self, measured: String, met: bool) -> Self {
        self.measured = measured;
        self.met = Some(met);
        self
    }

    /// Our time as a multiple of `other`'s in the same table.
    fn ratio(self, table: Option<&Table>, other: &str, limit: f64) -> Self {
        if table.is_some_and(|table| table.void) {
            return self.judged("void".to_owned(), false);
        }
        self.below(table.and_then(|table| Some((table.row(OURS)?, table.row(other)?))), limit)
    }

    /// The first row's time as a multiple of the second's.
    fn below(self, rows: Option<(&Row, &Row)>, limit: f64) -> Self {
        match rows {
            Some((ours, other)) => {
                let ratio = ours.ratio_to(other);
                self.judged(format!("{ratio:.2}x"), ratio <= limit)
            }
            None => self,
        }
    }
}

/// Prints the table of bars.
pub(crate) fn print(report: &Report) {
    print_all(bars(report));
}

pub(crate) fn print_all(bars: Vec<Bar>) {
    let (bars, absent): (Vec<Bar>, Vec<Bar>) = bars.into_iter().partition(|bar| bar.met.is_some());
    if bars.is_empty() {
        return;
    }
    println!("\nbars (a missed bar does not fail the run, a wrong count does)");
    println!("  {:<44} {:<34} {:<24} ", "what", "wanted", "measured");
    for bar in &bars {
        let verdict = if bar.met == Some(true) { "PASS" } else { "MISS" };
        println!("  {:<44} {:<34} {:<24} {verdict}", bar.name, bar.wanted, bar.measured);
    }
    let missed = bars.iter().filter(|bar| bar.met == Some(false)).count();
    println!(
        "  {} met, {missed} missed, {} not measured in this run",
        bars.len() - missed,
        absent.len()
    );
}

fn bars(report: &Report) -> Vec<Bar> {
    let mut bars = Vec::new();
    for (id, keys) in [("u64-1", "1 key"), ("u64-64", "64 keys"), ("u64-1024", "1024 keys")] {
        let name = format!("hit u64 -> u64, {keys}");
        bars.push(times(&name, report.table(id), BOUNDED, 0.4));
        bars.push(times(&name, report.table(id), REFERENCE, 1.4));
    }
    bars.push(times("9,000 keys in 10,000", report.table("u64-9000"), BOUNDED, 1.0));
    bars.push(times("two threads, one key", report.table("threads"), REFERENCE, 0.45));
    let hot = "<= 1.05x our hit from one thread";
    bars.push(Bar::new("two threads, one key", hot).ratio(
        report.table("threads"),
        OURS_ALONE,
        1.05,
    ));
    let number = "<= 1.10x our hit of a u64";
    for (id, name) in [("with-arc", "`with` on an Arc"), ("with-4k", "`with` on 4 KiB")] {
        bars.push(Bar::new(name, number).ratio(report.table(id), OURS_NUMBER, 1.1));
    }
    let sync = "<= 1.30x our sync hit";
    bars.push(Bar::new("async hit", sync).ratio(report.table("async"), OURS_SYNC, 1.3));
    bars.push(times("hit (&str, u64) -> struct", report.table("struct"), REFERENCE, 1.1));
    bars.push(times("hit (&str, u64) -> Arc", report.table("arc"), REFERENCE, 1.2));
    for (id, name) in [("zipf", "Zipf 0.99, one thread"), ("zipf-2", "Zipf 0.99, two threads")] {
        let table = report.table(id);
        bars.push(times(name, table, BOUNDED, 1.0));
        bars.push(hit_ratio(name, table));
    }
    bars.push(times("miss + insert + evict", report.table("churn"), BOUNDED, 0.9));
    bars.push(stampede(report));
    bars.push(capacity(report));
    bars.push(adapt(report));
    bars.push(traces(report, "mean of the seeds", |replay| replay.mean));
    bars.push(traces(report, "9 seeds of 10", |replay| replay.low));
    bars.push(memory(report));
    compile(report, &mut bars);
    seal(report, &mut bars);
    sealed(report, &mut bars);
    interop_bars(report, &mut bars);
    bars
}

/// Our time in the table, at most `limit` times the other's.
fn times(name: &str, table: Option<&Table>, other: &str, limit: f64) -> Bar {
    Bar::new(name, &format!("<= {limit:.2}x {other}")).ratio(table, other, limit)
}

/// Sealing against the bare cipher of the same library, and against the ecosystem's implementation.
fn seal(report: &Report, bars: &mut Vec<Bar>) {
    let pairs = [("aes-gcm", SEAL_AES_GCM, BARE_AES_GCM), ("aws-lc-rs", SEAL_AWS_LC, BARE_AWS_LC)];
    for (provider, sealed, bare) in pairs {
        for (id, size) in [("seal-64", "64 B"), ("seal-1024", "1 KiB")] {
            let bar =
                Bar::new(&format!("seal + open {size}, {provider}"), "<= bare cipher + 800 ns");
            bars.push(match rows(report, id, sealed, bare) {
                Some((sealed, floor)) => {
                    let more = sealed.median() - floor.median();
                    bar.judged(format!("+{more:.0} ns"), more <= 800.0)
                }
                None => bar,
            });
        }
        let name = format!("seal + open 16 KiB, {provider}");
        let bar = Bar::new(&name, "<= 1.10x the bare cipher");
        bars.push(bar.below(rows(report, "seal-16384", sealed, bare), 1.1));
    }
    for (id, size, limit) in [("seal-16384", "16 KiB", 0.75), ("seal-262144", "256 KiB", 0.4)] {
        let name = format!("seal + open {size}, aws-lc-rs");
        let bar = Bar::new(&name, &format!("<= {limit:.2}x {SEAL_CORE}"));
        bars.push(bar.below(rows(report, id, SEAL_AWS_LC, SEAL_CORE), limit));
    }
    // On every processor, with the provider that is the fastest there.
    let of = |id, names: &[&str]| {
        let table = report.table(id)?;
        Some((fastest(table, names)?, table.row(SEAL_CORE)?))
    };
    let bar = Bar::new("seal + open 64 B, fastest provider", "<= cachekit-core + 900 ns");
    bars.push(match of("seal-64", &NATIVE) {
        Some((sealed, core)) => {
            let more = sealed.median() - core.median();
            bar.judged(format!("+{more:.0} ns"), more <= 900.0)
        }
        None => bar,
    });
    for (id, size, format, names, limit) in [
        ("seal-16384", "16 KiB", "native", &NATIVE, 1.0),
        ("seal-262144", "256 KiB", "native", &NATIVE, 0.4),
        ("seal-64", "64 B", "interop", &INTEROP, 1.1),
        ("seal-16384", "16 KiB", "interop", &INTEROP, 1.0),
    ] {
        let name = format!("seal + open {size}, {format}, fastest");
        let bar = Bar::new(&name, &format!("<= {limit:.2}x {SEAL_CORE}"));
        bars.push(bar.below(of(id, names), limit));
    }
}

/// A hit on a sealed entry against one of the ecosystem's client, and a typed one against an open one.
fn sealed(report: &Report, bars: &mut Vec<Bar>) {
    let bar = Bar::new("sealed hit, small struct", "<= 0.50x cachekit-rs, encrypted");
    bars.push(bar.below(rows(report, "sealed", sealed::SEALED, sealed::PUBLISHED), 0.5));
    // Equal: what is left between them is where the code happens to lie.
    let bar = Bar::new("sealed function's typed hit", "<= 1.05x #[cache]'s hit");
    bars.push(bar.below(rows(report, "sealed", sealed::TYPED, sealed::OPEN), 1.05));
}

/// Keys against the ecosystem's client, and values against the codec that it uses.
fn interop_bars(report: &Report, bars: &mut Vec<Bar>) {
    for (id, what) in interop::KEYS {
        let bar = Bar::new(&format!("interop key of {what}"), "<= 0.50x cachekit-rs");
        bars.push(bar.below(rows(report, id, interop::OURS, interop::SDK), 0.5));
    }
    for (id, what) in [("interop-encode", "encode"), ("interop-decode", "decode")] {
        let bar = Bar::new(&format!("interop {what}, struct"), "<= 0.60x cachekit-rs");
        bars.push(bar.below(rows(report, id, interop::OURS, interop::SDK), 0.6));
    }
}

fn rows<'a>(report: &'a Report, id: &str, ours: &str, other: &str) -> Option<(&'a Row, &'a Row)> {
    let table = report.table(id)?;
    Some((table.row(ours)?, table.row(other)?))
}

fn hit_ratio(name: &str, table: Option<&Table>) -> Bar {
    let bar = Bar::new(name, "hit ratio >= quick_cache - 0.3");
    let ratio =
        |name: &str| table.and_then(|table| table.row(name)).and_then(|row: &Row| row.hit_ratio);
    match ratio(OURS).zip(ratio(REFERENCE)) {
        Some((ours, theirs)) => {
            bar.judged(format!("{ours:.2} % to {theirs:.2} %"), ours >= theirs - HIT_RATIO_SLACK)
        }
        None => bar,
    }
}

fn stampede(report: &Report) -> Bar {
    let bar = Bar::new("1000 tasks on a cold key", "one execution, no hang, each time");
    match &report.stampedes {
        Some(seen) => bar.judged(
            format!("{} of {} off, {} hangs", seen.repeated, seen.repetitions, seen.hangs),
            seen.repeated == 0 && seen.hangs == 0,
        ),
        None => bar,
    }
}

fn capacity(report: &Report) -> Bar {
    let bar = Bar::new("entries under write pressure", "<= 1.01x capacity");
    match &report.overshoot {
        Some(seen) => bar.judged(
            format!("{} of {}", seen.largest, seen.capacity),
            seen.largest <= seen.capacity + seen.capacity / 100,
        ),
        None => bar,
    }
}

fn adapt(report: &Report) -> Bar {
    let bar = Bar::new("a new working set is served in full", "by round 12");
    match &report.adapted {
        Some(seen) => match seen.rounds {
            Some(rounds) => bar.judged(format!("by round {rounds}"), rounds <= 12),
            None => bar.judged(format!("not in {} rounds", seen.tried), false),
        },
        None => bar,
    }
}

/// The trace and capacity where we are furthest behind.
fn traces(report: &Report, what: &str, points: impl Fn(&Replay) -> f64) -> Bar {
    let bar = Bar::new(&format!("hit ratio on traces, {what}"), ">= the best peer's - 1 point");
    let worst = report.replays.iter().min_by(|a, b| points(a).total_cmp(&points(b)));
    match worst {
        Some(replay) => {
            bar.judged(format!("{:+.2}, {}", points(replay), replay.name), points(replay) >= -1.0)
        }
        None => bar,
    }
}

fn memory(report: &Report) -> Bar {
    let bar = Bar::new("memory of an entry, u64 -> u64", "<= 170 bytes");
    match report.entry_bytes {
        Some(bytes) => bar.judged(format!("{bytes:.1} bytes"), bytes <= 170.0),
        None => bar,
    }
}

fn compile(report: &Report, bars: &mut Vec<Bar>) {
    let costs = report.compile.as_ref();
    let each = [
        ("sync", 9.0, costs.map(|costs| costs.sync)),
        ("async", 25.0, costs.map(|costs| costs.asynchronous)),
    ];
    for (kind, limit, cost) in each {
        let name = format!("compile time of a further {kind} function");
        let bar = Bar::new(&name, &format!("<= {limit:.0} ms"));
        bars.push(match cost {
            Some(cost) => bar.judged(format!("{cost:.1} ms"), cost <= limit),
            None => bar,
        });
    }
}
