//! The run of a sync function, from its miss to its result.

use super::miss::Miss;
use super::plain::{MAX_PLAIN, PlainRun};
use crate::observe::Entered;
use crate::rules::Judge;
use crate::shape::Shape;

/// A run of a sync function.
enum Run {
    Plain(PlainRun),
    Other(OtherRun),
}

/// A run that is not plain. Its fields are dropped in this order.
struct OtherRun {
    fill: Entered,
    call: Entered,
}

/// How the run of a sync function begins.
enum Started<R> {
    Run(Run),
    /// There is no run: the value came from elsewhere.
    Value(Entered, Box<R>),
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
        match self.starts() {
            Started::Run(run) => {
                let ret = f();
                if self.ends(run, &rules, &ret) {
                    // The miss stays where it is: moved, it would be copied.
                    std::mem::forget(self);
                }
                ret
            }
            Started::Value(call, value) => self.instead(call, value),
        }
    }

    /// The same without optimization, where it is compiled for each function as it stands: there is one thing to drop, and
    /// that only where the function panics.
    #[cfg(debug_assertions)]
    #[allow(clippy::needless_pass_by_value)] // A temporary of generated code.
    pub fn run(self, rules: impl Judge<K, S>, f: impl FnOnce() -> S::Return) -> S::Return {
        let attempt = Attempt::of(self);
        if attempt.has_value() {
            return attempt.value();
        }
        let ret = f();
        attempt.ends(&rules, ret)
    }

    /// Whether the function is to run, and how.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn starts(&mut self) -> Started<S::Return> {
        // A large value gains nothing from the shorter way.
        if const { size_of::<S::Return>() <= MAX_PLAIN }
            && let Some(run) = self.starts_plainly()
        {
            return Started::Run(Run::Plain(run));
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
            Run::Other(run) => {
                self.ends_otherwise(run, rules, ret);
                false
            }
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn starts_otherwise(&mut self) -> Started<S::Return> {
        let call = self.call.enter();
        if self.leads_plainly() {
            self.enters();
        } else if let Some(value) = self.start_otherwise() {
            return Started::Value(call, value);
        }
        let fill = self.call.enter_fill();
        Started::Run(Run::Other(OtherRun { fill, call }))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn ends_otherwise(&mut self, run: OtherRun, rules: &impl Judge<K, S>, ret: &S::Return) {
        let OtherRun { fill, call } = run;
        drop(fill);
        self.complete(rules, ret);
        drop(call);
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
    started: Started<S::Return>,
    miss: Miss<K, S>,
}

#[cfg(debug_assertions)]
impl<K, S> Attempt<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    fn of(mut miss: Miss<K, S>) -> Self {
        Self { started: miss.starts(), miss }
    }

    fn has_value(&self) -> bool {
        matches!(self.started, Started::Value(..))
    }

    /// The value that came from elsewhere.
    fn value(self) -> S::Return {
        match self.started {
            Started::Value(call, value) => self.miss.instead(call, value),
            Started::Run(_) => unreachable!("it has a value"),
        }
    }

    /// Judges and publishes the result of the run, and returns it.
    fn ends(mut self, rules: &impl Judge<K, S>, ret: S::Return) -> S::Return {
        if let Started::Run(run) = self.started
            && self.miss.ends(run, rules, &ret)
        {
            std::mem::forget(self.miss);
        }
        ret
    }
}
