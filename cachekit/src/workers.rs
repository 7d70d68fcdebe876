//! Two threads of this crate for jobs that no caller waits for, started when first needed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cachekit_io::per_process::PerProcess;

use crate::contained::{contained, lock};

/// Our threads.
const THREADS: usize = 2;

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

// A forked child has none of its parent's threads.
static OURS: PerProcess<Threads> = PerProcess::new();

/// Runs a job on a thread of this crate, in no test scope. It is dropped if the queue is full.
pub(crate) fn submit(job: Job) {
    let ours = OURS.get();
    let queue = lock(&ours.queue);
    if queue.waiting.len() >= MAX_WAITING {
        drop(queue);
        // Dropping the job tells its entry that there will be no refresh.
        return drop(job);
    }
    enqueue(ours, queue, job);
}

/// The same for a job that must not run, or be dropped, where it comes from: however full the queue is.
pub(crate) fn finish(job: Job) {
    let ours = OURS.get();
    enqueue(ours, lock(&ours.queue), job);
}

fn enqueue(ours: &'static Threads, mut queue: MutexGuard<'_, Queue>, job: Job) {
    queue.waiting.push_back(job);
    if queue.idle < queue.waiting.len() && queue.threads < THREADS {
        let thread = std::thread::Builder::new().name("cachekit-refresh".into());
        let started = thread.spawn(move || work(ours));
        queue.threads += usize::from(started.is_ok());
    }
    let refused =
        if queue.threads == 0 { std::mem::take(&mut queue.waiting) } else { VecDeque::new() };
    drop(queue);
    ours.work.notify_one();
    drop(refused);
}

fn work(ours: &Threads) {
    let mut queue = lock(&ours.queue);
    loop {
        if let Some(job) = queue.waiting.pop_front() {
            drop(queue);
            // A panic in the function does not end the thread; the guards that it drops record the failure.
            contained(job);
            queue = lock(&ours.queue);
        } else {
            queue.idle += 1;
            queue = ours.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}
