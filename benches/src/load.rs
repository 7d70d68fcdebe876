//! Callers that ask one after the other, as many at once as wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

use crate::harness::as_f64;

/// Something that gets a value.
pub(crate) trait Client<T>: Send + Sync + 'static {
    fn get(&self, target: &T) -> impl Future<Output = Result<Bytes, String>> + Send;

    /// Before each sample, and not part of it.
    fn forget(&self) {}
}

/// What is asked for, and the right answers.
pub(crate) struct Subject<T> {
    pub(crate) targets: Vec<T>,
    pub(crate) values: Vec<Bytes>,
}

/// One contender's turn.
pub(crate) struct Sample {
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    /// Processor time of this process: the client, without the server.
    pub(crate) cpu: Duration,
    /// In order.
    latencies: Vec<Duration>,
    /// What was wrong with an answer, if any was.
    pub(crate) wrong: Option<String>,
}

impl Sample {
    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / as_f64(self.requests)
    }

    pub(crate) fn per_second(&self) -> f64 {
        as_f64(self.requests) / self.elapsed.as_secs_f64()
    }

    /// The time in microseconds that this percentage of the requests did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(index).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// A client whose type is forgotten, once for a whole sample and not for each request.
pub(crate) trait Contender<T> {
    fn sample(
        &self,
        runtime: &Runtime,
        subject: &Arc<Subject<T>>,
        concurrency: usize,
        requests: usize,
    ) -> Sample;

    /// One request after the other, in this thread, with nothing measured.
    fn ask(&self, runtime: &Runtime, subject: &Subject<T>, requests: usize) -> Result<(), String>;
}

impl<T: Send + Sync + 'static, C: Client<T>> Contender<T> for Arc<C> {
    fn sample(
        &self,
        runtime: &Runtime,
        subject: &Arc<Subject<T>>,
        concurrency: usize,
        requests: usize,
    ) -> Sample {
        self.forget();
        runtime.block_on(load(self, subject, concurrency, requests))
    }

    fn ask(&self, runtime: &Runtime, subject: &Subject<T>, requests: usize) -> Result<(), String> {
        self.forget();
        runtime.block_on(async {
            for index in 0..requests {
                ask(&**self, subject, index).await?;
            }
            Ok(())
        })
    }
}

async fn ask<T, C: Client<T>>(
    client: &C,
    subject: &Subject<T>,
    index: usize,
) -> Result<(), String> {
    let index = index % subject.targets.len();
    let body = client.get(&subject.targets[index]).await?;
    if body == subject.values[index] { Ok(()) } else { Err("another value".to_owned()) }
}

async fn load<T: Send + Sync + 'static, C: Client<T>>(
    client: &Arc<C>,
    subject: &Arc<Subject<T>>,
    concurrency: usize,
    requests: usize,
) -> Sample {
    let next = Arc::new(AtomicUsize::new(0));
    let cpu = cpu_time();
    let start = Instant::now();
    let callers: Vec<_> = (0..concurrency)
        .map(|_| {
            let (client, subject, next) =
                (Arc::clone(client), Arc::clone(subject), Arc::clone(&next));
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(2 * requests / concurrency);
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= requests {
                        return (latencies, None);
                    }
                    let asked = Instant::now();
                    if let Err(wrong) = ask(&*client, &subject, index).await {
                        return (latencies, Some(wrong));
                    }
                    latencies.push(asked.elapsed());
                }
            })
        })
        .collect();
    let mut latencies = Vec::with_capacity(requests);
    let mut wrong = None;
    for caller in callers {
        match caller.await {
            Ok((more, problem)) => {
                latencies.extend(more);
                wrong = wrong.or(problem);
            }
            Err(panicked) => wrong = Some(panicked.to_string()),
        }
    }
    let elapsed = start.elapsed();
    let cpu = cpu_time().saturating_sub(cpu);
    latencies.sort_unstable();
    Sample { requests: requests as u64, elapsed, cpu, latencies, wrong }
}

/// Of all threads of this process, in user and system mode.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}
