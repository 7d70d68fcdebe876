//! The run of a sync function, from its miss to its result.

use super::miss::Miss;
use super::plain::{MAX_PLAIN, PlainRun};
use crate::observe::Entered;
use crate::rules::Judge;
use crate::shape::Shape;

/// A run of a sync function.
enum Run {
    Plain(PlainRun),
    /// Any other: in the span of the function's run, if there is one.
    Other(Entered),
}

impl<K, S> Miss<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Runs a sync function under rules.
    // Out of line, so that the annotated function itself is little more than its hit path. Compiled for each function, so
    // it does nothing but call that: what comes before and after depends on the key and the value only.
    #[cfg(not(debug_assertions))]
    #[inline(never)]
    #[allow(clippy::needless_pass_by_value)] // A temporary of generated code.
    pub fn run(mut self, rules: impl Judge<K, S>, f: impl FnOnce() -> S::Return) -> S::Return {
        // Left last, also if the user's code panics.
        let call = self.call.enter();
        match self.starts() {
            Ok(run) => {
                let ret = f();
                if self.ends(run, &rules, &ret) {
                    // The miss stays where it is: moved, it would be copied.
                    std::mem::forget(self);
                }
                ret
            }
            Err(value) => self.instead(call, value),
        }
    }

    /// The same without optimization, where it is compiled for each function as it stands: there is one thing to drop, and
    /// that only where the function panics.
    #[cfg(debug_assertions)]
    #[allow(clippy::needless_pass_by_value)] // A temporary of generated code.
    pub fn run(self, rules: impl Judge<K, S>, f: impl FnOnce() -> S::Return) -> S::Return {
        let attempt = Attempt::of(self);
        if attempt.started.is_err() {
            return attempt.value();
        }
        let ret = f();
        attempt.ends(&rules, ret)
    }

    /// Begins a run of the function, unless its value comes from elsewhere.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn starts(&mut self) -> Result<Run, Box<S::Return>> {
        // A large value gains nothing from the shorter way.
        if const { size_of::<S::Return>() <= MAX_PLAIN }
            && let Some(run) = self.starts_plainly()
        {
            return Ok(Run::Plain(run));
        }
        self.starts_otherwise()
    }

    /// Judges and publishes the result of a run. True if the miss has nothing left to drop, since its drop would be a call.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn ends(&mut self, run: Run, rules: &impl Judge<K, S>, ret: &S::Return) -> bool {
        match run {
            Run::Plain(run) => {
                self.ends_plainly(run, rules, ret);
                debug_assert!(!self.call.is_spent() || self.is_spent());
                self.call.is_spent()
            }
            Run::Other(fill) => {
                drop(fill);
                self.complete(rules, ret);
                false
            }
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn starts_otherwise(&mut self) -> Result<Run, Box<S::Return>> {
        if self.leads_plainly() {
            self.enters();
        } else if let Some(value) = self.start_otherwise() {
            return Err(value);
        }
        Ok(Run::Other(self.call.enter_fill()))
    }

    /// Ends a call whose function did not run.
    #[cold]
    #[inline(never)]
    #[allow(clippy::boxed_local)] // It was moved by its address up to here.
    fn instead(self, call: Entered, value: Box<S::Return>) -> S::Return {
        drop(self);
        drop(call);
        *value
    }
}

/// A miss that has started, as a whole. Its fields are dropped in this order.
#[cfg(debug_assertions)]
struct Attempt<K, S: Shape> {
    started: Result<Run, Box<S::Return>>,
    miss: Miss<K, S>,
    call: Entered,
}

#[cfg(debug_assertions)]
impl<K, S> Attempt<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    fn of(mut miss: Miss<K, S>) -> Self {
        let call = miss.call.enter();
        Self { started: miss.starts(), miss, call }
    }

    /// The value that came from elsewhere.
    fn value(self) -> S::Return {
        match self.started {
            Err(value) => self.miss.instead(self.call, value),
            Ok(_) => unreachable!("it has a value"),
        }
    }

    /// Judges and publishes the result of the run, and returns it.
    fn ends(mut self, rules: &impl Judge<K, S>, ret: S::Return) -> S::Return {
        if let Ok(run) = self.started
            && self.miss.ends(run, rules, &ret)
        {
            std::mem::forget(self.miss);
        }
        ret
    }
}
