//! Where connections live and what keeps time.
//!
//! Futures of the client run on any executor. What they need from tokio is found here: a connection is
//! driven by the runtime that asked for it where that is safe, else by one background thread of the
//! process; deadlines are kept by a thread of their own ([`Alarm`]), so that they fire whatever the caller's
//! executor does.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;
use tokio::runtime::{Handle, Id, RuntimeFlavor};

use crate::alarm;
use crate::timed::{self, Before};

/// The background thread's runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Background {
    handle: &'static Handle,
}

static HANDLE: OnceLock<Handle> = OnceLock::new();
static STARTING: Mutex<()> = Mutex::new(());

impl Background {
    /// Starts the thread at the first call.
    pub(crate) fn start() -> io::Result<Self> {
        if let Some(handle) = HANDLE.get() {
            return Ok(Self { handle });
        }
        alarm::start()?;
        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = HANDLE.get() {
            return Ok(Self { handle });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("cachekit-io".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        Ok(Self { handle: HANDLE.get_or_init(|| handle) })
    }

    /// Whether this is its thread, which must not be blocked.
    pub(crate) fn is_here(self) -> bool {
        Handle::try_current().is_ok_and(|current| current.id() == self.handle.id())
    }

    /// Runs a future there.
    pub(crate) fn spawn<F>(self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// The place where work for the current caller is best done.
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

    /// The future's output, or nothing once the deadline is there.
    #[allow(clippy::unused_self)]
    pub(crate) fn before<F: Future>(self, deadline: Instant, future: F) -> Before<F> {
        timed::before(deadline, future)
    }
}

/// Makes a future where it is going to stay. With `Box::pin` all of its memory would be copied there, although little
/// is in it at first.
#[inline]
pub(crate) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    let place = Box::new_uninit();
    Box::into_pin(Box::write(place, make()))
}

/// Where a connection is driven, and where a caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// The background thread, which no caller can hold up.
    Background,
    /// A multi-threaded runtime.
    Anywhere,
    /// A current-thread runtime, which stands still unless a caller is inside `block_on`.
    Only(Id),
}

impl Home {
    /// Whether a caller here can wait for a connection that lives there.
    pub(crate) fn can_use(self, there: Self) -> bool {
        match there {
            Self::Background => true,
            // Blocking calls come from the background thread, and may hold up all workers of the runtime
            // that they were made in.
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
