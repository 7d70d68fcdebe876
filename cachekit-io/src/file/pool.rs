//! The threads that wait for the disk, so that no executor does.
//!
//! They are threads of the standard library, so any executor can poll the backend's futures. Threads are
//! started when there is work, and end when there is none for a while.

use crate::per_process::PerProcess;
use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Maximum number of threads. A disk gains nothing from more, and a hung disk should not fill the process with
/// them.
const MAX_THREADS: usize = 16;
/// Maximum number of jobs that wait for a thread. More wait only for a disk that hangs, and in vain.
const MAX_WAITING: usize = 4096;
/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// Why a job will not be run.
#[derive(Debug)]
pub(super) enum Refused {
    /// Too many others wait.
    Full,
    /// There is no thread.
    NoThread(io::Error),
}

pub(super) struct Pool {
    queue: Mutex<Queue>,
    work: Condvar,
    max_threads: usize,
    max_waiting: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
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
        Self { queue: Mutex::default(), work: Condvar::new(), max_threads, max_waiting }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the job on a thread of the pool. It must not panic.
    pub(super) fn run(&'static self, job: Job) -> Result<(), Refused> {
        let mut queue = self.queue();
        // Idle threads are about to take theirs.
        if queue.jobs.len() >= self.max_waiting + queue.idle {
            return Err(Refused::Full);
        }
        queue.jobs.push_back(job);
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
                queue.jobs.pop_back();
                return Err(Refused::NoThread(error));
            }
        }
        Ok(())
    }

    fn work(&self) {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                job();
                queue = self.queue();
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
