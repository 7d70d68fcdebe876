//! A few threads of this crate for jobs that no caller waits for, started when needed.
//!
//! Refreshes run functions of the user, which may take long or hang. What is only cleaned up has a thread of its own, so
//! that it never waits for them: it would hold the memory of dead values meanwhile.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cachekit_io::per_process::PerProcess;

use crate::contained::{contained, lock};

/// How many functions are refreshed at a time. A thread is started if all others are at work, so there are as many only
/// where refreshes take long.
const REFRESHING: usize = 8;

/// How many jobs may wait for a thread. Beyond that nothing is refreshed; entries expire as if there were no
/// refresh.
const MAX_WAITING: usize = 1024;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

#[derive(Default)]
struct Threads {
    queue: Mutex<Queue>,
    work: Condvar,
}

/// The threads for one kind of job.
#[derive(Clone, Copy)]
struct Pool {
    name: &'static str,
    size: usize,
    // A forked child has none of its parent's threads.
    threads: &'static PerProcess<Threads>,
}

static REFRESHES: Pool = {
    static THREADS: PerProcess<Threads> = PerProcess::new();
    Pool { name: "cachekit-refresh", size: REFRESHING, threads: &THREADS }
};

static CLEANING: Pool = {
    static THREADS: PerProcess<Threads> = PerProcess::new();
    Pool { name: "cachekit-clean", size: 1, threads: &THREADS }
};

/// Runs a refresh on a thread of this crate, in no test scope. It is dropped if too many wait.
pub(crate) fn submit(job: Job) {
    let threads = REFRESHES.threads.get();
    let queue = lock(&threads.queue);
    if queue.waiting.len() >= MAX_WAITING {
        drop(queue);
        // Dropping the job tells its entry that there will be no refresh.
        return drop(job);
    }
    REFRESHES.enqueue(threads, queue, job);
}

/// Runs a job that drops values, which must not happen where it comes from: however many wait. It is dropped only if
/// there is no thread.
pub(crate) fn finish(job: Job) {
    let threads = CLEANING.threads.get();
    CLEANING.enqueue(threads, lock(&threads.queue), job);
}

impl Pool {
    fn enqueue(self, threads: &'static Threads, mut queue: MutexGuard<'_, Queue>, job: Job) {
        queue.waiting.push_back(job);
        if queue.idle < queue.waiting.len() && queue.threads < self.size {
            let thread = std::thread::Builder::new().name(self.name.into());
            let started = thread.spawn(move || work(threads));
            queue.threads += usize::from(started.is_ok());
        }
        let refused =
            if queue.threads == 0 { std::mem::take(&mut queue.waiting) } else { VecDeque::new() };
        drop(queue);
        threads.work.notify_one();
        drop(refused);
    }
}

fn work(threads: &Threads) {
    let mut queue = lock(&threads.queue);
    loop {
        if let Some(job) = queue.waiting.pop_front() {
            drop(queue);
            // A panic in the function does not end the thread; the guards that it drops record the failure.
            contained(job);
            queue = lock(&threads.queue);
        } else {
            queue.idle += 1;
            queue = threads.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}

#[cfg(all(test, not(cachekit_model)))]
mod tests;
