//! A leader runs its function; and how a miss of a function with `stale` continues.

use super::Miss;
use super::revalidate::Ticket;
use crate::pinned::Pinned;
use crate::rules::{Judge, Rules};
use crate::shape::Shape;

/// How a miss of a function with `stale` continues.
#[derive(Debug)]
pub enum Asked<K, S: Shape> {
    /// Another call's result.
    Value(S::Return),
    /// A stale value, and the duty to start its refresh.
    Stale(S::Return, Ticket),
    /// Run the function.
    Lead(Lead<K, S>),
}

/// A call that must run the function.
#[must_use]
pub struct Lead<K, S: Shape> {
    pub(super) miss: Miss<K, S>,
}

opaque!([K, S: Shape] "Lead", Lead<K, S>);

impl<K, S> Lead<K, S>
where
    K: Eq + Send + Sync + 'static,
    S: Shape,
{
    /// Starts the options that need the value.
    pub fn rules(&self) -> Rules<K, S> {
        Rules::new()
    }

    /// Runs a sync function under rules.
    #[allow(clippy::needless_pass_by_value)] // A temporary of generated code.
    pub fn run(mut self, rules: impl Judge<K, S>, f: impl FnOnce() -> S::Return) -> S::Return {
        let _call = self.miss.call.enter();
        self.miss.enters();
        let entered = self.miss.call.enter_fill();
        let ret = f();
        drop(entered);
        self.miss.complete(&rules, &ret);
        ret
    }
}

impl<K, P, S: Shape> Miss<Pinned<K, P>, S> {
    /// Starts the options that need the value.
    pub fn rules_at(&self) -> Rules<K, S> {
        self.give_up_turn();
        Rules::new()
    }
}

impl<K, P, S: Shape> Lead<Pinned<K, P>, S> {
    /// Starts the options that need the value.
    pub fn rules_at(&self) -> Rules<K, S> {
        Rules::new()
    }
}
