//! Whose turn it is to run the function, and what came instead.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::rules::{Defaults, Judge, Rules};
use crate::shape::Shape;
use crate::store::{Flight, drive};

use super::Miss;
use super::miss::Running;
use super::refresh_ahead::Ticket;
#[cfg(feature = "shared")]
use crate::pinned::Pinned;

/// How a miss of a function with `stale` goes on.
#[derive(Debug)]
pub enum Asked<K, S: Shape> {
    /// Another call's result.
    Value(S::Return),
    /// A stale value, and the duty to have it refreshed.
    Stale(S::Return, Ticket),
    /// Run the function.
    Lead(Lead<K, S>),
}

/// A call whose turn it is to run the function.
#[must_use]
pub struct Lead<K, S: Shape> {
    pub(super) miss: Miss<K, S>,
    /// None where caching is off.
    pub(super) flight: Option<Flight>,
}

impl<K, S: Shape> std::fmt::Debug for Lead<K, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lead").finish_non_exhaustive()
    }
}

impl<K, S> Lead<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Starts the options that need the value.
    pub fn rules(&self) -> Rules<K, S> {
        Rules::new()
    }

    /// Runs a sync function.
    pub fn run(self, f: impl FnOnce() -> S::Return) -> S::Return {
        self.run_with(Defaults, f)
    }

    /// Runs a sync function under rules.
    #[allow(clippy::needless_pass_by_value)] // A temporary of generated code.
    pub fn run_with(mut self, rules: impl Judge<K, S>, f: impl FnOnce() -> S::Return) -> S::Return {
        let running = Running::new(self.flight.take());
        let ret = f();
        self.miss.complete(running, &rules, &ret);
        ret
    }

    /// Runs an async function.
    pub fn run_async(
        self,
        future: impl Future<Output = S::Return>,
    ) -> impl Future<Output = S::Return> {
        self.run_async_with(Defaults, future)
    }

    /// Runs an async function under rules.
    pub async fn run_async_with(
        self,
        rules: impl Judge<K, S>,
        future: impl Future<Output = S::Return>,
    ) -> S::Return {
        let mut this = self;
        let Some(flight) = this.flight.take() else { return future.await };
        let pilot = flight.pilot().clone();
        let in_place = this.miss.rare.as_ref().is_some_and(|rare| rare.in_place);
        let outcome = {
            let run = pin!(async {
                let ret = future.await;
                if let Some(key) = &this.miss.key {
                    let verdict = rules.judge(key, &ret, this.miss.ttl);
                    this.miss.finish(flight, &ret, verdict).await;
                }
                ret
            });
            let mut driven = pin!(drive(&pilot, run));
            poll_fn(|cx| {
                if !in_place {
                    return driven.as_mut().poll(cx).map(Ok);
                }
                match catch_unwind(AssertUnwindSafe(|| driven.as_mut().poll(cx))) {
                    Ok(polled) => polled.map(Ok),
                    Err(panic) => Poll::Ready(Err(panic)),
                }
            })
            .await
        };
        if in_place && (outcome.is_err() || this.miss.refresh().is_some()) {
            // A refresh that brings nothing changes nothing, here as in the background.
            if let Some(old) = this.miss.served_before() {
                return old;
            }
        }
        match outcome {
            Ok(ret) => ret,
            Err(panic) => resume_unwind(panic),
        }
    }
}

#[cfg(feature = "shared")]
impl<K, P, S: Shape> Miss<Pinned<K, P>, S> {
    /// Starts the options that need the value.
    pub fn rules_at(&self) -> Rules<K, S> {
        self.give_up_turn();
        Rules::new()
    }
}

#[cfg(feature = "shared")]
impl<K, P, S: Shape> Lead<Pinned<K, P>, S> {
    /// Starts the options that need the value.
    pub fn rules_at(&self) -> Rules<K, S> {
        Rules::new()
    }
}
