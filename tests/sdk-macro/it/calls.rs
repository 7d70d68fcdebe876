//! Generated calls, and the functions that are called.

use std::collections::BTreeMap;

use cachekit::interop::InteropValue;
use cachekit::{CacheKit, CachekitError, cachekit};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::{CASES, SEED};

/// Whose function ran.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Side {
    Theirs,
    Ours,
}

/// What the functions answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    by: Side,
    id: u64,
    offset: i64,
    name: String,
    ratio: f64,
    flag: Option<bool>,
    tags: Vec<String>,
    limits: BTreeMap<String, i32>,
}

/// Arguments of all the kinds that their attribute takes, but for dates and sets, which it takes only as values of its own.
pub(crate) struct Call {
    pub(crate) number: usize,
    id: u64,
    offset: i64,
    small: i32,
    name: String,
    ratio: f64,
    flag: bool,
    tags: Vec<String>,
    limits: BTreeMap<String, i32>,
}

/// How often a function of this side ran is not counted: its answer says so.
fn answer(by: Side, id: u64, offset: i64, name: &str, ratio: f64, flag: bool) -> Answer {
    let (tags, limits) = (Vec::new(), BTreeMap::new());
    Answer { by, id, offset, name: name.to_owned(), ratio, flag: Some(flag), tags, limits }
}

fn texts(list: Vec<InteropValue>) -> Vec<String> {
    let text = |value| match value {
        InteropValue::Str(text) => text,
        other => panic!("{other:?} is no text"),
    };
    list.into_iter().map(text).collect()
}

fn numbers(map: BTreeMap<String, InteropValue>) -> BTreeMap<String, i32> {
    let number = |value| match value {
        InteropValue::Int(number) => i32::try_from(number).expect("it was one"),
        other => panic!("{other:?} is no number"),
    };
    map.into_iter().map(|(name, value)| (name, number(value))).collect()
}

/// Their functions and ours, twice: with the options of plain entries, and with those of sealed ones.
macro_rules! functions {
    ($($module:ident: [$($theirs:tt)*] #[$(::$ours:ident)+])*) => {$(
        mod $module {
            use super::*;

            #[cachekit(client = client, ttl = 300, interop = "search", namespace = "attributes" $($theirs)*)]
            #[allow(clippy::too_many_arguments)]
            pub(super) async fn theirs(
                client: &CacheKit, id: u64, offset: i64, small: i32, name: &str, ratio: f64, flag: bool,
                tags: Vec<InteropValue>, limits: BTreeMap<String, InteropValue>,
            ) -> Result<Answer, CachekitError> {
                let _ = small;
                let (tags, limits) = (texts(tags), numbers(limits));
                Ok(Answer { tags, limits, ..answer(Side::Theirs, id, offset, name, ratio, flag) })
            }

            #[cachekit(client = client, ttl = 300, interop = "one", namespace = "attributes" $($theirs)*)]
            pub(super) async fn their_one(client: &CacheKit, name: String) -> Result<Answer, CachekitError> {
                Ok(answer(Side::Theirs, 0, 0, &name, 0.5, true))
            }

            #[$(::$ours)+(interop = shared("search"), namespace = "attributes", ttl = 300, crate = ::ours)]
            #[allow(clippy::too_many_arguments)]
            pub(super) fn ours(
                id: u64, offset: i64, small: i32, name: &str, ratio: f64, flag: bool, tags: &[String],
                limits: &BTreeMap<String, i32>,
            ) -> Answer {
                let _ = small;
                let (tags, limits) = (tags.to_vec(), limits.clone());
                Answer { tags, limits, ..answer(Side::Ours, id, offset, name, ratio, flag) }
            }

            #[$(::$ours)+(interop = shared("one"), namespace = "attributes", ttl = 300, crate = ::ours)]
            pub(super) async fn our_one(name: &str) -> Answer {
                answer(Side::Ours, 0, 0, name, 0.5, true)
            }
        }
    )*};
}

functions! {
    plain: [] #[::ours::cache]
    sealed: [, secure] #[::ours::cache::secure]
}

impl Call {
    /// Each fourth one has one argument.
    fn is_short(&self) -> bool {
        self.number.is_multiple_of(4)
    }

    /// The name of a call with one argument: no other call has it.
    fn short_name(&self) -> String {
        format!("{} {}", self.number, self.name)
    }

    pub(crate) fn answer(&self, by: Side) -> Answer {
        if self.is_short() {
            return answer(by, 0, 0, &self.short_name(), 0.5, true);
        }
        let answer = answer(by, self.id, self.offset, &self.name, self.ratio, self.flag);
        Answer { tags: self.tags.clone(), limits: self.limits.clone(), ..answer }
    }

    pub(crate) async fn theirs(
        &self,
        client: &CacheKit,
        is_sealed: bool,
    ) -> Result<Answer, CachekitError> {
        if self.is_short() {
            let name = self.short_name();
            return if is_sealed {
                sealed::their_one(client, name).await
            } else {
                plain::their_one(client, name).await
            };
        }
        let Self { id, offset, small, name, ratio, flag, .. } = self;
        let tags = self.tags.iter().map(|tag| tag.as_str().into()).collect();
        let limits = self.limits.iter().map(|(name, limit)| (name.clone(), (*limit).into()));
        let limits = limits.collect();
        if is_sealed {
            sealed::theirs(client, *id, *offset, *small, name, *ratio, *flag, tags, limits).await
        } else {
            plain::theirs(client, *id, *offset, *small, name, *ratio, *flag, tags, limits).await
        }
    }

    pub(crate) fn ours(&self, runtime: &Runtime, is_sealed: bool) -> Answer {
        if self.is_short() {
            let name = self.short_name();
            return if is_sealed {
                runtime.block_on(sealed::our_one(&name))
            } else {
                runtime.block_on(plain::our_one(&name))
            };
        }
        let Self { id, offset, small, name, ratio, flag, tags, limits, .. } = self;
        if is_sealed {
            sealed::ours(*id, *offset, *small, name, *ratio, *flag, tags, limits)
        } else {
            plain::ours(*id, *offset, *small, name, *ratio, *flag, tags, limits)
        }
    }
}

/// The calls of one direction: two directions share none.
pub(crate) fn generated(direction: u64) -> Vec<Call> {
    let mut rng = Rng::with_seed(SEED + direction);
    (0..CASES).map(|number| call(&mut rng, number)).collect()
}

fn text(rng: &mut Rng, most: usize) -> String {
    let letters = ['a', 'B', '_', '-', '0', ' ', '\u{df}', '\u{ff61}', '\u{10000}', '\u{1f511}'];
    (0..rng.usize(..most)).map(|_| *rng.choice(&letters).expect("some")).collect()
}

fn call(rng: &mut Rng, number: usize) -> Call {
    let any = f64::from_bits(rng.u64(..));
    let any = if any.is_finite() { any } else { -0.0 };
    Call {
        number,
        id: rng.u64(..),
        offset: rng.i64(..) >> rng.u32(..64),
        small: rng.i32(..) >> rng.u32(..32),
        name: text(rng, 40),
        ratio: *rng.choice(&[any, 2.0, 0.1, -7.25, 1e18, 1.8e19, 2e19]).expect("some"),
        flag: rng.bool(),
        tags: (0..rng.usize(..4)).map(|_| text(rng, 20)).collect(),
        limits: (0..rng.usize(..18)).map(|_| (text(rng, 20), rng.i32(..))).collect(),
    }
}
