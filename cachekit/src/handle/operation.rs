//! The futures of the companions of async functions. The future of an `async fn` would be a separate type for each
//! function and each companion, with a body to check; these types exist once and do the same.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{AsyncHandle, BoxFuture};

/// One operation on the entry of one call, performed when awaited. Only then is the store looked up: as with any
/// future, the place where it is polled counts.
#[must_use = "nothing is done until it is awaited"]
pub struct Operation<A, R, V, T> {
    step: Step<A, R, V, T>,
}

enum Step<A, R, V, T> {
    /// How to make the call's handle, and from which arguments; what to do with it, and with which value.
    Given(fn(A) -> AsyncHandle<R>, A, Act<R, V, T>, V),
    Runs(BoxFuture<'static, T>),
    Over,
}

/// What is done with a handle and a value.
type Act<R, V, T> = fn(AsyncHandle<R>, V) -> BoxFuture<'static, T>;

impl<A, R, V, T> Operation<A, R, V, T> {
    pub(crate) fn new(
        handle: fn(A) -> AsyncHandle<R>,
        arguments: A,
        act: Act<R, V, T>,
        value: V,
    ) -> Self {
        Self { step: Step::Given(handle, arguments, act, value) }
    }
}

// Neither the arguments nor the value are pinned in it.
impl<A, R, V, T> Unpin for Operation<A, R, V, T> {}

impl<A, R, V, T> Future for Operation<A, R, V, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let step = &mut self.get_mut().step;
        if let Step::Given(..) = step
            && let Step::Given(handle, arguments, act, value) = mem::replace(step, Step::Over)
        {
            *step = Step::Runs(act(handle(arguments), value));
        }
        let Step::Runs(runs) = step else { panic!("polled after it was done") };
        let polled = runs.as_mut().poll(cx);
        if polled.is_ready() {
            *step = Step::Over;
        }
        polled
    }
}

opaque!([A, R, V, T] "Operation", Operation<A, R, V, T>);
