//! A leader runs its function; and how a miss of a function with `stale` continues.

use super::revalidate::Ticket;
use super::{Miss, Turn};
use crate::flight::wait_graph::{self, Running};
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

/// While the options' expressions of a lead are evaluated: they belong to its run, since they may call the function.
#[must_use]
pub struct Inside {
    _running: Option<Running>,
}

/// A call that must run the function.
#[must_use]
pub struct Lead<K, S: Shape> {
    pub(super) miss: Miss<K, S>,
}

opaque!([K, S: Shape] "Lead", Lead<K, S>);

impl<K, S: Shape> Lead<K, S> {
    /// Enters its flight until the options' expressions are evaluated.
    pub fn enters(&self) -> Inside {
        let running = match self.miss.turn.get() {
            Turn::Lead(row) | Turn::Beside(row) => Some(wait_graph::enter(row.flight())),
            _ => None,
        };
        Inside { _running: running }
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
