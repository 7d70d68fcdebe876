//! How the future of an async call runs its body: the part of a miss that is polled.
//!
//! Only [`Driving`] depends on the body, and does next to nothing, because the compiler instantiates it for every
//! annotated function. The rest exists once for each pair of key and value. What only a miss needs is boxed, so that a
//! function's future is little larger than its body.

use std::any::Any;
use std::future::{Pending, poll_fn};
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::thread;

use super::lead::Lead;
use super::miss::{Begun, Miss};
use crate::flight::wait_graph;
use crate::observe::{CallSpan, Outcome};
use crate::rules::{Defaults, Judge, Verdict};
use crate::shape::Shape;
use crate::store::{Flight, drive};

/// A miss of an async function: whether, and when, its body runs.
pub trait Drive<K, S: Shape> {
    /// Continues the call. The value is boxed as soon as it exists, so that a large value is moved by address.
    ///
    /// `body` must not be held over an await: its type does not say whether it is `Send`.
    fn drive(
        &mut self,
        cx: &mut Context<'_>,
        body: Pin<&mut dyn Future<Output = S::Return>>,
        rules: &dyn Judge<K, S>,
    ) -> Poll<Box<S::Return>>;
}

/// A miss and the body that it may run. The caller pins the body: passed by value it would take its memory twice.
#[must_use]
pub struct Driving<'a, K, S, D, J, F> {
    driver: &'a mut D,
    rules: J,
    body: Pin<&'a mut F>,
    types: PhantomData<fn() -> (K, S)>,
}

opaque!([K, S, D, J, F] "Driving", Driving<'_, K, S, D, J, F>);

impl<'a, K, S: Shape, D: Drive<K, S>, J, F> Driving<'a, K, S, D, J, F> {
    /// Runs an async function under rules.
    #[inline]
    pub fn new(rules: J, driver: &'a mut D, body: Pin<&'a mut F>) -> Self {
        Self { driver, rules, body, types: PhantomData }
    }
}

// Nothing is pinned in it.
impl<K, S, D, J, F> Unpin for Driving<'_, K, S, D, J, F> {}

impl<K, S, D, J, F> Future for Driving<'_, K, S, D, J, F>
where
    S: Shape,
    D: Drive<K, S>,
    J: Judge<K, S>,
    F: Future<Output = S::Return>,
{
    type Output = Box<S::Return>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Box<S::Return>> {
        let this = self.get_mut();
        this.driver.drive(cx, this.body.as_mut(), &this.rules)
    }
}

/// The return value of the call. Separate, because it does not depend on the body.
#[allow(clippy::boxed_local)] // It was moved by its address up to here.
pub fn unboxed<R>(ret: Box<R>) -> R {
    *ret
}

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// What runs the body of an async function.
    #[inline(never)]
    pub fn driver(self) -> impl Drive<K, S> {
        let span = self.call.span();
        let stage = if self.leads_plainly() {
            Stage::run(self)
        } else {
            Stage::Begin(Box::pin(begun(self)))
        };
        Driver { stage, keep: kept, span }
    }

    /// Runs a future that is not a function's body: it is dropped as soon as it is done.
    pub(crate) async fn run_async<F>(self, future: Pin<&mut Option<F>>) -> S::Return
    where
        F: Future<Output = S::Return>,
    {
        let mut driver = self.driver();
        let mut once = Once(future);
        unboxed(Driving::new(Defaults, &mut driver, Pin::new(&mut once)).await)
    }
}

/// A future that is dropped when it is done.
struct Once<'a, F>(Pin<&'a mut Option<F>>);

impl<F: Future> Future for Once<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let place = &mut self.get_mut().0;
        let Some(future) = place.as_mut().as_pin_mut() else { panic!("polled after it was done") };
        let polled = future.poll(cx);
        if polled.is_ready() {
            place.set(None);
        }
        polled
    }
}

impl<K, S> Lead<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// What runs the body of an async function.
    #[inline(never)]
    pub fn driver(self) -> impl Drive<K, S> {
        let span = self.miss.call.span();
        let stage = Stage::run(self.miss);
        Driver::<_, _, Pending<(Miss<K, S>, Begun<S::Return>)>, _, _> { stage, keep: kept, span }
    }
}

/// Waits until the call leads, or for the result that it gets instead.
async fn begun<K, S>(mut miss: Miss<K, S>) -> (Miss<K, S>, Begun<S::Return>)
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    let begun = miss.begin().await;
    (miss, begun)
}

/// Keeps a value, in the shared tier, too, and returns that of the call. If the run was a refresh in its caller's place, a
/// panic after the body is not a panic of the call.
async fn kept<K, S>(
    mut miss: Miss<K, S>,
    flight: Flight,
    ret: Box<S::Return>,
    verdict: Verdict,
) -> Box<S::Return>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    let (store, hash, row) = (miss.store.clone(), miss.hash, flight.row());
    let in_place = miss.is_in_place();
    let outcome = {
        let finish = pin!(miss.finish(flight, &ret, verdict));
        let mut driven = pin!(drive(&store, hash, row, finish));
        poll_fn(|cx| {
            if !in_place {
                return driven.as_mut().poll(cx).map(Ok);
            }
            caught(|| driven.as_mut().poll(cx))
        })
        .await
    };
    match outcome {
        Ok(()) => miss.unless_served_before(ret),
        Err(panic) => miss.served_before_or(panic),
    }
}

/// Polls, and turns a panic into a result.
fn caught<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<thread::Result<T>> {
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}

struct Driver<K, S: Shape, B, E, M> {
    stage: Stage<K, S, B, E>,
    keep: M,
    span: CallSpan,
}

/// The stage of a call.
enum Stage<K, S: Shape, B, E> {
    /// It looks elsewhere, or waits.
    Begin(Pin<Box<B>>),
    /// The body runs; `again`: it was polled before.
    Run {
        miss: Box<Miss<K, S>>,
        again: bool,
    },
    /// The body is over.
    Keep(Pin<Box<E>>),
    Over,
}

impl<K, S: Shape, B, E> Stage<K, S, B, E> {
    fn run(miss: Miss<K, S>) -> Self {
        Self::Run { miss: Box::new(miss), again: false }
    }
}

impl<K, S, B, E, M> Drive<K, S> for Driver<K, S, B, E, M>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
    B: Future<Output = (Miss<K, S>, Begun<S::Return>)>,
    E: Future<Output = Box<S::Return>>,
    M: FnMut(Miss<K, S>, Flight, Box<S::Return>, Verdict) -> E,
{
    fn drive(
        &mut self,
        cx: &mut Context<'_>,
        body: Pin<&mut dyn Future<Output = S::Return>>,
        rules: &dyn Judge<K, S>,
    ) -> Poll<Box<S::Return>> {
        let _entered = self.span.enter();
        if let Stage::Begin(begin) = &mut self.stage {
            let (mut miss, begun) = ready!(begin.as_mut().poll(cx));
            self.stage = Stage::Over;
            match miss.settles(begun) {
                Some(value) => return Poll::Ready(value),
                None => self.stage = Stage::run(miss),
            }
        }
        if let Stage::Run { miss, again } = &mut self.stage {
            let again = mem::replace(again, true);
            let ran = if miss.is_in_place() {
                ready!(caught(|| miss.poll_body(again, cx, body, rules)))
            } else {
                Ok(ready!(miss.poll_body(again, cx, body, rules)))
            };
            let Stage::Run { miss, .. } = mem::replace(&mut self.stage, Stage::Over) else {
                unreachable!("it has just run")
            };
            let mut miss = *miss;
            match ran {
                Ok((ret, None)) => return Poll::Ready(miss.unless_served_before(ret)),
                Ok((ret, Some((flight, verdict)))) => {
                    let keep = (self.keep)(miss, flight, ret, verdict);
                    self.stage = Stage::Keep(Box::pin(keep));
                }
                Err(panic) => {
                    miss.call.ended(miss.store.observed(), Outcome::Panic);
                    return Poll::Ready(miss.served_before_or(panic));
                }
            }
        }
        let Stage::Keep(keep) = &mut self.stage else { panic!("polled after it was over") };
        let ret = ready!(keep.as_mut().poll(cx));
        self.stage = Stage::Over;
        Poll::Ready(ret)
    }
}

/// The body's result, and what the shared tier needs to store it.
type Ran<R> = (Box<R>, Option<(Flight, Verdict)>);

/// Polls a body.
fn polled<R>(body: Pin<&mut dyn Future<Output = R>>, cx: &mut Context<'_>) -> Poll<Box<R>> {
    // Not `map`: without optimization every call is a copy.
    match body.poll(cx) {
        Poll::Ready(ret) => Poll::Ready(Box::new(ret)),
        Poll::Pending => Poll::Pending,
    }
}

#[allow(clippy::unnecessary_box_returns)] // It is moved by its address.
impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Polls the body; `again`: it was polled before.
    fn poll_body(
        &mut self,
        again: bool,
        cx: &mut Context<'_>,
        body: Pin<&mut dyn Future<Output = S::Return>>,
        rules: &dyn Judge<K, S>,
    ) -> Poll<Ran<S::Return>> {
        // Taken out first: if the body panics, the flight lands during the unwinding.
        let Some(flight) = self.take_flight() else {
            // Caching is off.
            return Poll::Ready((ready!(polled(body, cx)), None));
        };
        let running = wait_graph::enter(flight.id());
        if again {
            flight.polled();
        } else {
            self.call.fills(self.cause());
        }
        let fill = self.call.enter_fill();
        let Poll::Ready(ret) = polled(body, cx) else {
            flight.pending(cx.waker());
            self.put_flight(flight);
            return Poll::Pending;
        };
        drop(fill);
        if self.has_backend()
            && let Some(key) = &self.key
        {
            let verdict = rules.judge(key, &ret, self.ttl);
            self.judged(&ret, verdict);
            return Poll::Ready((ret, Some((flight, verdict))));
        }
        self.put_flight(flight);
        self.running = Some(running);
        self.complete(rules, &ret);
        Poll::Ready((ret, None))
    }

    fn is_in_place(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.in_place)
    }

    /// The return value of the call. A refresh without a result changes nothing, here as in the background.
    fn unless_served_before(self, ret: Box<S::Return>) -> Box<S::Return> {
        if self.is_in_place()
            && self.refresh().is_some()
            && let Some(old) = self.served_before()
        {
            return old;
        }
        ret
    }

    fn served_before_or(self, panic: Box<dyn Any + Send>) -> Box<S::Return> {
        match self.served_before() {
            Some(old) => old,
            None => resume_unwind(panic),
        }
    }
}
