//! The futures of the companions of async functions. They are named types, because an `impl Future` would be one more type
//! for each function and each companion, which the compiler checks each time.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{AsyncHandle, BoxFuture, Invalidated, Unplaced, function_clear};
use crate::cached_function::CachedFunction;

/// What a companion of an async function returns: one operation on the entry of one call, performed when awaited.
///
/// It owns the key of the call and borrows nothing, so it may be spawned. The store is looked up when it is first polled,
/// in the test scope of that place.
///
/// `R` is the function's return type, `V` a value on its way into the entry, and `T` the result.
///
/// # Example
///
/// ```
/// #[cachekit::cache::local(ttl = 60)]
/// async fn length(text: &str) -> usize { text.len() }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// length("four").await;
/// let peeked = {
///     let text = String::from("four");
///     length::peek(&text)
/// };
/// assert_eq!(peeked.await, Some(4));
/// # });
/// ```
#[must_use = "nothing is done until it is awaited"]
pub struct Operation<R, V, T> {
    step: Step<R, V, T>,
}

enum Step<R, V, T> {
    /// The call; what to do with its handle, and with which value.
    Given(Unplaced<R>, Act<R, V, T>, V),
    Runs(BoxFuture<'static, T>),
    Over,
}

/// What is done with a handle and a value.
type Act<R, V, T> = fn(AsyncHandle<R>, V) -> BoxFuture<'static, T>;

impl<R, V, T> Operation<R, V, T> {
    pub(crate) fn new(call: Unplaced<R>, act: Act<R, V, T>, value: V) -> Self {
        Self { step: Step::Given(call, act, value) }
    }
}

// The value is not pinned in it.
impl<R, V, T> Unpin for Operation<R, V, T> {}

impl<R, V, T> Future for Operation<R, V, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let step = &mut self.get_mut().step;
        if let Step::Given(..) = step
            && let Step::Given(call, act, value) = mem::replace(step, Step::Over)
        {
            *step = Step::Runs(act(call.into(), value));
        }
        let Step::Runs(runs) = step else { panic!("polled after it was done") };
        let polled = runs.as_mut().poll(cx);
        if polled.is_ready() {
            *step = Step::Over;
        }
        polled
    }
}

opaque!([R, V, T] "Operation", Operation<R, V, T>);

/// `f::clear()` of an async function: removes all its entries when awaited.
#[derive(Debug)]
#[must_use = "nothing is done until it is awaited"]
pub struct Clear(pub(crate) &'static CachedFunction);

impl Future for Clear {
    type Output = Invalidated;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Invalidated> {
        Poll::Ready(function_clear(self.0))
    }
}
