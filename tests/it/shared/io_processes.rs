//! `#[cache::io]` in several processes at once, over our server.
//!
//! The workers are this very test binary, started again with the environment a deployment would have.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cachekit::cache;
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::service::{Service, child, is_child};

const CALLERS: usize = 100;

const ASYNC: &str = "shared::io_processes::async_callers";
const SYNC: &str = "shared::io_processes::sync_callers";
const TWICE: &str = "shared::io_processes::twice";

/// Starts a worker. Whatever it prints is kept for the message if it fails.
fn worker(service: &Service, test: &str, gate: u16) -> Child {
    let mut program = child(test);
    service.configure(&mut program, "127.0.0.1");
    program.env("CACHEKIT_TEST_GATE", gate.to_string());
    program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Tells the parent that this worker is ready, and waits until all are.
async fn pass_the_gate() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let port: u16 = std::env::var("CACHEKIT_TEST_GATE").unwrap().parse().unwrap();
    let mut parent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    parent.write_all(b"r").await.unwrap();
    parent.read_exact(&mut [0]).await.unwrap();
}

/// Opens the gate once this many workers stand before it.
async fn open_the_gate(gate: TcpListener, workers: usize) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut waiting = Vec::new();
    for _ in 0..workers {
        let (mut worker, _) = gate.accept().await.unwrap();
        worker.read_exact(&mut [0]).await.unwrap();
        waiting.push(worker);
    }
    for worker in &mut waiting {
        worker.write_all(b"g").await.unwrap();
    }
}

/// Waits for a worker and returns what it reported after `report `.
fn report(mut worker: Child) -> String {
    let status = worker.wait().unwrap();
    let mut said = String::new();
    worker.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let mut errors = String::new();
    worker.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(status.success(), "{said}\n{errors}");
    // The test runner may have printed something before it on the same line.
    let reported = said.lines().find_map(|line| line.split_once("report ").map(|(_, rest)| rest));
    reported.unwrap_or_else(|| panic!("no report in {said}")).to_owned()
}

#[cache::io(ttl = 300, namespace = "processes")]
async fn slow_square(n: u64) -> u64 {
    // Long enough that every caller of both processes asks while it runs.
    tokio::time::sleep(Duration::from_millis(300)).await;
    n * n
}

#[cache::io(ttl = 300, namespace = "processes")]
fn slow_cube(n: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(300));
    n * n * n
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_a_hundred_callers_each_run_a_function_once() {
    for (test, result) in [(ASYNC, 49), (SYNC, 343)] {
        let service = Service::start(&[]).await;
        let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = gate.local_addr().unwrap().port();
        let workers = [worker(&service, test, port), worker(&service, test, port)];
        open_the_gate(gate, workers.len()).await;
        let reports = tokio::task::spawn_blocking(move || workers.map(report)).await.unwrap();
        let all: Vec<Vec<u64>> = reports
            .iter()
            .map(|report| report.split(' ').map(|word| word.parse().unwrap()).collect())
            .collect();
        // Loads, hits in the shared tier, errors there, and the sum of all results.
        let runs: u64 = all.iter().map(|report| report[0]).sum();
        assert_eq!(runs, 1, "{test}: {reports:?}");
        assert_eq!(all.iter().map(|report| report[1]).sum::<u64>(), 1, "{test}: {reports:?}");
        for report in &all {
            assert_eq!(report[2..], [0, result * CALLERS as u64], "{test}: {reports:?}");
        }
        service.running.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn async_callers() {
    if !is_child(ASYNC) {
        return;
    }
    crate::secure::set_keys();
    cachekit::init().unwrap();
    pass_the_gate().await;
    let barrier = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                slow_square(7).await
            })
        })
        .collect();
    let mut sum = 0;
    for caller in callers {
        sum += caller.await.unwrap();
    }
    let stats = slow_square::stats();
    println!("report {} {} {} {sum}", stats.loads, stats.shared_hits, stats.shared_errors);
}

#[test]
fn sync_callers() {
    if !is_child(SYNC) {
        return;
    }
    crate::secure::set_keys();
    cachekit::init().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(pass_the_gate());
    let barrier = std::sync::Barrier::new(CALLERS);
    let sum: u64 = std::thread::scope(|scope| {
        let call = || {
            barrier.wait();
            slow_cube(7)
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    let stats = slow_cube::stats();
    println!("report {} {} {} {sum}", stats.loads, stats.shared_hits, stats.shared_errors);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_process_finds_what_the_first_one_left() {
    let service = Service::start(&[]).await;
    let mut reports = Vec::new();
    for _ in 0..2 {
        let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let worker = worker(&service, TWICE, gate.local_addr().unwrap().port());
        open_the_gate(gate, 1).await;
        reports.push(tokio::task::spawn_blocking(move || report(worker)).await.unwrap());
    }
    // Runs, shared hits, hits here, errors.
    assert_eq!(reports, ["1 0 1 0", "0 1 1 0"]);
    service.running.shutdown().await;
}

/// Calls twice in one process, on a single-threaded runtime and from a sync function inside it.
#[tokio::test]
async fn twice() {
    if !is_child(TWICE) {
        return;
    }
    crate::secure::set_keys();
    // Other files of this binary have functions that are not for the service.
    if let Err(error) = cachekit::check().await {
        let known = |problem: &cachekit::Problem| problem.kind() == cachekit::ErrorKind::Function;
        assert!(error.problems().iter().all(known), "{error}");
    }
    pass_the_gate().await;
    assert_eq!(cube_twice(), [125, 125]);
    let stats = cube::stats();
    let counts = [stats.loads, stats.shared_hits, stats.hits, stats.shared_errors];
    println!("report {}", counts.map(|count| count.to_string()).join(" "));
}

#[cache::io(ttl = 300, namespace = "processes")]
fn cube(n: u64) -> u64 {
    n * n * n
}

fn cube_twice() -> [u64; 2] {
    [cube(5), cube(5)]
}
