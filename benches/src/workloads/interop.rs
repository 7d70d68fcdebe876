//! `interop`: keys and values that other languages share, next to the published Rust SDK.
//!
//! Its keys are made of values of its own, which stand ready here; ours are made of the arguments themselves. Its values
//! are what `rmp-serde` writes and reads, and its rows are what it calls for a value of any type: to write one
//! `rmp_serde::to_vec_named`; to read one a walk of the document that checks its depth and lengths and that nothing follows,
//! and then `rmp-serde` with a limit of depth. Our reader checks the same, so that is what it is compared with. `rmp-serde`
//! alone, without these checks, is shown as well.

use std::collections::BTreeMap;

use cachekit::interop::{self, Namespace, Operation};
use published::interop::{InteropValue, deserialize, interop_key};
use published::serializer::serialize;
use serde::{Deserialize, Serialize};

use crate::harness::{Batch, Contender, Role, measure};
use crate::options::Options;
use crate::report::{Expected, Report};

pub(crate) const OURS: &str = "cachekit interop";
pub(crate) const SDK: &str = "cachekit-rs";
pub(crate) const RMP: &str = "rmp-serde";

/// Tables of keys, and what their arguments are.
pub(crate) const KEYS: [(&str, &str); 3] =
    [("key-u64", "(u64)"), ("key-str-u64", "(&str, u64)"), ("key-map", "a nested map")];

const NAMESPACE: &str = "users";
const OPERATION: &str = "get_user";

/// A value as a web service stores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    email: Option<String>,
    active: bool,
    score: f64,
    tags: Vec<String>,
    visits: Vec<u32>,
    address: Address,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Address {
    street: String,
    city: String,
    zip: u32,
}

pub(crate) fn run(options: &Options, report: &mut Report) {
    let texts = ["ada", "grace", "barbara", "frances"];
    let text = move |index: u64| texts[usize::from(index.to_le_bytes()[0] % 4)];

    let mut args = vec![InteropValue::from(0_u64)];
    let theirs = move |index: u64| {
        args[0] = InteropValue::from(index);
        interop_key(NAMESPACE, OPERATION, &args).expect("a key")
    };
    keys(options, report, 0, |index| key(&(index,)), theirs);

    let mut args = vec![InteropValue::from("ada"), InteropValue::from(0_u64)];
    let ready = texts.map(InteropValue::from);
    let theirs = move |index: u64| {
        args[0].clone_from(&ready[usize::from(index.to_le_bytes()[0] % 4)]);
        args[1] = InteropValue::from(index);
        interop_key(NAMESPACE, OPERATION, &args).expect("a key")
    };
    keys(options, report, 1, |index| key(&(text(index), index)), theirs);

    let names = ["price", "rating", "stock"].map(str::to_owned);
    let range: BTreeMap<String, u64> =
        ["max", "min"].map(str::to_owned).into_iter().zip([1000, 10]).collect();
    let filter: BTreeMap<String, BTreeMap<String, u64>> =
        names.iter().map(|name| (name.clone(), range.clone())).collect();
    let range = range.into_iter().map(|(key, value)| (key, InteropValue::from(value))).collect();
    let range = InteropValue::Map(range);
    let args = [InteropValue::Map(names.into_iter().map(|name| (name, range.clone())).collect())];
    let theirs = move |_: u64| interop_key(NAMESPACE, OPERATION, &args).expect("a key");
    keys(options, report, 2, |_| key(&(&filter,)), theirs);

    values(options, report);
}

fn key<A: Serialize>(args: &A) -> interop::Key {
    interop::key(NAMESPACE, OPERATION, args).expect("a key")
}

fn keys<'a>(
    options: &Options,
    report: &mut Report,
    table: usize,
    mut ours: impl FnMut(u64) -> interop::Key + 'a,
    mut theirs: impl FnMut(u64) -> String + 'a,
) {
    let (id, what) = KEYS[table];
    for index in 0..8 {
        assert_eq!(ours(index).as_str(), theirs(index), "both make the same key");
    }
    let contenders = vec![
        Contender::indexed(OURS, Role::Ours, ours),
        Contender::indexed(SDK, Role::Peer, theirs),
    ];
    let title = format!("key of {what}");
    report.add(measure(options, id, &title, Batch::Calibrated, contenders), Expected::Mixed);
}

fn values(options: &Options, report: &mut Report) {
    // Names are checked once, as an attribute does it.
    const { assert!(Namespace::new(NAMESPACE).is_ok() && Operation::new(OPERATION).is_ok()) }
    let user = User {
        id: 42,
        name: "Ada Lovelace".to_owned(),
        email: Some("ada@example.org".to_owned()),
        active: true,
        score: 0.75,
        tags: ["mathematics", "engines"].map(str::to_owned).to_vec(),
        visits: (0..16).map(|visit| visit * 1000).collect(),
        address: Address {
            street: "St James's Square 12".to_owned(),
            city: "London".to_owned(),
            zip: 1842,
        },
    };
    let contenders = vec![
        Contender::indexed(OURS, Role::Ours, |_| {
            interop::encode_value(&user).expect("it encodes").len()
        }),
        Contender::indexed(SDK, Role::Peer, |_| serialize(&user).expect("it encodes").len()),
        Contender::indexed(RMP, Role::Peer, |_| {
            rmp_serde::to_vec_named(&user).expect("it encodes").len()
        }),
    ];
    let title = "encode a struct of eight fields";
    let table = measure(options, "interop-encode", title, Batch::Calibrated, contenders);
    report.add(table, Expected::Mixed);

    let document = interop::encode_value(&user).expect("it encodes");
    assert_eq!(interop::decode_value::<User>(&document).expect("it decodes"), user);
    let contenders = vec![
        Contender::indexed(OURS, Role::Ours, |_| {
            interop::decode_value::<User>(&document).expect("it decodes")
        }),
        Contender::indexed(SDK, Role::Peer, |_| {
            deserialize::<User>(&document).expect("it decodes")
        }),
        Contender::indexed(RMP, Role::Peer, |_| {
            rmp_serde::from_slice::<User>(&document).expect("it decodes")
        }),
    ];
    let title = "decode the same";
    let table = measure(options, "interop-decode", title, Batch::Calibrated, contenders);
    report.add(table, Expected::Mixed);
}
