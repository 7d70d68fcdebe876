//! A thousand tasks that ask for one cold key at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;

use crate::options::Options;
use crate::report::{OURS, REFERENCE, Report, Stampedes, median};
use crate::subjects::{Counter, number, slow_number};
use crate::{ours, peers};

const TASKS: usize = 1_000;
/// A repetition takes milliseconds; a call that has not returned after this long never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came out of all repetitions of one contender.
#[derive(Default)]
struct Outcome {
    /// In milliseconds, from the first spawn to the last answer.
    times: Vec<f64>,
    /// Repetitions in which the function did not run exactly once.
    repeated: usize,
    most_runs: u64,
    hangs: usize,
    wrong_values: usize,
}

pub(crate) fn run(options: &Options, report: &mut Report) {
    let repetitions = options.pick(100, 1_000);
    let for_peers = repetitions / 10;
    println!("\n{TASKS} tasks on one cold key, two workers");
    println!(
        "  {:<36} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "contender", "median ms", "repeats", "not once", "most runs", "hangs"
    );

    let outcome = stampede(repetitions, || ours::COLD_RUNS.get(), ours::cold);
    print(OURS, &outcome);
    judge(report, &outcome);

    let outcome = stampede(for_peers, || peers::CACHED_COLD_RUNS.get(), peers::cold);
    print("cached(max_size, ttl, by_key)", &outcome);

    let runs = Arc::new(Counter::default());
    let quick = Arc::new(peers::quick::<u64, u64>());
    let outcome = stampede(
        for_peers,
        || runs.get(),
        |key| {
            let (quick, runs) = (quick.clone(), runs.clone());
            async move {
                let compute = async {
                    runs.add();
                    Ok::<_, Infallible>(slow_number(key).await)
                };
                match quick.get_or_insert_async(&key, compute).await {
                    Ok(value) => value,
                    Err(never) => match never {},
                }
            }
        },
    );
    print(REFERENCE, &outcome);

    let runs = Arc::new(Counter::default());
    let moka = peers::moka_async::<u64, u64>();
    let outcome = stampede(
        for_peers,
        || runs.get(),
        |key| {
            let (moka, runs) = (moka.clone(), runs.clone());
            async move {
                let compute = async {
                    runs.add();
                    slow_number(key).await
                };
                moka.get_with(key, compute).await
            }
        },
    );
    print("moka(ttl)", &outcome);
}

/// Repeats the stampede with a fresh key each time, and stops at the first hang.
fn stampede<F>(repetitions: usize, runs: impl Fn() -> u64, call: impl Fn(u64) -> F) -> Outcome
where
    F: Future<Output = u64> + Send + 'static,
{
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a benchmark machine can start two threads");
    let mut outcome = Outcome::default();
    for key in 0..repetitions as u64 {
        let before = runs();
        let start = Instant::now();
        let (answers, late) = once(&runtime, key, &call);
        outcome.times.push(start.elapsed().as_secs_f64() * 1e3);
        let executions = runs() - before;
        outcome.repeated += usize::from(executions != 1);
        outcome.most_runs = outcome.most_runs.max(executions);
        outcome.wrong_values += answers.iter().filter(|&&value| value != number(key)).count();
        outcome.hangs += late;
        if late > 0 {
            break;
        }
    }
    // A worker that hangs must not keep the process from reporting it.
    runtime.shutdown_background();
    outcome
}

/// All tasks ask for `key`; returns the answers and how many tasks gave none in time.
///
/// The watch is kept by this thread, outside the runtime: blocked workers cannot stop its clock.
fn once<F>(runtime: &Runtime, key: u64, call: &impl Fn(u64) -> F) -> (Vec<u64>, usize)
where
    F: Future<Output = u64> + Send + 'static,
{
    let start = Arc::new(Barrier::new(TASKS));
    let (send, received) = channel();
    for _ in 0..TASKS {
        let (start, send, answer) = (start.clone(), send.clone(), call(key));
        runtime.spawn(async move {
            start.wait().await;
            // The receiver is gone only after a hang elsewhere, when the count is not read any more.
            let _ = send.send(answer.await);
        });
    }
    drop(send);
    let deadline = Instant::now() + PATIENCE;
    let mut answers = Vec::with_capacity(TASKS);
    while answers.len() < TASKS {
        match received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(answer) => answers.push(answer),
            // Out of time, or a task was lost to a panic: either way it never answers.
            Err(_) => break,
        }
    }
    let late = TASKS - answers.len();
    (answers, late)
}

fn print(name: &str, outcome: &Outcome) {
    println!(
        "  {name:<36} {:>9.2} {:>9} {:>9} {:>9} {:>9}",
        median(outcome.times.clone()),
        outcome.times.len(),
        outcome.repeated,
        outcome.most_runs,
        outcome.hangs,
    );
}

fn judge(report: &mut Report, outcome: &Outcome) {
    let repetitions = outcome.times.len();
    if outcome.repeated > 0 {
        report.fail(format!(
            "stampede: in {} of {repetitions} repetitions the function did not run exactly once (up to {} runs)",
            outcome.repeated, outcome.most_runs
        ));
    }
    if outcome.hangs > 0 {
        report.fail(format!("stampede: {} callers never returned", outcome.hangs));
    }
    if outcome.wrong_values > 0 {
        report.fail(format!("stampede: {} callers got a wrong value", outcome.wrong_values));
    }
    report.stampedes =
        Some(Stampedes { repetitions, repeated: outcome.repeated, hangs: outcome.hangs });
}
