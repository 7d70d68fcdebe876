//! The threads that wait for the disk, so that no executor does.
//!
//! They are threads of the standard library, so any executor can poll the backend's futures. Threads are
//! started when there is work, and end when there is none for a while.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Maximum number of threads. A disk gains nothing from more, and a hung disk should not fill the process with
/// them.
const MAX_THREADS: usize = 16;
/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { jobs: VecDeque::new(), threads: 0, idle: 0 });
static WORK: Condvar = Condvar::new();

/// Runs the job on a thread of the pool. It must not panic.
pub(super) fn run(job: Job) -> io::Result<()> {
    let mut queue = QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
    queue.jobs.push_back(job);
    if queue.idle >= queue.jobs.len() {
        WORK.notify_one();
        return Ok(());
    }
    if queue.threads >= MAX_THREADS {
        return Ok(());
    }
    let spawned = std::thread::Builder::new().name("cachekit-file".to_owned()).spawn(work);
    match spawned {
        Ok(_) => queue.threads += 1,
        // Existing threads will run it.
        Err(_) if queue.threads > 0 => {}
        Err(error) => {
            queue.jobs.pop_back();
            return Err(error);
        }
    }
    Ok(())
}

fn work() {
    let mut queue = QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(job) = queue.jobs.pop_front() {
            drop(queue);
            job();
            queue = QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        queue.idle += 1;
        let waited = WORK.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
        let timed_out = waited.1.timed_out();
        queue = waited.0;
        queue.idle -= 1;
        if timed_out && queue.jobs.is_empty() {
            queue.threads -= 1;
            return;
        }
    }
}
