//! Contenders, and the rounds in which they take turns.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use crate::crew::Crew;
use crate::options::Options;
use crate::report::{Row, Table};

/// What a contender stands for in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// This project.
    Ours,
    /// Another cache that could be used instead.
    Peer,
    /// Not a cache: shows what is left when parts of one are taken away.
    Floor,
}

/// Something that can do `n` operations and say how long they took.
pub(crate) struct Contender<'a> {
    name: &'static str,
    role: Role,
    threads: u64,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
    misses: Option<Box<dyn Fn() -> u64 + 'a>>,
}

impl<'a> Contender<'a> {
    /// A contender that times its own operations.
    pub(crate) fn timed(
        name: &'static str,
        role: Role,
        run: impl FnMut(u64) -> Duration + 'a,
    ) -> Self {
        Contender { name, role, threads: 1, run: Box::new(run), misses: None }
    }

    /// A contender whose operation gets a running index: 0, 1, 2, … over the whole measurement.
    pub(crate) fn indexed<R>(
        name: &'static str,
        role: Role,
        mut operation: impl FnMut(u64) -> R + 'a,
    ) -> Self {
        let mut next = 0;
        Self::timed(name, role, move |n| {
            let start = Instant::now();
            for index in next..next + n {
                black_box(operation(index));
            }
            next += n;
            start.elapsed()
        })
    }

    /// A contender called with one key of `stream` after the other, from the start again at its
    /// end. The stream's length is a power of two.
    pub(crate) fn keyed<K: Copy, R>(
        name: &'static str,
        role: Role,
        stream: &'a [K],
        mut operation: impl FnMut(K) -> R + 'a,
    ) -> Self {
        assert!(stream.len().is_power_of_two(), "the stream wraps around by a mask");
        let mask = stream.len() - 1;
        let mut next = 0;
        Self::timed(name, role, move |n| {
            let start = Instant::now();
            for _ in 0..n {
                let key = stream[next & mask];
                next += 1;
                black_box(operation(black_box(key)));
            }
            start.elapsed()
        })
    }

    /// A contender whose `operation` runs in every thread of the crew at once; it gets the thread's
    /// number and a running index per thread. The time is that of one thread's operation.
    pub(crate) fn in_threads<R>(
        name: &'static str,
        role: Role,
        crew: &'a Crew,
        operation: impl Fn(usize, u64) -> R + Send + Sync + 'static,
    ) -> Self {
        let job = Crew::job(operation);
        let mut next = 0;
        let mut contender = Self::timed(name, role, move |n| {
            let elapsed = crew.run(&job, next..next + n);
            next += n;
            elapsed
        });
        contender.threads = crew.threads();
        contender
    }

    /// Also reports the hit ratio, from a counter of the calls that missed.
    pub(crate) fn counting(mut self, misses: impl Fn() -> u64 + 'a) -> Self {
        self.misses = Some(Box::new(misses));
        self
    }

    fn sample(&mut self, operations: u64) -> f64 {
        let elapsed = (self.run)(operations);
        elapsed.as_secs_f64() * 1e9 / as_f64(operations)
    }
}

/// How the operations of one sample are chosen.
#[derive(Clone, Copy)]
pub(crate) enum Batch {
    /// As many as take a few milliseconds, found per contender.
    Calibrated,
    /// The same number for everyone, after a warm-up of `warm` operations.
    Fixed { warm: u64, operations: u64 },
}

/// Measures the contenders in rounds and prints the table.
pub(crate) fn measure(
    options: &Options,
    id: &'static str,
    title: &str,
    batch: Batch,
    mut contenders: Vec<Contender<'_>>,
) -> Table {
    let rounds = options.pick(25, 101);
    let sample = Duration::from_millis(options.pick(3, 4));
    let count = contenders.len();
    let operations: Vec<u64> = contenders
        .iter_mut()
        .map(|contender| match batch {
            Batch::Calibrated => calibrate(contender, sample),
            Batch::Fixed { warm, operations } => {
                contender.sample(warm);
                operations
            }
        })
        .collect();
    let missed = |contenders: &[Contender<'_>]| -> Vec<Option<u64>> {
        contenders.iter().map(|contender| contender.misses.as_ref().map(|count| count())).collect()
    };
    let before = missed(&contenders);

    let mut samples = vec![Vec::with_capacity(rounds); count];
    for round in 0..rounds {
        for turn in 0..count {
            let index = (round + turn) % count;
            samples[index].push(contenders[index].sample(operations[index]));
        }
    }

    let after = missed(&contenders);
    let rows = contenders.iter().enumerate().map(|(index, contender)| {
        let calls = operations[index] * rounds as u64 * contender.threads;
        let hit_ratio = before[index]
            .zip(after[index])
            .map(|(before, after)| 100.0 * (1.0 - as_f64(after - before) / as_f64(calls)));
        Row {
            name: contender.name,
            role: contender.role,
            samples: std::mem::take(&mut samples[index]),
            hit_ratio,
        }
    });
    let table = Table { id, title: title.to_owned(), rows: rows.collect(), void: false };
    table.print();
    table
}

/// The number of operations that take about `sample`; finding it also warms the contender up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn calibrate(contender: &mut Contender<'_>, sample: Duration) -> u64 {
    let mut operations = 64;
    loop {
        let elapsed = (contender.run)(operations);
        if elapsed * 4 >= sample || operations >= 1 << 32 {
            let per_sample = as_f64(operations) * sample.as_secs_f64() / elapsed.as_secs_f64();
            let found = (per_sample as u64).max(1);
            // Something else may have had the processor meanwhile: then it is over much sooner, and the
            // contender may not even be warm.
            if (contender.run)(found) * 2 >= sample {
                return found;
            }
        }
        operations *= 2;
    }
}

/// Runs `work` in a new thread, in which nothing is left of what a cache keeps per thread.
pub(crate) fn in_new_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| scope.spawn(work).join().expect("no contender panics"))
}

/// The nearest float; the counts here are far below the 2^53 from which it would be inexact.
#[expect(clippy::cast_precision_loss)]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}
