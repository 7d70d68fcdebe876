//! Threads that wait between samples, so that what a contender keeps per thread survives.

use std::hint::{black_box, spin_loop};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, yield_now};
use std::time::{Duration, Instant};

/// Operations done in one thread: its number and the running indexes.
pub(crate) type Job = Arc<dyn Fn(usize, Range<u64>) + Send + Sync>;

struct Order {
    job: Job,
    range: Range<u64>,
    /// Counts the threads that are ready; the last one starts them all.
    ready: Arc<AtomicUsize>,
}

/// A fixed set of threads that start a job together.
pub(crate) struct Crew {
    orders: Vec<Sender<Order>>,
    done: Receiver<Duration>,
}

impl Crew {
    pub(crate) fn new(threads: usize) -> Self {
        let (report, done) = channel();
        let orders = (0..threads).map(|thread| {
            let (send, orders) = channel::<Order>();
            let report = report.clone();
            Builder::new()
                .name(format!("crew-{thread}"))
                .spawn(move || {
                    for order in orders {
                        if report.send(order.work(thread, threads)).is_err() {
                            return;
                        }
                    }
                })
                .expect("a benchmark machine can start a thread");
            send
        });
        Crew { orders: orders.collect(), done }
    }

    pub(crate) fn threads(&self) -> u64 {
        self.orders.len() as u64
    }

    /// Wraps one operation so that the loop around it is compiled together with it.
    pub(crate) fn job<R>(operation: impl Fn(usize, u64) -> R + Send + Sync + 'static) -> Job {
        Arc::new(move |thread, range| {
            for index in range {
                black_box(operation(thread, index));
            }
        })
    }

    /// Does the range once in every thread; returns the mean time a thread took.
    pub(crate) fn run(&self, job: &Job, range: Range<u64>) -> Duration {
        let ready = Arc::new(AtomicUsize::new(0));
        for orders in &self.orders {
            let order = Order { job: job.clone(), range: range.clone(), ready: ready.clone() };
            orders.send(order).expect("the thread waits for orders");
        }
        let total: Duration =
            self.orders.iter().map(|_| self.done.recv().expect("no operation panics")).sum();
        total / u32::try_from(self.orders.len()).expect("a handful of threads")
    }
}

impl Order {
    fn work(self, thread: usize, threads: usize) -> Duration {
        self.ready.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0_u32;
        while self.ready.load(Ordering::Acquire) < threads {
            // Spinning starts everyone at once; yielding lets a thread without a core get one.
            spins += 1;
            if spins.is_multiple_of(256) {
                yield_now();
            } else {
                spin_loop();
            }
        }
        let start = Instant::now();
        (self.job)(thread, self.range);
        start.elapsed()
    }
}
