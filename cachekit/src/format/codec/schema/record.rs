//! Recording a schema in as many runs of `Deserialize` as it takes to visit every variant.
//!
//! A run goes where something is left to explore, and elsewhere takes the shortest way: `None`, empty
//! collections, and for an enum the variant that was completed first. That variant cannot contain its own
//! enum, or the inner one would have been completed before. So recording ends for recursive types, too.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};

use serde::de::DeserializeOwned;

use super::probe::Probe;
use super::{Node, Schema, Shape};
use crate::contained::contained;
use crate::format::codec::depth::MAX_DEPTH;

/// Maximum number of steps for one type, in all runs together: about a millisecond.
const MAX_STEPS: usize = 1 << 14;

/// Collections that keep their order. If one is missing here, or has moved, its values are slower.
const ORDERED: [&str; 4] = [
    "alloc::vec::Vec<",
    "alloc::collections::btree::",
    "alloc::collections::vec_deque::VecDeque<",
    "alloc::collections::linked_list::LinkedList<",
];

/// Nothing below is unexplored.
const EXPLORED: u32 = u32::MAX;

/// A position in the graph while it is recorded.
struct Recorded {
    shape: Shape,
    children: Vec<Option<u32>>,
    /// Of an enum: the variant that was completed first.
    base: Option<u32>,
    /// Number of steps to the next unexplored position below, as of the start of the run.
    distance: u32,
}

impl Recorded {
    fn new(shape: Shape) -> Self {
        let children = vec![None; shape.arity()];
        Self { shape, children, base: None, distance: EXPLORED }
    }
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Good,
    /// A value was refused, and there is another one to offer.
    Again,
    /// This type has no schema.
    GivenUp,
}

/// What is known of a type so far.
pub(super) struct Recording {
    recorded: RefCell<Vec<Recorded>>,
    /// A position is identified by the visitor that asks and by what it asks for. Every type has its own
    /// visitor.
    known: RefCell<HashMap<(TypeId, Shape), u32>>,
    /// The positions that the run is inside, with the child that it is in.
    path: RefCell<Vec<(u32, u32)>>,
    /// Which value a position below another one is offered, if not the first.
    candidates: RefCell<HashMap<(u32, u32), usize>>,
    /// Where the last value was offered in this run.
    offered: Cell<Option<(u32, u32)>>,
    is_ordered: Cell<bool>,
    steps: Cell<usize>,
    outcome: Cell<Outcome>,
    /// Whether this run has found out anything.
    progress: Cell<bool>,
}

/// `None` if the type cannot be recorded in full.
pub(super) fn record<V: DeserializeOwned>() -> Option<Schema> {
    let recording = Recording::new();
    while recording.steps.get() < MAX_STEPS {
        recording.start();
        // A type may assume more about its input than its `Deserialize` states, and panic.
        let finished = contained(|| V::deserialize(Probe::root(&recording)).is_ok())?;
        if !finished {
            recording.refused();
        }
        match recording.outcome.get() {
            Outcome::Good if !recording.is_open() => return Some(recording.schema()),
            Outcome::Good | Outcome::Again if recording.progress.get() => {}
            Outcome::Good | Outcome::Again | Outcome::GivenUp => return None,
        }
    }
    None
}

impl Recording {
    fn new() -> Self {
        // The first position is above the type.
        Self {
            recorded: RefCell::new(vec![Recorded::new(Shape::NewtypeVariant)]),
            known: RefCell::default(),
            path: RefCell::default(),
            candidates: RefCell::default(),
            offered: Cell::new(None),
            is_ordered: Cell::new(true),
            steps: Cell::new(0),
            outcome: Cell::new(Outcome::Good),
            progress: Cell::new(false),
        }
    }

    fn start(&self) {
        self.path.borrow_mut().clear();
        self.offered.set(None);
        self.outcome.set(Outcome::Good);
        self.progress.set(false);
        self.measure();
    }

    /// The distance of every position from an unexplored one. A run that follows falling distances gets there,
    /// and visits no position twice.
    fn measure(&self) {
        let mut recorded = self.recorded.borrow_mut();
        let mut parents = vec![Vec::new(); recorded.len()];
        let mut next = VecDeque::new();
        for (at, index) in recorded.iter_mut().zip(0_u32..) {
            at.distance = EXPLORED;
            if at.children.contains(&None) {
                at.distance = 0;
                next.push_back(index);
            }
            for &child in at.children.iter().flatten() {
                parents[child as usize].push(index);
            }
        }
        while let Some(index) = next.pop_front() {
            let distance = recorded[index as usize].distance + 1;
            for &parent in &parents[index as usize] {
                let parent_place = &mut recorded[parent as usize];
                if parent_place.distance == EXPLORED {
                    parent_place.distance = distance;
                    next.push_back(parent);
                }
            }
        }
    }

    fn is_open(&self) -> bool {
        self.measure();
        self.recorded.borrow()[0].distance != EXPLORED
    }

    /// The recorded schema, numbered in the order in which it is reached: independent of the order of
    /// exploration.
    fn schema(&self) -> Schema {
        let recorded = self.recorded.borrow();
        let mut numbers = vec![None; recorded.len()];
        let mut order = Vec::new();
        let mut ahead: Vec<u32> = recorded[0].children.iter().flatten().copied().collect();
        while let Some(index) = ahead.pop() {
            if numbers[index as usize].is_some() {
                continue;
            }
            numbers[index as usize] = u32::try_from(order.len()).ok();
            order.push(index);
            ahead.extend(recorded[index as usize].children.iter().rev().flatten());
        }
        let node = |index: u32| {
            let Recorded { shape, children, .. } = &recorded[index as usize];
            let number = |child: &u32| numbers[*child as usize];
            Node { shape: *shape, children: children.iter().flatten().filter_map(number).collect() }
        };
        Schema::new(order.into_iter().map(node).collect(), self.is_ordered.get())
    }

    /// Permanent: this type has no schema.
    pub(super) fn give_up(&self) {
        self.outcome.set(Outcome::GivenUp);
    }

    /// Records a collection of some type. Unknown collections may have another order in another process.
    pub(super) fn collection(&self, type_name: &str) {
        let is_ordered = ORDERED.iter().any(|known| type_name.starts_with(known));
        self.is_ordered.set(self.is_ordered.get() && is_ordered);
    }

    /// Which value to offer.
    pub(super) fn candidate(&self, parent: (u32, u32)) -> usize {
        self.offered.set(Some(parent));
        self.candidates.borrow().get(&parent).copied().unwrap_or(0)
    }

    /// Records that a value was refused, unless that follows from an earlier refusal. Most likely
    /// it was the last value, and there may be others.
    pub(super) fn refused(&self) {
        if self.outcome.get() != Outcome::Good {
            return;
        }
        let Some(parent) = self.offered.get() else { return self.give_up() };
        *self.candidates.borrow_mut().entry(parent).or_insert(0) += 1;
        self.outcome.set(Outcome::Again);
        self.progress.set(true);
    }

    /// The position below `parent`, for a visitor that asks for this shape. `None`, and recording is given up,
    /// if something else was asked for there before.
    pub(super) fn enter(&self, parent: (u32, u32), asks: TypeId, shape: Shape) -> Option<u32> {
        let next = self.next_place();
        let at = *self.known.borrow_mut().entry((asks, shape)).or_insert(next);
        self.put(parent, at, shape)
    }

    /// The position of a variant's content, which belongs only to its enum.
    pub(super) fn enter_variant(&self, parent: (u32, u32), shape: Shape) -> Option<u32> {
        let at = self.child(parent).unwrap_or_else(|| self.next_place());
        self.put(parent, at, shape)
    }

    fn next_place(&self) -> u32 {
        u32::try_from(self.recorded.borrow().len()).unwrap_or(u32::MAX)
    }

    fn put(&self, parent: (u32, u32), at: u32, shape: Shape) -> Option<u32> {
        let steps = self.steps.get().saturating_add(1).saturating_add(shape.arity());
        self.steps.set(steps);
        let child = self.child(parent);
        // A type can ask for tuples of any length without having them.
        let feasible = steps <= MAX_STEPS && self.path.borrow().len() < MAX_DEPTH;
        let mut recorded = self.recorded.borrow_mut();
        let new = at as usize == recorded.len();
        let fits = new || recorded[at as usize].shape == shape;
        if !feasible || !fits || child.is_some_and(|child| child != at) {
            drop(recorded);
            self.give_up();
            return None;
        }
        if new {
            recorded.push(Recorded::new(shape));
        }
        if child.is_none() {
            recorded[parent.0 as usize].children[parent.1 as usize] = Some(at);
            self.progress.set(true);
        }
        Some(at)
    }

    pub(super) fn child(&self, (at, child): (u32, u32)) -> Option<u32> {
        self.recorded.borrow()[at as usize].children[child as usize]
    }

    /// Whether everything below this position was asked for.
    pub(super) fn is_full(&self, at: u32) -> bool {
        !self.recorded.borrow()[at as usize].children.contains(&None)
    }

    /// Steps inside; `leave` steps out.
    pub(super) fn go(&self, at: u32, child: u32) {
        self.path.borrow_mut().push((at, child));
    }

    pub(super) fn leave(&self) {
        self.path.borrow_mut().pop();
    }

    fn is_inside(&self, at: u32) -> bool {
        self.path.borrow().iter().any(|&(above, _)| above == at)
    }

    /// Whether it is worth entering something that can be left out.
    pub(super) fn wants(&self, at: u32) -> bool {
        let open = {
            let recorded = self.recorded.borrow();
            let Recorded { children, distance, .. } = &recorded[at as usize];
            *distance != EXPLORED || children.contains(&None)
        };
        open && !self.is_inside(at)
    }

    /// Which variant to offer; `None`, and recording is given up, if none would come to an end.
    pub(super) fn variant(&self, at: u32) -> Option<u32> {
        let recorded = self.recorded.borrow();
        let Recorded { children, base, .. } = &recorded[at as usize];
        let path = self.path.borrow();
        let mut indices = (0_u32..).take(children.len());
        // A variant that was not visited has distance zero.
        let distance = |index: &u32| {
            children[*index as usize].map_or(0, |child| recorded[child as usize].distance)
        };
        let nearest = indices.clone().min_by_key(distance).filter(|i| distance(i) != EXPLORED);
        let chosen = nearest
            .filter(|_| !self.is_inside(at))
            .or(*base)
            .or_else(|| indices.find(|i| !path.contains(&(at, *i))));
        drop((recorded, path));
        if chosen.is_none() {
            self.give_up();
        }
        chosen
    }

    /// Records that a variant could be read to its end.
    pub(super) fn completed(&self, at: u32, variant: u32) {
        self.recorded.borrow_mut()[at as usize].base.get_or_insert(variant);
    }
}
