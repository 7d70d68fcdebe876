//! Where hyper's work is done.

use futures_util::future::join_all;
use std::future::{Future, pending};
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// Tasks that hyper starts during the handshake are collected, to be driven together with the connection, and to
/// end with it. Those that it starts later for a request become tasks of the runtime.
#[derive(Clone)]
pub(super) struct Tasks(Arc<Inner>);

struct Inner {
    handle: Handle,
    has_begun: AtomicBool,
    kept: Mutex<Vec<Work>>,
}

pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Tasks {
    pub(super) fn new(handle: Handle) -> Self {
        Self(Arc::new(Inner { handle, has_begun: AtomicBool::new(false), kept: Mutex::default() }))
    }

    /// Everything started so far: ends when all of it does.
    pub(super) fn started(&self) -> Work {
        self.0.has_begun.store(true, Ordering::SeqCst);
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = mem::take(&mut *kept);
        Box::pin(async move {
            if kept.is_empty() {
                // Then all of the connection is in the future that the handshake gave.
                pending::<()>().await;
            }
            join_all(kept).await;
        })
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, work: F) {
        if self.0.has_begun.load(Ordering::Relaxed) {
            self.0.handle.spawn(work);
        } else {
            self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(work));
        }
    }
}
