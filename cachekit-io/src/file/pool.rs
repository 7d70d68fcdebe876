//! The threads that wait for the disk, so that no executor does.
//!
//! They are threads of the standard library, so any executor can poll the backend's futures. Threads are
//! started when there is work, and end when there is none for a while.

use crate::contained::contained;
use crate::per_process::{PerProcess, Process};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Maximum number of threads. A disk gains nothing from more, and a hung disk should not fill the process with
/// them.
const MAX_THREADS: usize = 16;
/// How many bytes may wait for a thread. Many small jobs at once are normal even on a healthy disk; if they hold more
/// memory than this, the disk does not keep up.
pub(super) const MAX_WAITING: usize = 256 << 20;
/// What a job counts beside the bytes that it holds.
pub(super) const EACH: usize = 1 << 10;
/// The limit for removals, as a multiple of the other limit: a removal is small, and without it a stale value stays.
const FOR_REMOVALS: usize = 4;
/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// Identifies a job of a pool, to take it back. Earlier numbers run first.
pub(super) type Ticket = u64;

/// What a job costs while it waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// The bytes that it holds.
    pub(super) held: usize,
    /// Whether it removes an entry that other callers would be served.
    pub(super) removes: bool,
}

/// Why a job will not be run.
#[derive(Debug)]
pub(super) enum Refused {
    /// Too much waits.
    Full,
    /// There is no thread.
    NoThread(io::Error),
}

pub(super) struct Pool {
    queue: Mutex<Queue>,
    work: Condvar,
    next: AtomicU64,
    max_threads: usize,
    max_waiting: usize,
    /// The process that has the threads.
    process: Process,
}

#[derive(Default)]
struct Queue {
    jobs: BTreeMap<Ticket, Waiting>,
    /// Of all jobs that wait.
    bytes: usize,
    threads: usize,
    idle: usize,
    /// Threads that run a job.
    working: usize,
}

struct Waiting {
    job: Job,
    bytes: usize,
}

impl Queue {
    fn put(&mut self, ticket: Ticket, waiting: Waiting) {
        self.bytes += waiting.bytes;
        self.jobs.insert(ticket, waiting);
    }

    fn take(&mut self, ticket: Ticket) -> Option<Job> {
        let waiting = self.jobs.remove(&ticket)?;
        self.bytes -= waiting.bytes;
        Some(waiting.job)
    }

    fn take_first(&mut self) -> Option<Job> {
        let ticket = *self.jobs.first_key_value()?.0;
        self.take(ticket)
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::bounded(MAX_THREADS, MAX_WAITING)
    }
}

impl Pool {
    /// The pool of the process.
    pub(super) fn of_the_process() -> &'static Self {
        static POOL: PerProcess<Pool> = PerProcess::new();
        POOL.get()
    }

    pub(super) fn bounded(max_threads: usize, max_waiting: usize) -> Self {
        let (queue, work, next) = (Mutex::default(), Condvar::new(), AtomicU64::new(0));
        Self { queue, work, next, max_threads, max_waiting, process: Process::current() }
    }

    /// Whether its threads are of this process: a forked child has none of them, and its copy of the queue may stay
    /// locked, and no thread unlocks it.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.process.is_current()
    }

    /// For the next job.
    pub(super) fn ticket(&self) -> Ticket {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the job on a thread of the pool.
    pub(super) fn run(&'static self, ticket: Ticket, load: Load, job: Job) -> Result<(), Refused> {
        let most = self.max_waiting.saturating_mul(if load.removes { FOR_REMOVALS } else { 1 });
        let mut queue = self.queue();
        // What the threads that are free are about to take does not wait. One job may hold more than all of the bound.
        if queue.bytes >= most && queue.jobs.len() + queue.working >= self.max_threads {
            return Err(Refused::Full);
        }
        queue.put(ticket, Waiting { job, bytes: EACH.saturating_add(load.held) });
        if queue.idle >= queue.jobs.len() {
            self.work.notify_one();
            return Ok(());
        }
        if queue.threads >= self.max_threads {
            return Ok(());
        }
        let spawned =
            std::thread::Builder::new().name("cachekit-file".to_owned()).spawn(move || self.work());
        match spawned {
            Ok(_) => queue.threads += 1,
            // Existing threads will run it.
            Err(_) if queue.threads > 0 => {}
            Err(error) => {
                let job = queue.take(ticket);
                drop(queue);
                drop(job);
                return Err(Refused::NoThread(error));
            }
        }
        Ok(())
    }

    /// Forgets a job that is not waited for any more, unless a thread has it.
    pub(super) fn take_back(&self, ticket: Ticket) {
        // What the job holds may do anything when it is dropped: it is dropped without the lock.
        let job = self.queue().take(ticket);
        drop(job);
    }

    fn work(&self) {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.take_first() {
                queue.working += 1;
                drop(queue);
                // What it holds is dropped with it, and may be foreign.
                contained(job);
                queue = self.queue();
                queue.working -= 1;
                continue;
            }
            queue.idle += 1;
            let waited =
                self.work.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            let timed_out = waited.1.timed_out();
            queue = waited.0;
            queue.idle -= 1;
            if timed_out && queue.jobs.is_empty() {
                queue.threads -= 1;
                return;
            }
        }
    }
}
