//! Where functions run that nobody waits for.
//!
//! An async function runs where the caller's executor is: on the spawner that the program installed, on the
//! Tokio runtime around the call (feature `tokio`). A sync one, and an async one without either, runs on one
//! of two threads of ours, which are started when they are first needed.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, RwLock};

use cachekit_io::BoxFuture;

use crate::read_through::blocking;
use crate::testing;

/// Our threads.
const THREADS: usize = 2;

/// Jobs that may wait for a thread. Beyond that nothing is refreshed; entries expire as without it.
const MAX_WAITING: usize = 1024;

type Job = Box<dyn FnOnce() + Send>;
type Spawner = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

static SPAWNER: RwLock<Option<Spawner>> = RwLock::new(None);

/// Says where async functions run that refresh their entries in the background, for executors other than
/// Tokio.
///
/// The spawner takes a future and must return at once; the future may also be dropped. Without a spawner
/// such functions run on the Tokio runtime of their caller, if the feature `tokio` is on and there is one,
/// and else on a thread of this crate. Sync functions always run on such a thread.
///
/// # Example
///
/// ```
/// cachekit::set_spawner(|future| {
///     std::thread::spawn(move || {
///         // smol::spawn(future).detach(), for example.
///         tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future);
///     });
/// });
/// ```
pub fn set_spawner(spawner: impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static) {
    *SPAWNER.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(spawner));
}

/// Runs a future in the caller's test scope.
pub(crate) fn spawn_future(future: impl Future<Output = ()> + Send + 'static) {
    let pending = testing::pending();
    let future = async move {
        let _pending = pending;
        future.await;
    };
    let future: BoxFuture<'static, ()> = match testing::current_scope() {
        Some(scope) => Box::pin(scope.wrap(future)),
        None => Box::pin(future),
    };
    let spawner = SPAWNER.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(spawner) = spawner {
        // Whoever was served the stale value is not to pay for a spawner that fails.
        let _ = catch_unwind(AssertUnwindSafe(|| spawner(future)));
        return;
    }
    #[cfg(feature = "tokio")]
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(future);
        return;
    }
    submit(Box::new(move || blocking::block_on(future)));
}

/// Runs a closure in the caller's test scope, on a thread of ours.
pub(crate) fn spawn_closure(run: impl FnOnce() + Send + 'static) {
    let pending = testing::pending();
    let scope = testing::current_scope();
    submit(Box::new(move || {
        let _pending = pending;
        match scope {
            Some(scope) => scope.run(run),
            None => run(),
        }
    }));
}

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

static OURS: LazyLock<Threads> = LazyLock::new(Threads::default);

fn submit(job: Job) {
    let mut queue = OURS.queue.lock().unwrap_or_else(PoisonError::into_inner);
    if queue.waiting.len() >= MAX_WAITING {
        drop(queue);
        // Dropping the job tells its entry that nothing comes of it.
        return drop(job);
    }
    queue.waiting.push_back(job);
    if queue.idle < queue.waiting.len() && queue.threads < THREADS {
        let started = std::thread::Builder::new().name("cachekit-refresh".into()).spawn(work);
        queue.threads += usize::from(started.is_ok());
    }
    let refused =
        if queue.threads == 0 { std::mem::take(&mut queue.waiting) } else { VecDeque::new() };
    drop(queue);
    OURS.work.notify_one();
    drop(refused);
}

fn work() {
    let mut queue = OURS.queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(job) = queue.waiting.pop_front() {
            drop(queue);
            // A function that panics takes no thread with it; what it leaves behind says that it failed.
            let _ = catch_unwind(AssertUnwindSafe(job));
            queue = OURS.queue.lock().unwrap_or_else(PoisonError::into_inner);
        } else {
            queue.idle += 1;
            queue = OURS.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}
