//! Which run waits for which, so that cached functions that call each other in a cycle run instead of hanging.
//!
//! While a leader runs (for a future: while it is polled), its flight is on a thread-local chain. A
//! call that would have to wait for a flight of its own chain, or for one that waits, directly or not,
//! for a flight of its own chain, runs the function itself instead.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex};

use super::{FlightId, Wait};
use crate::contained::lock;
use crate::observer;
use crate::sync::per_thread;

per_thread! {
    /// The innermost flight; separate, because it is usually the only one.
    static INNERMOST: Cell<FlightId> = Cell::new(FlightId::NONE);
    /// Those around it, the outermost first.
    static AROUND: RefCell<Vec<FlightId>> = RefCell::new(Vec::new());
}

/// For every flight whose leader waits: the flights it waits for, and how many of its calls wait for each. A flight may
/// have many, and every look at them is under the lock of the process.
type Waits = HashMap<FlightId, HashMap<FlightId, usize>>;

static WAITS: LazyLock<Mutex<Waits>> = LazyLock::new(Mutex::default);

/// Adds a leader's flight to the chain while its function runs.
#[must_use]
#[inline]
pub(crate) fn enter(flight: FlightId) -> Running {
    Running::new(flight)
}

/// Removes its flight from the chain when dropped.
pub(crate) struct Running {
    /// There are flights around it.
    nested: bool,
}

impl Running {
    #[inline]
    fn new(flight: FlightId) -> Self {
        // During thread teardown there is no chain; a cycle through destructors of thread-locals is
        // not worth protecting against.
        let around = INNERMOST.try_with(|innermost| innermost.replace(flight));
        let around = around.unwrap_or(FlightId::NONE);
        let nested = around != FlightId::NONE
            && AROUND.try_with(|outer| outer.borrow_mut().push(around)).is_ok();
        Self { nested }
    }
}

impl Drop for Running {
    #[inline]
    fn drop(&mut self) {
        let mut around = None;
        if self.nested {
            around = AROUND.try_with(|outer| outer.borrow_mut().pop()).ok().flatten();
        }
        let _ = INNERMOST.try_with(|innermost| innermost.set(around.unwrap_or(FlightId::NONE)));
    }
}

/// The flights that the caller runs inside of, the outermost first.
fn current() -> Vec<FlightId> {
    let innermost = INNERMOST.try_with(Cell::get).unwrap_or(FlightId::NONE);
    if innermost == FlightId::NONE {
        return Vec::new();
    }
    let mut chain = AROUND.try_with(|outer| outer.borrow().clone()).unwrap_or_default();
    chain.push(innermost);
    chain
}

/// Whether the caller runs inside of a flight.
pub(crate) fn contains(flight: FlightId) -> bool {
    current().contains(&flight)
}

fn reaches(waits: &Waits, from: FlightId, chain: &[FlightId]) -> bool {
    if chain.contains(&from) {
        return true;
    }
    // Mostly its leader waits for nothing, and there is nothing to allocate for.
    let Some(targets) = waits.get(&from) else { return false };
    let chain: HashSet<FlightId> = chain.iter().copied().collect();
    let mut seen = HashSet::from([from]);
    let mut open: Vec<FlightId> = targets.keys().copied().collect();
    while let Some(flight) = open.pop() {
        if chain.contains(&flight) {
            return true;
        }
        if seen.insert(flight) {
            open.extend(waits.get(&flight).into_iter().flat_map(HashMap::keys));
        }
    }
    false
}

/// Records that every flight of the current chain waits for `target`, whose waiters are at `wait`. `None` if that would
/// close a cycle: checked and recorded in one step, so that two callers cannot close it together.
pub(crate) fn wait_for(target: FlightId, wait: impl FnOnce() -> Arc<Wait>) -> Option<Waiting> {
    // An observer's code may run inside any flight.
    if observer::is_told() {
        return None;
    }
    let chain = current();
    if !chain.is_empty() {
        let mut waits = lock(&WAITS);
        if reaches(&waits, target, &chain) {
            return None;
        }
        for &flight in &chain {
            *waits.entry(flight).or_default().entry(target).or_default() += 1;
        }
    }
    Some(Waiting { wait: wait(), chain, target })
}

/// A call that waits for a flight, until this is dropped. See [`wait_for`].
pub(crate) struct Waiting {
    wait: Arc<Wait>,
    chain: Vec<FlightId>,
    target: FlightId,
}

impl Waiting {
    /// Where it waits.
    pub(crate) fn wait(&self) -> &Arc<Wait> {
        &self.wait
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.chain.is_empty() {
            return;
        }
        let mut waits = lock(&WAITS);
        for flight in &self.chain {
            if let Some(targets) = waits.get_mut(flight) {
                if let Some(calls) = targets.get_mut(&self.target) {
                    *calls -= 1;
                    if *calls == 0 {
                        targets.remove(&self.target);
                    }
                }
                if targets.is_empty() {
                    waits.remove(flight);
                }
            }
        }
    }
}
