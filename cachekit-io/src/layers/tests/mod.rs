//! Layers around the memory backend, and around one that fails when told to.

mod batches;
mod breaker;
mod contract;
mod limits;
mod retries;
mod scripted;

use crate::BackendError;
use std::future::Future;
use std::task::{Context, Poll, Waker};

fn run<T>(future: impl Future<Output = Result<T, BackendError>>) -> Result<T, BackendError> {
    pollster::block_on(future)
}

/// Polls once.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}
