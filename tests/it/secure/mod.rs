//! `#[cache::secure]`: what leaves the process is sealed, and what comes back is what was sealed.

mod modes;
mod moves;
mod reentry;
mod rotation;
mod start;

use std::sync::Arc;

use bytes::Bytes;
use cachekit::secure::{KeySet, Keyring, MasterKey};
use cachekit::testing::{Scope, settle};
use cachekit::{ErrorKind, cache};
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{Backend, MemoryBackend, Operation, SetOptions};
use cachekit_tests::{Runs, block_on};
use serde::{Deserialize, Serialize};

static RUNS: Runs = Runs::new();

/// A key that is no secret: one byte, again and again.
pub(crate) fn key(byte: u8) -> MasterKey {
    MasterKey::from_bytes(&[byte; 32]).unwrap()
}

/// The current key, and the previous ones.
pub(crate) fn keyring(current: u8, previous: &[u8]) -> Arc<Keyring> {
    let previous = previous.iter().map(|byte| key(*byte));
    Arc::new(Keyring::new(KeySet::new(key(current), previous).unwrap()))
}

/// Keys for a process whose tests ask whether everything is set: this binary has functions that seal.
pub(crate) fn set_keys() {
    cachekit::secure::set_keyring(keyring(1, &[]));
}

pub(crate) fn store() -> FaultyBackend {
    FaultyBackend::new(MemoryBackend::new())
}

/// A machine with key 1 that has just started.
pub(crate) fn machine(store: &FaultyBackend) -> Scope {
    machine_with(store, keyring(1, &[]))
}

pub(crate) fn machine_with(store: &FaultyBackend, keyring: Arc<Keyring>) -> Scope {
    Scope::new().with_backend(Arc::new(store.clone())).with_keyring(keyring)
}

/// Every key that was written to, once.
pub(crate) fn written(store: &FaultyBackend) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for call in store.calls() {
        let key = call.key().unwrap_or_default();
        let writes = matches!(call.operation, Operation::Set | Operation::SetFenced);
        if writes && !keys.iter().any(|known| known == key) {
            keys.push(key.to_owned());
        }
    }
    keys
}

/// What the store has under a key.
pub(crate) fn entry(store: &FaultyBackend, key: &str) -> Option<Bytes> {
    block_on(store.get(key)).unwrap().map(|found| found.into_value())
}

/// Puts something there, as whoever has the store can.
pub(crate) fn forge(store: &FaultyBackend, key: &str, value: impl Into<Bytes>) {
    block_on(store.set(key, value.into(), &SetOptions::new())).unwrap();
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Patient {
    id: u64,
    name: String,
}

#[cache::secure(ttl = 60, namespace = "clinic")]
fn patient(id: u64, ward: &str) -> Patient {
    RUNS.add();
    Patient { id, name: format!("Ada of {ward}") }
}

#[cache::secure(ttl = 60, namespace = "clinic")]
async fn patient_later(id: u64) -> Result<Patient, String> {
    RUNS.add();
    tokio::task::yield_now().await;
    if id == 0 { Err("nobody".into()) } else { Ok(Patient { id, name: "Ada".into() }) }
}

#[test]
fn a_second_machine_opens_what_the_first_sealed() {
    let store = store();
    let (a, b) = (machine(&store), machine(&store));
    let first = a.run(|| patient(1, "north"));
    a.run(settle);
    assert_eq!(RUNS.take(), 1);
    b.run(|| {
        assert_eq!(patient(1, "north"), first);
        assert_eq!(patient(1, "north"), first);
        let stats = patient::stats();
        assert_eq!((stats.misses, stats.shared_hits, stats.hits, stats.loads), (1, 1, 1, 0));
        assert_eq!((stats.refused.total(), stats.unsealed), (0, 0));
    });
    assert_eq!(RUNS.take(), 0);
}

#[test]
fn async_functions_too() {
    let store = store();
    let (a, b) = (machine(&store), machine(&store));
    let first = block_on(a.wrap(patient_later(1)));
    assert_eq!(block_on(b.wrap(patient_later(1))), first);
    assert_eq!(block_on(b.wrap(patient_later(1))), first);
    assert_eq!(block_on(b.wrap(patient_later::peek(&1))), Some(first));
    assert_eq!(RUNS.take(), 1);
    assert!(block_on(a.wrap(patient_later(0))).is_err());
    assert_eq!(written(&store).len(), 1, "an error is not stored");
}

#[test]
fn nothing_in_the_store_can_be_read() {
    let store = store();
    machine(&store).run(|| patient(1_234_567, "psychiatry"));
    let keys = written(&store);
    assert_eq!(keys.len(), 1);
    assert!(keys[0].starts_with("s1:") && keys[0].len() == 67, "{}", keys[0]);
    let bytes = entry(&store, &keys[0]).unwrap();
    let seen = format!("{} {}", keys[0], String::from_utf8_lossy(&bytes));
    for secret in ["psychiatry", "1234567", "Ada", "patient", "clinic", "secure", "Patient"] {
        assert!(!seen.contains(secret), "{secret}");
    }
    let number = 1_234_567_u64;
    for secret in [number.to_be_bytes(), number.to_le_bytes()] {
        assert!(!bytes.windows(8).any(|window| window == secret));
    }
}

#[test]
fn in_the_process_alone_it_caches_too() {
    let scope = Scope::new().with_keyring(keyring(1, &[]));
    scope.run(|| {
        assert_eq!(patient(1, "x"), patient(1, "x"));
        assert_eq!((RUNS.take(), patient::stats().hits), (1, 1));
        assert!(patient::contains(&1, "x"));
        assert!(patient::invalidate(&1, "x").is_confirmed());
        assert_eq!(patient::peek(&1, "x"), None);
        patient(1, "x");
        assert_eq!(RUNS.take(), 1);
    });
}

#[test]
fn a_forged_entry_is_a_miss_that_is_counted_and_overwritten() {
    let store = store();
    machine(&store).run(|| patient(1, "north"));
    let key = written(&store).remove(0);
    let sealed = entry(&store, &key).unwrap();
    let mut flipped = sealed.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let mut cut = sealed.to_vec();
    cut.truncate(50);
    type Count = fn(&cachekit::Refusals) -> u64;
    let kinds: [(&[u8], Count); 3] = [
        (&flipped, |refused| refused.tampered),
        (&cut, |refused| refused.damaged),
        (b"plain", |refused| refused.downgraded),
    ];
    RUNS.take();
    for (forged, kind) in kinds {
        forge(&store, &key, forged.to_vec());
        let machine = machine(&store);
        machine.run(|| {
            assert_eq!(patient(1, "north").name, "Ada of north");
            assert_eq!(RUNS.take(), 1);
            let refused = patient::stats().refused;
            assert_eq!((kind(&refused), refused.total()), (1, 1));
        });
        machine.run(settle);
        assert_ne!(entry(&store, &key).unwrap(), forged);
    }
}

#[cache::secure(ttl = 60, namespace = "clinic", tenant = tenant)]
fn of_tenant(tenant: &str, id: u64) -> String {
    RUNS.add();
    format!("{tenant} {id}")
}

#[cache::secure(ttl = 60, namespace = "clinic", tenant = tenant, key = id)]
fn keyed(tenant: String, id: u64) -> String {
    RUNS.add();
    format!("{tenant} {id}")
}

#[test]
fn tenants_share_nothing() {
    let store = store();
    let machine = machine(&store);
    machine.run(|| {
        assert_eq!((keyed("a".into(), 1), keyed("b".into(), 1)), ("a 1".into(), "b 1".into()));
        assert_eq!((keyed("a".into(), 1), keyed("b".into(), 1)), ("a 1".into(), "b 1".into()));
        assert_eq!((RUNS.take(), keyed::stats().hits), (2, 2));
        of_tenant("a", 1);
        assert!(of_tenant::contains("a", &1) && !of_tenant::contains("b", &1));
    });
    RUNS.take();
    let keys = written(&store);
    assert_eq!(keys.len(), 3);
    // Whoever has the store swaps them.
    let first = entry(&store, &keys[0]).unwrap();
    forge(&store, &keys[1], first);
    machine_with(&store, keyring(1, &[])).run(|| {
        assert_eq!(keyed("b".into(), 1), "b 1");
        assert_eq!(keyed::stats().refused.wrong_key, 1);
    });
    assert_eq!(RUNS.take(), 1);
}

#[derive(Clone, Debug, PartialEq)]
struct Failure(Option<ErrorKind>);

impl From<cachekit::Error> for Failure {
    fn from(error: cachekit::Error) -> Self {
        Self(Some(error.kind()))
    }
}

type Outcome<T> = Result<T, Failure>;

#[cache::secure(ttl = 60, namespace = "clinic", tenant = tenant)]
fn fallible(tenant: &str) -> Outcome<usize> {
    RUNS.add();
    Ok(tenant.len())
}

#[test]
fn without_a_key_nothing_is_stored() {
    let store = store();
    let scope = Scope::new().with_backend(Arc::new(store.clone()));
    scope.run(|| {
        assert_eq!(fallible("t"), Err(Failure(Some(ErrorKind::Unsealed))));
        assert_eq!(RUNS.take(), 0);
        assert_eq!(patient(1, "x"), patient(1, "x"));
        assert_eq!((RUNS.take(), patient::stats().unsealed), (2, 2));
        assert_eq!((patient::stats().entries, fallible::stats().entries), (0, 0));
        assert!(!patient::invalidate(&1, "x").is_confirmed(), "where it is, only the key tells");
    });
    assert!(written(&store).is_empty());
    // An empty tenant is a forgotten one.
    machine(&store).run(|| {
        assert_eq!(fallible(""), Err(Failure(Some(ErrorKind::Unsealed))));
        assert_eq!(of_tenant("", 1), " 1");
        assert_eq!((RUNS.take(), of_tenant::stats().unsealed), (1, 1));
        assert_eq!(fallible("t"), Ok(1));
    });
}

#[cache::secure(ttl = 60, namespace = "clinic", tenant = tenant, on_tamper = error)]
fn strict(tenant: &str, id: u64) -> Outcome<u64> {
    RUNS.add();
    Ok(id + tenant.len() as u64)
}

#[test]
fn a_forged_entry_is_an_error_where_that_is_asked_for() {
    let store = store();
    let first = machine(&store);
    assert_eq!(first.run(|| strict("t", 1)), Ok(2));
    first.run(settle);
    RUNS.take();
    let key = written(&store).remove(0);
    forge(&store, &key, "plain");
    let second = machine(&store);
    second.run(|| {
        for _ in 0..2 {
            assert_eq!(strict("t", 1), Err(Failure(Some(ErrorKind::Refused))));
        }
        assert_eq!((RUNS.take(), strict::stats().refused.downgraded), (0, 2));
        assert_eq!(entry(&store, &key).unwrap(), "plain", "it is left to be looked at");
        assert!(strict::invalidate("t", &1).is_confirmed());
        assert_eq!(strict("t", 1), Ok(2));
    });
}

#[test]
fn after_a_rotation_nothing_is_computed_again() {
    let store = store();
    machine(&store).run(|| patient(1, "north"));
    RUNS.take();
    let old_key = written(&store).remove(0);
    let rotated = keyring(2, &[1]);
    let machine_a = machine_with(&store, Arc::clone(&rotated));
    machine_a.run(|| assert_eq!(patient(1, "north").name, "Ada of north"));
    machine_a.run(settle);
    assert_eq!((RUNS.take(), rotated.previous_hits()), (0, vec![1]));
    // Sealed anew, in its new place, and gone from the old one.
    let new_key = written(&store).remove(1);
    assert!(entry(&store, &new_key).is_some() && entry(&store, &old_key).is_none());
    machine_with(&store, keyring(2, &[])).run(|| {
        assert_eq!(patient(1, "north").name, "Ada of north");
        assert_eq!(patient::stats().refused.total(), 0);
    });
    assert_eq!(RUNS.take(), 0);
}
