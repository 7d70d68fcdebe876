//! Where connections live and what enforces deadlines.
//!
//! Futures of the client run on any executor. What they need from tokio is found here. A connection is
//! driven by the runtime that requested it if that is safe, otherwise by one background thread of the
//! process. A separate thread enforces deadlines ([`Alarm`]), so that they fire whatever the caller's
//! executor does.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;
use tokio::runtime::{Handle, Id, RuntimeFlavor};

use crate::alarm;
use crate::per_process::PerProcess;
use crate::timed::{self, Before};

/// The background thread's runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Background {
    handle: &'static Handle,
    /// The thread, which one process has. A forked child has a copy of everything else.
    running: &'static Running,
}

/// The thread of one process.
#[derive(Debug, Default)]
struct Running {
    handle: OnceLock<Handle>,
    starting: Mutex<()>,
}

static RUNNING: PerProcess<Running> = PerProcess::new();

impl Background {
    /// Starts the thread at the first call.
    pub(crate) fn start() -> io::Result<Self> {
        let running = RUNNING.get();
        let here = |handle| Self { handle, running };
        if let Some(handle) = running.handle.get() {
            return Ok(here(handle));
        }
        alarm::start()?;
        let _starting = running.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = running.handle.get() {
            return Ok(here(handle));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("cachekit-io".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        Ok(here(running.handle.get_or_init(|| handle)))
    }

    /// Whether the thread is one of this process. After a fork it is not, and the child must not use the connections
    /// either: they are those of the parent.
    pub(crate) fn is_of_this_process(self) -> bool {
        std::ptr::eq(self.running, RUNNING.get())
    }

    /// Whether this is its thread, which must not be blocked.
    pub(crate) fn is_here(self) -> bool {
        Handle::try_current().is_ok_and(|current| current.id() == self.handle.id())
    }

    /// Runs a future there. In a forked child it is dropped: the runtime is one of the parent, which the child would
    /// wake, or wait for a lock that no thread unlocks.
    pub(crate) fn spawn<F>(self, future: F) -> Option<tokio::task::JoinHandle<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.is_of_this_process().then(|| self.handle.spawn(future))
    }

    /// The best executor for work of the current caller.
    pub(crate) fn executor(self) -> Executor {
        match Handle::try_current() {
            Ok(current) if current.runtime_flavor() == RuntimeFlavor::MultiThread => {
                Executor { home: Home::Anywhere, handle: current }
            }
            Ok(current) if current.id() != self.handle.id() => {
                Executor { home: Home::Only(current.id()), handle: current }
            }
            _ => self.own_executor(),
        }
    }

    /// Where the current caller is: that of its [`executor`](Self::executor).
    #[cfg(feature = "redis")]
    pub(crate) fn home(self) -> Home {
        match Handle::try_current() {
            Ok(current) if current.runtime_flavor() == RuntimeFlavor::MultiThread => Home::Anywhere,
            Ok(current) if current.id() != self.handle.id() => Home::Only(current.id()),
            _ => Home::Background,
        }
    }

    /// The thread itself.
    pub(crate) fn own_executor(self) -> Executor {
        Executor { home: Home::Background, handle: self.handle.clone() }
    }

    /// Waits.
    #[allow(clippy::unused_self)] // A proof that the thread which keeps time has been started.
    pub(crate) async fn sleep(self, until: Instant) {
        timed::sleep(until).await;
    }

    /// The future's output, or `None` after the deadline.
    #[allow(clippy::unused_self)]
    pub(crate) fn before<F: Future>(self, deadline: Instant, future: F) -> Before<F> {
        timed::before(deadline, future)
    }
}

/// What is wrong where a backend is used that was built before a fork.
pub(crate) const FORKED: &str =
    "the process was forked after this backend was built: build the backend in the child";

/// Creates a future at its final address. `Box::pin` would copy all of its memory there, although it is mostly
/// unused at first.
#[inline]
pub(crate) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    let place = Box::new_uninit();
    Box::into_pin(Box::write(place, make()))
}

/// The location of a connection's driver, and of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// The background thread, which no caller can block.
    Background,
    /// A multi-threaded runtime.
    Anywhere,
    /// A current-thread runtime, which stands still unless a caller is inside `block_on`.
    Only(Id),
}

impl Home {
    /// Whether a caller here can wait for a connection that is driven there.
    pub(crate) fn can_use(self, there: Self) -> bool {
        match there {
            Self::Background => true,
            // Blocking calls come from the background thread, and may block all workers of the runtime
            // in which they were made.
            Self::Anywhere => self != Self::Background,
            Self::Only(_) => self == there,
        }
    }
}

/// A runtime to put work on.
pub(crate) struct Executor {
    pub(crate) home: Home,
    pub(crate) handle: Handle,
}

#[cfg(all(test, unix, feature = "file", feature = "http", feature = "redis"))]
mod tests;
