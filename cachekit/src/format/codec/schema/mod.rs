//! What a type asks a deserializer for: the names, the order and the kinds of everything it reads.
//!
//! [`of`] runs a type's `Deserialize` against a deserializer that has no input but answers with plausible
//! values and records what it was asked for ([`probe`], [`record`]). The result is a graph: recursive types
//! point back into it. Its fingerprint is the same in every process and on every platform.
//!
//! A type has no schema if it accepts anything (`deserialize_any`: untagged and internally tagged
//! enums, flattened fields, `serde_json::Value`), if it refuses every value that it is offered, if what it asks
//! for depends on the values it was given, or if recording takes too many steps.

use std::any::TypeId;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

use blake2b_simd::{Params, State};
use serde::de::DeserializeOwned;

mod probe;
mod record;

/// Values of a type that are read back before they are written: the first ones, and one in this many of the later ones.
/// So even a process that only writes finds out that a type does not round-trip. An odd number, because kinds of values
/// may alternate.
const FIRST_PROOFS: u32 = 8;
const PROOF_EVERY: u32 = 31;

type Name = &'static str;
type Names = &'static [&'static str];

/// What is asked for at one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[rustfmt::skip]
pub(super) enum Shape {
    Bool, I8, I16, I32, I64, I128, U8, U16, U32, U64, U128, F32, F64, Char, Str, Bytes, Unit,
    UnitStruct(Name),
    // One child: what is wrapped, or repeated.
    NewtypeStruct(Name), Option, Seq, NewtypeVariant,
    // Two: key and value.
    Map,
    // One for each element, field or variant.
    Tuple(usize), TupleStruct(Name, usize), Struct(Name, Names), Enum(Name, Names),
    UnitVariant, TupleVariant(usize), StructVariant(Names),
}

impl Shape {
    /// The number of positions below this one.
    fn arity(self) -> usize {
        match self {
            Self::NewtypeStruct(_) | Self::Option | Self::Seq | Self::NewtypeVariant => 1,
            Self::Map => 2,
            Self::Tuple(len) | Self::TupleStruct(_, len) | Self::TupleVariant(len) => len,
            Self::Struct(_, names) | Self::Enum(_, names) | Self::StructVariant(names) => {
                names.len()
            }
            _ => 0,
        }
    }

    /// Its part of the fingerprint: a number that never changes, a name and names, lengths.
    fn parts(self) -> (u8, Name, Names) {
        match self {
            Self::Bool => (1, "", &[]),
            Self::I8 => (2, "", &[]),
            Self::I16 => (3, "", &[]),
            Self::I32 => (4, "", &[]),
            Self::I64 => (5, "", &[]),
            Self::I128 => (6, "", &[]),
            Self::U8 => (7, "", &[]),
            Self::U16 => (8, "", &[]),
            Self::U32 => (9, "", &[]),
            Self::U64 => (10, "", &[]),
            Self::U128 => (11, "", &[]),
            Self::F32 => (12, "", &[]),
            Self::F64 => (13, "", &[]),
            Self::Char => (14, "", &[]),
            Self::Str => (15, "", &[]),
            Self::Bytes => (16, "", &[]),
            Self::Unit => (17, "", &[]),
            Self::UnitStruct(name) => (18, name, &[]),
            Self::NewtypeStruct(name) => (19, name, &[]),
            Self::Option => (20, "", &[]),
            Self::Seq => (21, "", &[]),
            Self::Map => (22, "", &[]),
            Self::Tuple(_) => (23, "", &[]),
            Self::TupleStruct(name, _) => (24, name, &[]),
            Self::Struct(name, names) => (25, name, names),
            Self::Enum(name, names) => (26, name, names),
            Self::UnitVariant => (27, "", &[]),
            Self::NewtypeVariant => (28, "", &[]),
            Self::TupleVariant(_) => (29, "", &[]),
            Self::StructVariant(names) => (30, "", names),
        }
    }
}

/// One position of a type, and the positions below it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) shape: Shape,
    pub(super) children: Vec<u32>,
}

/// A type as it is read. The first node is the type itself.
#[derive(Debug)]
pub(super) struct Schema {
    nodes: Vec<Node>,
    fingerprint: u64,
    is_ordered: bool,
    /// How many values were written.
    written: AtomicU32,
    /// One could not be read back: from now on all are read back before they are written.
    doubted: AtomicBool,
}

impl Schema {
    fn new(nodes: Vec<Node>, is_ordered: bool) -> Self {
        let fingerprint = fingerprint(&nodes);
        let (written, doubted) = (AtomicU32::new(0), AtomicBool::new(false));
        Self { nodes, fingerprint, is_ordered, written, doubted }
    }

    /// Whether the value that is written now must be read back first.
    pub(super) fn wants_proof(&self) -> bool {
        let written = self.written.fetch_add(1, Ordering::Relaxed);
        written < FIRST_PROOFS
            || written.is_multiple_of(PROOF_EVERY)
            || self.doubted.load(Ordering::Relaxed)
    }

    /// A value could not be read back: from now on each is, before it is written.
    pub(super) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Whether all collections in it are known to keep their order. Not part of the fingerprint: what a set
    /// wrote may be read by a list.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Never 0.
    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub(super) fn node(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }
}

fn fingerprint(nodes: &[Node]) -> u64 {
    fn number(digest: &mut State, n: usize) {
        digest.update(&(n as u64).to_be_bytes());
    }
    fn text(digest: &mut State, text: &str) {
        number(digest, text.len());
        digest.update(text.as_bytes());
    }
    let mut digest = Params::new().hash_length(8).to_state();
    text(&mut digest, "cachekit schema 1");
    for node in nodes {
        let (kind, name, names) = node.shape.parts();
        digest.update(&[kind]);
        text(&mut digest, name);
        number(&mut digest, names.len());
        for name in names {
            text(&mut digest, name);
        }
        number(&mut digest, node.children.len());
        for &child in &node.children {
            number(&mut digest, child as usize);
        }
    }
    let mut fingerprint = [0; 8];
    fingerprint.copy_from_slice(digest.finalize().as_bytes());
    // 0 means that there is none.
    u64::from_be_bytes(fingerprint).max(1)
}

/// The schema of a type, or `None` if it has none. Recorded once in a process, at its first use.
pub(super) fn of<V: DeserializeOwned>() -> Option<&'static Schema> {
    thread_local! {
        /// What this thread looked up last: the next look-up is usually the same, and then needs no lock that all
        /// threads share.
        static LAST: Cell<Option<(TypeId, Option<&'static Schema>)>> = const { Cell::new(None) };
    }

    // Types that differ only in lifetimes are one type here, and are read alike.
    let id = typeid::of::<V>();
    if let Ok(Some((last, schema))) = LAST.try_with(Cell::get)
        && last == id
    {
        return schema;
    }
    let schema = look_up::<V>(id);
    // On a thread that is ending there is no next look-up.
    let _ = LAST.try_with(|last| last.set(Some((id, schema))));
    schema
}

#[inline(never)]
fn look_up<V: DeserializeOwned>(id: TypeId) -> Option<&'static Schema> {
    type Known = HashMap<TypeId, Option<&'static Schema>, foldhash::fast::FixedState>;
    static KNOWN: RwLock<Known> =
        RwLock::new(HashMap::with_hasher(foldhash::fast::FixedState::with_seed(0)));

    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return *known;
    }
    // Not under the lock: this runs code of the type.
    let schema = record::record::<V>();
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    // One for each type of the program, for as long as it runs.
    *known.entry(id).or_insert_with(|| schema.map(|schema| &*Box::leak(Box::new(schema))))
}
