//! `interop = …`: the entries that a cached function shares with other languages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachekit::testing::Scope;
use cachekit::{ErrorKind, cache, interop};
use cachekit_io::envelope::interop::InteropEnvelope;
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{Backend, ManualClock, MemoryBackend, SetOptions};
use cachekit_tests::{Runs, block_on};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::secure::keyring;

/// A machine that shares this backend with programs in other languages.
pub(super) fn machine(backend: &FaultyBackend) -> Scope {
    Scope::new().with_backend(Arc::new(backend.clone())).with_keyring(keyring(1, &[]))
}

pub(super) fn backend() -> FaultyBackend {
    FaultyBackend::new(MemoryBackend::new())
}

/// What is stored under a key.
pub(super) fn stored(backend: &FaultyBackend, key: &interop::Key) -> Option<Bytes> {
    let fetched = block_on(backend.get(key.as_str())).unwrap();
    fetched.map(|fetched| fetched.value().clone())
}

pub(super) fn store(backend: &FaultyBackend, key: &interop::Key, bytes: Vec<u8>) {
    let options = SetOptions::new().ttl(Duration::from_secs(60));
    block_on(backend.set(key.as_str(), bytes.into(), &options)).unwrap();
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
}

fn user(id: u64) -> User {
    User { id, name: format!("user {id}") }
}

#[test]
fn what_is_stale_since_an_unknown_time_is_a_miss() {
    #[cache(interop = "price", namespace = "users", ttl = 60, stale = "10s")]
    fn price(item: u64) -> u64 {
        item
    }
    let clock = ManualClock::new();
    let memory = MemoryBackend::builder().clock(clock.clock()).build();
    let backend = FaultyBackend::new(memory);
    let key = interop::key("users", "price", &(1,)).unwrap();
    // The window of the writer is longer.
    let hour = Duration::from_secs(3600);
    let options = SetOptions::new().ttl(Duration::from_secs(60)).stale_ttl(hour);
    let written = interop::encode_value(&7).unwrap();
    block_on(backend.set(key.as_str(), written.into(), &options)).unwrap();
    machine(&backend).run(|| assert_eq!(price(1), 7));
    clock.advance(hour);
    assert!(block_on(backend.get(key.as_str())).unwrap().is_some_and(|found| !found.is_fresh()));
    machine(&backend).run(|| assert_eq!(price(1), 1));
}

#[test]
fn one_argument_is_a_list_of_one() {
    #[cache(interop = "get_user", namespace = "users", ttl = 60)]
    fn get_user(id: u64) -> User {
        user(id)
    }
    let backend = backend();
    machine(&backend).run(|| assert_eq!(get_user(42), user(42)));
    let key = interop::key("users", "get_user", &(42,)).unwrap();
    // The known answer of the protocol.
    assert!(
        key.as_str().ends_with("61598716255080080f6456eb065c2e51badfaa4320b0efe97469c29cffee8875")
    );
    let stored = stored(&backend, &key).expect("it is shared");
    assert_eq!(stored, interop::encode_value(&user(42)).unwrap());
}

#[test]
fn what_another_language_stored_is_served() {
    static RUNS: Runs = Runs::new();
    #[cache(interop = "named", namespace = "users", ttl = 60)]
    async fn named(name: &str, page: u8) -> Vec<User> {
        RUNS.add();
        vec![user(name.len() as u64 + u64::from(page))]
    }
    let backend = backend();
    let key = interop::key("users", "named", &("Ada", 3)).unwrap();
    // Fields in another order, and numbers wider than they need to be, as other writers may write them.
    let theirs = b"\x91\x82\xa4name\xa3Ada\xa2id\xcd\x00\x07".to_vec();
    store(&backend, &key, theirs);
    let expected = vec![User { id: 7, name: "Ada".to_owned() }];
    machine(&backend).run(|| assert_eq!(block_on(named("Ada", 3)), expected));
    assert_eq!(RUNS.all(), 0);
}

#[test]
fn every_kind_of_argument_has_the_key_that_others_compute() {
    #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Filter {
        tag: String,
        limit: Option<u16>,
    }

    #[cache(interop = "none", namespace = "kinds", ttl = 60)]
    fn none() -> u8 {
        1
    }
    #[cache(interop = "many", namespace = "kinds", ttl = 60)]
    fn many(text: &str, list: &[i64], float: f64, absent: Option<u8>, filter: Filter) -> u8 {
        let _ = (text, list, float, absent, filter);
        2
    }
    #[cache(interop = "set", namespace = "kinds", ttl = 60)]
    fn of_a_set(ids: &BTreeSet<u32>) -> usize {
        ids.len()
    }
    #[cache(interop = "map", namespace = "kinds", ttl = 60)]
    fn of_a_map(map: BTreeMap<String, i8>) -> usize {
        map.len()
    }
    #[cache(interop = "skipped", namespace = "kinds", ttl = 60, skip(verbose))]
    fn skipped(id: u8, verbose: bool) -> u8 {
        let _ = verbose;
        id
    }
    #[cache(interop = "keyed", namespace = "kinds", ttl = 60, key = id.trim())]
    fn keyed(id: &str) -> usize {
        id.len()
    }

    let filter = Filter { tag: "a".to_owned(), limit: None };
    let backend = backend();
    machine(&backend).run(|| {
        none();
        many("x", &[1, -1], 2.0, None, filter.clone());
        of_a_set(&BTreeSet::from([300, 2, 1]));
        of_a_map(BTreeMap::from([("b".to_owned(), 1), ("a".to_owned(), -1)]));
        skipped(5, true);
        keyed(" k ");
    });
    let keys = [
        interop::key("kinds", "none", &()),
        interop::key("kinds", "many", &("x", [1, -1], 2, (), &filter)),
        interop::key("kinds", "set", &(interop::Set([1, 2, 300]),)),
        interop::key("kinds", "map", &(BTreeMap::from([("a", -1), ("b", 1)]),)),
        interop::key("kinds", "skipped", &(5,)),
        interop::key("kinds", "keyed", &("k",)),
    ];
    for key in keys {
        let key = key.unwrap();
        assert!(stored(&backend, &key).is_some(), "{}", key.as_str());
    }
}

#[test]
fn methods_and_generics_share_by_their_keys() {
    struct Shop {
        id: u32,
    }
    impl Shop {
        #[cache(interop = "price", namespace = "shop", ttl = 60, self = key(self.id))]
        fn price(&self, item: u32) -> u32 {
            self.id * item
        }
    }
    #[cache(interop = "twice", namespace = "shop", ttl = 60, key = (std::mem::size_of::<T>(), item))]
    fn twice<
        T: Clone + Eq + std::hash::Hash + Send + Sync + Serialize + DeserializeOwned + 'static,
    >(
        item: T,
    ) -> (T, T) {
        (item.clone(), item)
    }
    let backend = backend();
    machine(&backend).run(|| {
        assert_eq!(Shop { id: 2 }.price(4), 8);
        let _ = twice(9_u8).0;
    });
    assert!(stored(&backend, &interop::key("shop", "price", &(2, 4)).unwrap()).is_some());
    assert!(stored(&backend, &interop::key("shop", "twice", &(1, 9)).unwrap()).is_some());
}

#[derive(Debug)]
enum Failure {
    Cache(ErrorKind),
}

impl From<cachekit::Error> for Failure {
    fn from(error: cachekit::Error) -> Self {
        Self::Cache(error.kind())
    }
}

#[test]
fn an_argument_that_no_other_language_has_is_an_error_before_the_body() {
    static RUNS: Runs = Runs::new();
    #[cache(interop = "ratio", namespace = "model", ttl = 60)]
    fn ratio(of: f64) -> Result<u8, Failure> {
        RUNS.add();
        let _ = of;
        Ok(1)
    }
    let backend = backend();
    machine(&backend).run(|| {
        assert!(matches!(ratio(f64::NAN), Err(Failure::Cache(ErrorKind::Argument))));
        assert_eq!((RUNS.all(), ratio::stats().entries), (0, 0));
        assert_eq!(ratio(1.0).unwrap(), 1);
    });
    assert!(stored(&backend, &interop::key("model", "ratio", &(1,)).unwrap()).is_some());
    // Nor does it depend on whether there is a backend.
    Scope::new().run(|| assert!(ratio(f64::INFINITY).is_err()));
}

#[test]
fn where_it_cannot_be_an_error_it_is_counted() {
    static RUNS: Runs = Runs::new();
    #[cache(interop = "half", namespace = "model", ttl = 60)]
    fn half(of: f64) -> u8 {
        RUNS.add();
        let _ = of;
        1
    }
    let backend = backend();
    machine(&backend).run(|| {
        assert_eq!((half(f64::NAN), half(f64::NAN)), (1, 1));
        assert_eq!((RUNS.all(), half::stats().shared_errors), (1, 1), "this process keeps it");
    });
    assert!(backend.calls().is_empty());
}

#[test]
fn a_value_that_no_other_language_has_stays_here_and_is_counted() {
    #[cache(interop = "mean", namespace = "model", ttl = 60)]
    fn mean(n: u32) -> f64 {
        f64::from(n) / 0.0
    }
    let backend = backend();
    machine(&backend).run(|| {
        assert!(mean(1).is_infinite() && mean(1).is_infinite());
        let stats = mean::stats();
        assert_eq!((stats.hits, stats.loads, stats.shared_errors), (1, 1, 1));
    });
    assert!(stored(&backend, &interop::key("model", "mean", &(1,)).unwrap()).is_none());
}

#[test]
fn what_is_no_document_is_a_miss_and_is_overwritten() {
    #[cache(interop = "word", namespace = "damage", ttl = 60)]
    fn word(n: u8) -> String {
        "w".repeat(usize::from(n))
    }
    let backend = backend();
    let key = interop::key("damage", "word", &(2,)).unwrap();
    let ours = interop::encode_value("ww").unwrap();
    for theirs in [
        &b""[..],
        b"\xa2ww!",
        b"\xc1",
        b"CK\x03\x00\x00\x00\x02{}",
        b"\x2a",
        b"\xdd\xff\xff\xff\xff",
    ] {
        store(&backend, &key, theirs.to_vec());
        machine(&backend).run(|| assert_eq!(word(2), "ww"));
        assert_eq!(stored(&backend, &key).unwrap(), ours, "{theirs:?}");
    }
}

#[test]
fn sealed_entries_are_those_of_the_ecosystem() {
    static RUNS: Runs = Runs::new();
    #[cache::secure(interop = "diagnosis", namespace = "patients", ttl = 60)]
    fn diagnosis(patient: u64) -> String {
        RUNS.add();
        format!("of {patient}")
    }
    let backend = backend();
    let key = interop::key("patients", "diagnosis", &(7,)).unwrap();
    machine(&backend).run(|| {
        assert_eq!((diagnosis(7), diagnosis(7)), ("of 7".to_owned(), "of 7".to_owned()));
        assert_eq!(diagnosis::stats().hits, 1);
    });
    let sealed = stored(&backend, &key).expect("under the key that all languages compute");
    assert!(!sealed.windows(4).any(|window| window == b"of 7"));
    let mut document = Vec::new();
    let envelope = InteropEnvelope::new(keyring(1, &[]));
    envelope.open("default", key.as_str(), &sealed, &mut document).unwrap();
    assert_eq!(interop::decode_value::<String>(&document).unwrap(), "of 7");

    // And the other way round, with a key that has been rotated out.
    let mut theirs = Vec::new();
    let value = interop::encode_value("from elsewhere").unwrap();
    InteropEnvelope::new(keyring(2, &[]))
        .seal("default", key.as_str(), &value, &mut theirs)
        .unwrap();
    store(&backend, &key, theirs);
    machine(&backend).run(|| assert_eq!(diagnosis(7), "of 7", "no key of ours opens it"));
    let mut theirs = Vec::new();
    envelope.seal("default", key.as_str(), &value, &mut theirs).unwrap();
    store(&backend, &key, theirs);
    let rotated = machine(&backend).with_keyring(keyring(3, &[1]));
    rotated.run(|| {
        assert_eq!(
            (diagnosis(7), diagnosis(7)),
            ("from elsewhere".to_owned(), "from elsewhere".to_owned())
        );
    });
    assert_eq!(RUNS.all(), 2);
}

#[test]
fn a_tenant_opens_no_entry_of_another() {
    static RUNS: Runs = Runs::new();
    #[cache::secure(interop = "plan", namespace = "tenants", ttl = 60, tenant = tenant, on_tamper = error)]
    fn plan(tenant: &str, id: u8) -> Result<String, cachekit::Error> {
        RUNS.add();
        Ok(format!("{tenant} {id}"))
    }
    let backend = backend();
    for tenant in ["a", "b", "a"] {
        machine(&backend).run(|| assert_eq!(plan(tenant, 1).unwrap(), format!("{tenant} 1")));
    }
    assert_eq!(RUNS.all(), 2, "each has an entry of its own");

    // What was sealed with another key or for another tenant looks as if it was changed.
    let key = interop::key("tenants", "plan", &("a", 1)).unwrap();
    for (tenant, master) in [("b", 1), ("a", 2)] {
        let mut theirs = Vec::new();
        let value = interop::encode_value("not ours").unwrap();
        let envelope = InteropEnvelope::new(keyring(master, &[]));
        envelope.seal(tenant, key.as_str(), &value, &mut theirs).unwrap();
        store(&backend, &key, theirs);
        let error = machine(&backend).run(|| plan("a", 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let said = error.to_string();
        assert!(said.contains("another tenant") && said.contains("another master key"), "{said}");
    }
}

#[test]
fn without_a_key_no_argument_has_anything_kept() {
    static RUNS: Runs = Runs::new();
    #[cache::secure(interop = "dose", namespace = "patients", ttl = 60, l1 = typed)]
    fn dose(of: f64) -> u8 {
        RUNS.add();
        let _ = of;
        1
    }
    #[cache::secure(interop = "dose_of", namespace = "patients", ttl = 60, l1 = typed, tenant = of)]
    fn dose_of(of: &str, factor: f64) -> Result<u8, Failure> {
        let _ = (of, factor);
        Ok(1)
    }
    let backend = backend();
    let without_keys = Scope::new().with_backend(Arc::new(backend.clone()));
    without_keys.run(|| {
        assert_eq!((dose(f64::NAN), dose(f64::NAN), dose(1.0)), (1, 1, 1));
        let stats = dose::stats();
        assert_eq!((RUNS.all(), stats.entries, stats.unsealed), (3, 0, 3));
    });
    // A forgotten tenant is no tenant, whatever the other arguments are.
    machine(&backend).run(|| {
        assert!(matches!(dose_of("", f64::NAN), Err(Failure::Cache(ErrorKind::Unsealed))));
        assert!(matches!(dose_of("t", f64::NAN), Err(Failure::Cache(ErrorKind::Argument))));
    });
    assert!(backend.calls().is_empty());
}

#[test]
fn the_key_of_a_call_is_that_of_its_entry() {
    #[allow(dead_code)] // Only its companions are called.
    #[cache(interop = "shown", namespace = "my.app", ttl = 60)]
    fn shown(id: u64) -> u64 {
        id
    }
    #[allow(dead_code)] // Only its companions are called.
    #[cache::secure(interop = "shown_sealed", namespace = "my.app", ttl = 60)]
    fn shown_sealed(id: u64) -> u64 {
        id
    }
    let backend = backend();
    machine(&backend).run(|| {
        let key = |operation| interop::key("my.app", operation, &(42,)).unwrap();
        assert_eq!(shown::key(&42).to_string(), key("shown").as_str());
        assert_eq!(shown_sealed::key(&42).to_string(), key("shown_sealed").as_str());
        assert_ne!(shown::key(&42), shown::key(&43));
    });
}

#[test]
fn companions_reach_the_shared_entry() {
    #[allow(dead_code)] // Only its companions are called.
    #[cache(interop = "stock", namespace = "companions", ttl = 60)]
    fn stock(id: u8) -> u32 {
        u32::from(id)
    }
    let backend = backend();
    let key = interop::key("companions", "stock", &(1,)).unwrap();
    machine(&backend).run(|| {
        stock::set(&1, 70);
        assert_eq!(stored(&backend, &key).unwrap(), interop::encode_value(&70).unwrap());
        assert!(stock::invalidate(&1).is_confirmed());
    });
    assert!(stored(&backend, &key).is_none());
    store(&backend, &key, interop::encode_value(&8).unwrap());
    machine(&backend).run(|| assert_eq!(stock::peek(&1), Some(8)));
}
