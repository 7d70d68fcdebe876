//! How fast a cached call is, measured next to the caches a Rust author would otherwise use.
//!
//! ```text
//! cargo bench -p benches                          everything that needs no file
//! cargo bench -p benches -- --quick               the same in under a minute, without `compile`
//! cargo bench -p benches -- hits zipf             only these parts
//! cargo bench -p benches -- traces PATH...        replay recorded traces, report hit ratios
//!                           --capacities 600,1200 at these capacities
//! cargo bench -p benches -- adapt                 how soon a new working set is served
//! cargo bench -p benches -- memory                bytes of an entry
//! cargo bench -p benches -- compile               what an attribute costs the compiler
//! cargo bench -p benches -- http                  a GET over loopback TLS, next to other clients
//! cargo bench -p benches -- redis                 a GET from a real Redis, next to the `redis` crate's
//! ```
//!
//! The parts are `hits`, `async`, `threads`, `zipf`, `churn`, `stampede`, `capacity`, `adapt`, `memory`, `seal`,
//! `sealed`, `interop`, `traces`, `compile`, `http` and `redis`. Setting `CI` in the environment means `--quick`; `--full`
//! overrides it. Run without `cargo bench` (as `cargo test --all-targets` does) the short form is the default too.
//!
//! Every workload has several contenders. They take turns, a few milliseconds each, in an order
//! that rotates from round to round, so a busy neighbour slows all of them alike. A table shows the
//! median and the smallest time per operation; the ratio to `quick_cache` is the median of the
//! ratios within each round. The last table holds the project's bars against what was measured. A
//! missed bar is only printed. A wrong count (an execution too many, a caller that hangs, a cache
//! over its capacity) makes the process exit with an error.
//!
//! Instructions, which a busy machine does not change, are counted by `.ci/instructions`.

use std::process::ExitCode;

mod bars;
mod compile;
mod crew;
mod harness;
mod http;
mod load;
mod memory;
mod options;
mod ours;
mod peers;
mod redis;
mod report;
mod subjects;
mod traces;
mod turns;
mod workloads;
mod zipf;

use options::{Options, Part};
use report::Report;

/// Measures one part, prints its tables and leaves the results in the report.
type Workload = fn(&Options, &mut Report);

/// Runs what the arguments (without the program's name) ask for and prints the results.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    if let [first, contender] = &arguments[..]
        && first == memory::FILL
    {
        return memory::fill(contender);
    }
    let options = match Options::parse(arguments.into_iter()) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    if !options.wants_more_than_clients() {
        return ExitCode::SUCCESS;
    }
    println!("{}", report::machine());
    println!("{}", options.describe());

    let mut report = Report::default();
    let workloads: [(Part, Workload); 12] = [
        (Part::Hits, workloads::hits::run),
        (Part::Async, workloads::asynchronous::run),
        (Part::Threads, workloads::threads::run),
        (Part::Zipf, workloads::skewed::run),
        (Part::Churn, workloads::churn::run),
        (Part::Stampede, workloads::stampede::run),
        (Part::Capacity, workloads::capacity::run),
        (Part::Adapt, workloads::adapt::run),
        (Part::Memory, memory::run),
        (Part::Seal, workloads::seal::run),
        (Part::Sealed, workloads::sealed::run),
        (Part::Interop, workloads::interop::run),
    ];
    for (part, run) in workloads {
        if options.wants(part) {
            run(&options, &mut report);
        }
    }
    if options.wants(Part::Traces)
        && let Err(problem) = traces::run(&options, &mut report)
    {
        report.fail(format!("traces: {problem}"));
    }
    if options.wants(Part::Compile) {
        match compile::run(&options) {
            Ok(costs) => report.compile = Some(costs),
            Err(problem) => report.fail(format!("compile: {problem}")),
        }
    }

    bars::print(&report);
    verdict(&report.failures)
}

/// The same for the part `http`, or the server that it asks if that is what the arguments say.
/// `count` runs work in this thread and returns how many allocations that made.
pub fn http_main(
    arguments: impl Iterator<Item = String>,
    count: fn(&mut dyn FnMut()) -> u64,
) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    if arguments.first().is_some_and(|first| first == http::SERVE) {
        return http::serve();
    }
    clients(arguments, Part::Http, |options| http::run(options, count))
}

/// The same for the part `redis`, which has a row for a client of that server.
pub fn redis_main(
    arguments: impl Iterator<Item = String>,
    count: fn(&mut dyn FnMut()) -> u64,
) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    if arguments.first().is_some_and(|first| first == http::SERVE) {
        return http::serve();
    }
    clients(arguments, Part::Redis, |options| redis::run(options, count))
}

/// Runs a part that has a program of its own, if it is asked for.
fn clients(
    arguments: Vec<String>,
    part: Part,
    run: impl FnOnce(&Options) -> Result<Vec<String>, String>,
) -> ExitCode {
    let options = match Options::parse(arguments.into_iter()) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    if !options.wants(part) {
        return ExitCode::SUCCESS;
    }
    println!("{}", report::machine());
    println!("{}", options.describe());
    match run(&options) {
        Ok(failures) => verdict(&failures),
        Err(problem) => verdict(&[problem]),
    }
}

fn verdict(failures: &[String]) -> ExitCode {
    for failure in failures {
        eprintln!("WRONG: {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
