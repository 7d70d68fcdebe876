//! Generated calls, and the functions of ours that are called.

use std::collections::{BTreeMap, BTreeSet};

use cachekit::cache;
use cachekit::interop::{DateTime, Value, decode_value, encode_value};
use cachekit_tests::block_on;
use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::super::{keys, text};
use super::{CASES, SEED};

/// What the functions answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    title: String,
    score: f64,
    count: Option<i64>,
    kind: Kind,
    at: DateTime,
    parts: Vec<(u8, String)>,
    any: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Plain,
    Limited(u16),
    Between { from: i32, to: i32 },
}

/// What the functions are called with, and what they answer.
pub(super) struct Call {
    pub(super) number: usize,
    pub(super) id: u64,
    pub(super) offset: i64,
    pub(super) name: String,
    pub(super) ratio: f64,
    pub(super) tags: Vec<String>,
    pub(super) limits: BTreeMap<String, i32>,
    pub(super) ids: BTreeSet<i16>,
    pub(super) parent: Option<u32>,
    pub(super) at: DateTime,
    pub(super) record: Record,
}

/// The function ran without an answer.
#[derive(Clone, Debug)]
pub(super) struct Missed;

/// Functions with the entries of one operation, as each of them says. Without an answer, they must not run.
macro_rules! functions {
    ($($module:ident: #[$($attribute:ident)::+])*) => {$(
        mod $module {
            use super::*;

            // The window is no part of what others read.
            #[$($attribute)::+(interop = shared("search"), namespace = "exchange", ttl = 300, stale = 60, skip(answer))]
            #[allow(clippy::too_many_arguments)]
            pub(super) fn blocking(
                id: u64, offset: i64, name: &str, ratio: f64, tags: &[String], limits: &BTreeMap<String, i32>,
                ids: &BTreeSet<i16>, parent: Option<u32>, at: DateTime, answer: &[Record],
            ) -> Record {
                let _ = (id, offset, name, ratio, tags, limits, ids, parent, at);
                answer.first().expect("the entry of the other SDK is found").clone()
            }

            #[$($attribute)::+(interop = shared("search"), namespace = "exchange", ttl = 300, skip(answer))]
            #[allow(clippy::too_many_arguments)]
            pub(super) async fn asynchronous(
                id: u64, offset: i64, name: &str, ratio: f64, tags: &[String], limits: &BTreeMap<String, i32>,
                ids: &BTreeSet<i16>, parent: Option<u32>, at: DateTime, answer: &[Record],
            ) -> Result<Option<Record>, Missed> {
                let _ = (id, offset, name, ratio, tags, limits, ids, parent, at);
                answer.first().map(|answer| Some(answer.clone())).ok_or(Missed)
            }
        }
    )*};
}

functions! {
    plain: #[cache]
    service: #[cache::io]
    sealed: #[cache::secure]
}

impl Call {
    /// Calls a function: each in turn, all with the backend of the scope.
    pub(super) fn ours(&self, is_sealed: bool, answer: Option<&Record>) -> Record {
        let answer = answer.map(std::slice::from_ref).unwrap_or_default();
        // What is shared of a `Result` is what is `Ok`, and of an `Option` what is in it.
        let found = |found: Result<Option<Record>, Missed>| {
            found.expect("the entry of the other SDK is found").expect("it is a record")
        };
        macro_rules! called {
            ($function:path) => {
                $function(
                    self.id,
                    self.offset,
                    &self.name,
                    self.ratio,
                    &self.tags,
                    &self.limits,
                    &self.ids,
                    self.parent,
                    self.at,
                    answer,
                )
            };
        }
        match (is_sealed, self.number % 4) {
            (false, 0) => called!(plain::blocking),
            (false, 1) => found(block_on(called!(plain::asynchronous))),
            (false, 2) => called!(service::blocking),
            (false, _) => found(block_on(called!(service::asynchronous))),
            (true, 0 | 2) => called!(sealed::blocking),
            (true, _) => found(block_on(called!(sealed::asynchronous))),
        }
    }

    /// The call for a program in another language: the list of its arguments, and the answer.
    pub(super) fn document(&self) -> Vec<u8> {
        let Self { id, offset, name, ratio, tags, limits, ids, parent, at, record, .. } = self;
        let arguments = (id, offset, name, ratio, tags, limits, ids, parent, at);
        encode_value(&(arguments, record)).unwrap()
    }
}

/// The calls of one direction: two directions share none.
pub(super) fn generated(direction: u64) -> Vec<Call> {
    let mut rng = Rng::with_seed(SEED + direction);
    (0..CASES).map(|number| call(&mut rng, number)).collect()
}

fn float(rng: &mut Rng) -> f64 {
    let any = f64::from_bits(rng.u64(..));
    let any = if any.is_finite() { any } else { -0.0 };
    *rng.choice(&[any, 2.0, 0.1, -7.25, 1e18, 1.8e19, 2e19]).unwrap()
}

fn date(rng: &mut Rng) -> DateTime {
    let second = 1_000_000;
    let micros = rng.i64(-62_135_596_800_000_000..253_402_300_800_000_000);
    let whole = micros / second * second;
    DateTime::from_unix_micros(*rng.choice(&[micros, whole]).unwrap()).unwrap()
}

fn call(rng: &mut Rng, number: usize) -> Call {
    Call {
        number,
        id: rng.u64(..) >> rng.u32(..64),
        offset: rng.i64(..) >> rng.u32(..64),
        name: text(rng, 40),
        ratio: float(rng),
        tags: (0..rng.usize(..4)).map(|_| text(rng, 20)).collect(),
        limits: (0..rng.usize(..18)).map(|_| (text(rng, 20), rng.i32(..))).collect(),
        ids: (0..rng.usize(..18)).map(|_| rng.i16(..) >> rng.u32(..16)).collect(),
        parent: rng.bool().then(|| rng.u32(..)),
        at: date(rng),
        record: Record {
            title: text(rng, 300),
            score: float(rng),
            count: rng.bool().then(|| rng.i64(..)),
            kind: match rng.u8(..3) {
                0 => Kind::Plain,
                1 => Kind::Limited(rng.u16(..)),
                _ => Kind::Between { from: rng.i32(..), to: rng.i32(..) },
            },
            at: date(rng),
            parts: (0..rng.usize(..4)).map(|_| (rng.u8(..), text(rng, 20))).collect(),
            // As it is read: a set comes back as a list.
            any: decode_value(&encode_value(&keys::value(rng, 1).0).unwrap()).unwrap(),
        },
    }
}
