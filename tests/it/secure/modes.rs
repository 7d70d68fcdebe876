//! `#[cache::secure]`: what this process keeps, and what becomes of it when the keys change.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::cache;
use cachekit::secure::{EnvelopeError, KeySet, KeySource, Keyring};
use cachekit::testing::{Scope, settle};
use cachekit_io::Operation;
use cachekit_tests::{Gate, Polled, Runs, block_on, in_child, together};

use crate::secure::{entry, forge, key, keyring, machine, machine_with, store, written};

static RUNS: Runs = Runs::new();

#[cache::secure(ttl = 60, namespace = "modes")]
fn sealed(n: u64) -> String {
    RUNS.add();
    format!("value {n}")
}

#[cache::secure(ttl = 60, namespace = "modes", l1 = typed)]
fn typed(n: u64) -> String {
    RUNS.add();
    format!("value {n}")
}

#[cache::secure(ttl = 60, namespace = "modes", l1 = off)]
fn off(n: u64) -> String {
    RUNS.add();
    format!("value {n}")
}

/// Keys that can be exchanged.
#[derive(Clone)]
struct Held(Arc<Mutex<(u8, Vec<u8>)>>);

impl Held {
    fn new(current: u8) -> Self {
        Self(Arc::new(Mutex::new((current, Vec::new()))))
    }

    fn set(&self, current: u8, previous: &[u8]) {
        *self.0.lock().unwrap() = (current, previous.to_vec());
    }
}

impl KeySource for Held {
    fn load(&self) -> Result<KeySet, EnvelopeError> {
        let (current, previous) = self.0.lock().unwrap().clone();
        KeySet::new(key(current), previous.into_iter().map(key))
    }
}

#[test]
fn sealed_and_typed_hit_and_off_asks_the_store() {
    let store = store();
    machine(&store).run(|| {
        for _ in 0..3 {
            assert_eq!((sealed(1), typed(1), off(1)).0, "value 1");
        }
        assert_eq!(RUNS.take(), 3);
        assert_eq!((sealed::stats().hits, typed::stats().hits, off::stats().hits), (2, 2, 0));
        assert_eq!((sealed::stats().entries, off::stats().entries), (1, 0));
        assert_eq!((off::stats().shared_hits, off::stats().misses), (2, 3));
    });
    assert_eq!(written(&store).len(), 3);
}

#[test]
fn a_closure_looks_at_a_sealed_value() {
    #[cache::secure(ttl = 60, namespace = "modes", tenant = tenant)]
    fn of_tenant(tenant: &str, n: u64) -> Result<String, cachekit::Error> {
        Ok(format!("{n} of {tenant}"))
    }
    #[cache::secure(ttl(ok = 60, err = 60), namespace = "modes", l1 = typed)]
    fn both(n: u64) -> Result<u64, u64> {
        if n < 10 { Ok(n) } else { Err(n) }
    }
    let held = Held::new(1);
    let keyring = Arc::new(Keyring::from_source(held.clone()).unwrap());
    Scope::new().with_keyring(Arc::clone(&keyring)).run(|| {
        let length = |value: &String| value.len();
        assert_eq!(sealed::with(&1, length), None);
        let _ = (sealed(1), typed(1), off(1), both(1), both(10));
        of_tenant("ann", 1).unwrap();
        RUNS.take();
        assert_eq!(sealed::with(&1, length), Some(7));
        assert_eq!(typed::with(&1, length), Some(7));
        assert_eq!(off::with(&1, length), None, "nothing is kept here");
        assert_eq!((both::with(&1, |n| *n), both::with(&10, |n| *n)), (Some(1), None));
        assert_eq!(of_tenant::with("ann", &1, length), Some(8));
        assert_eq!(of_tenant::with("bob", &1, length), None, "another tenant's is not seen");
        // Of a key that is gone nothing opens.
        held.set(2, &[]);
        assert!(keyring.reload().unwrap());
        assert_eq!(sealed::with(&1, length), None);
        assert_eq!((RUNS.take(), sealed::stats().entries), (0, 0), "it is dropped");
        assert_eq!(sealed::stats().refused.total(), 1);
        assert_eq!(sealed::with(&1, length), None);
        assert_eq!(sealed::stats().refused.total(), 1);
    });
}

#[test]
fn without_a_store_off_runs_each_time() {
    Scope::new().with_keyring(keyring(1, &[])).run(|| {
        assert_eq!((off(1), off(1)), ("value 1".into(), "value 1".into()));
        assert_eq!((RUNS.take(), off::stats().entries), (2, 0));
    });
}

#[test]
fn callers_at_the_same_time_share_one_run_in_every_mode() {
    macro_rules! in_mode {
        ($name:ident, $keys:expr, $($l1:tt)*) => {
            #[cache::secure(ttl = 60, namespace = "modes", skip(gate), $($l1)*)]
            async fn $name(n: u64, gate: &Gate) -> String {
                RUNS.add();
                gate.passed().await;
                n.to_string()
            }
            let _in = $keys.enter();
            let gate = Gate::new();
            let mut calls: Vec<_> = (0..4).map(|_| Polled::new($name(1, &gate))).collect();
            assert!(calls.iter_mut().all(|call| call.poll().is_none()));
            gate.open();
            assert!(calls.iter_mut().all(|call| call.poll().as_deref() == Some("1")));
            assert_eq!(RUNS.take(), 1, stringify!($name));
        };
    }
    let with_keys = Scope::new().with_keyring(keyring(1, &[]));
    in_mode!(in_sealed, with_keys, l1 = sealed);
    in_mode!(in_typed, with_keys, l1 = typed);
    in_mode!(in_off, with_keys, l1 = off);
    in_mode!(keyless, Scope::new(), l1 = sealed);
}

#[test]
fn a_dropped_key_ends_what_it_sealed_here() {
    let held = Held::new(1);
    let keyring = Arc::new(Keyring::from_source(held.clone()).unwrap());
    let scope = Scope::new().with_keyring(Arc::clone(&keyring));
    scope.run(|| {
        sealed(1);
        sealed(1);
        held.set(2, &[1]);
        assert!(keyring.reload().unwrap());
        assert_eq!((sealed(1), RUNS.take()), ("value 1".into(), 1));
        assert_eq!(keyring.previous_hits(), [1]);
        held.set(2, &[]);
        assert!(keyring.reload().unwrap());
        assert_eq!((sealed(1), RUNS.take()), ("value 1".into(), 1));
        let stats = sealed::stats();
        assert_eq!((stats.hits, stats.misses, stats.refused.wrong_key), (2, 2, 1));
        assert_eq!(stats.entries, 1);
        assert_eq!((sealed(1), RUNS.take()), ("value 1".into(), 0));
    });
}

#[test]
fn companions_work_on_sealed_entries() {
    let store = store();
    let (a, b) = (machine(&store), machine(&store));
    a.run(|| {
        assert_eq!(sealed::peek(&1), None);
        sealed::set(&1, "set".into());
        assert_eq!(
            (sealed::peek(&1), sealed(1), RUNS.take()),
            (Some("set".into()), "set".into(), 0)
        );
        assert!(sealed::contains(&1));
        let shown = sealed::key(&1).to_string();
        assert_eq!(written(&store), std::slice::from_ref(&shown));
        assert!(shown.starts_with("s1:") && shown.len() == 67, "{shown}");
        assert_ne!(sealed::key(&2), sealed::key(&1));
        assert_eq!(sealed::key(&1), sealed::key(&1));
    });
    b.run(|| {
        assert_eq!(sealed::peek(&1), Some("set".into()));
        assert_eq!(sealed(1), "set");
        assert_eq!(sealed::refresh(1), "value 1");
        assert!(sealed::invalidate(&1).is_confirmed());
        assert_eq!((sealed::peek(&1), RUNS.take()), (None, 1));
        off::set(&1, "set".into());
        assert_eq!((off(1), off::stats().entries), ("set".into(), 0));
        assert!(off::invalidate(&1).is_confirmed() && !off::contains(&1));
    });
}

#[test]
fn an_invalidation_reaches_what_previous_keys_sealed() {
    let store = store();
    machine(&store).run(|| sealed(1));
    let old = written(&store).remove(0);
    let rotated = machine_with(&store, keyring(3, &[2, 1]));
    rotated.run(|| {
        assert!(sealed::invalidate(&1).is_confirmed());
        assert!(entry(&store, &old).is_none());
        assert_eq!(RUNS.take(), 1);
        assert_eq!((sealed(1), RUNS.take()), ("value 1".into(), 1));
    });
}

#[test]
fn a_value_that_is_set_supersedes_what_previous_keys_sealed() {
    let store = store();
    machine(&store).run(|| sealed(1));
    let old = written(&store).remove(0);
    let rotated = machine_with(&store, keyring(2, &[1]));
    rotated.run(|| sealed::set(&1, "new".into()));
    assert!(entry(&store, &old).is_none());
    RUNS.take();
}

#[test]
fn peeking_moves_nothing() {
    let store = store();
    machine(&store).run(|| sealed(1));
    let old = written(&store).remove(0);
    machine_with(&store, keyring(2, &[1])).run(|| {
        assert_eq!(sealed::peek(&1), Some("value 1".into()));
    });
    assert!(entry(&store, &old).is_some());
    assert_eq!(written(&store).len(), 1);
    RUNS.take();
}

#[test]
fn what_is_moved_keeps_its_time() {
    let store = store();
    let first = machine(&store);
    first.run(|| sealed(1));
    first.run(settle);
    let rotated = machine_with(&store, keyring(2, &[1]));
    rotated.run(|| {
        assert_eq!(sealed(1), "value 1");
        // Not a moment longer than when it was computed.
        rotated.clock().advance(Duration::from_secs(60));
        sealed(1);
        assert_eq!(sealed::stats().hits, 0);
    });
    RUNS.take();
}

#[test]
fn swapped_entries_are_in_the_wrong_place() {
    let store = store();
    machine(&store).run(|| (sealed(1), sealed(2), typed(1)));
    RUNS.take();
    let keys = written(&store);
    let other = entry(&store, &keys[1]).unwrap();
    let of_typed = entry(&store, &keys[2]).unwrap();
    for forged in [other, of_typed] {
        forge(&store, &keys[0], forged);
        let victim = machine(&store);
        victim.run(|| assert_eq!((sealed(1), RUNS.take()), ("value 1".into(), 1)));
        assert_eq!(victim.run(sealed::stats).refused.wrong_place, 1);
        victim.run(settle);
    }
}

mod before {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub(super) struct Row {
        pub(super) a: u8,
    }
}

mod after {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub(super) struct Row {
        pub(super) a: u8,
        pub(super) b: Option<u8>,
    }
}

trait Make: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static {
    fn make() -> Self;
}

impl Make for before::Row {
    fn make() -> Self {
        Self { a: 1 }
    }
}

impl Make for after::Row {
    fn make() -> Self {
        Self { a: 1, b: None }
    }
}

#[test]
fn another_type_is_another_entry_and_no_sign_of_tampering() {
    #[cache::secure(ttl = 60, namespace = "modes")]
    fn row<T: Make>(n: u8) -> T {
        RUNS.add();
        let _ = n;
        T::make()
    }
    let store = store();
    machine(&store).run(|| {
        assert_eq!(row::<before::Row>(1).a, 1);
        let row: after::Row = row(1);
        assert_eq!((row.a, row.b, RUNS.take()), (1, None, 2));
    });
    assert_eq!(written(&store).len(), 2);
}

#[test]
fn tenants_do_not_wait_for_each_other() {
    #[cache::secure(ttl = 60, namespace = "modes", tenant = tenant, key = ())]
    fn own(tenant: String) -> String {
        tenant
    }
    let scope = Scope::new().with_keyring(keyring(1, &[]));
    together(4, |thread| {
        let _in = scope.enter();
        for _ in 0..200 {
            let tenant = format!("tenant {thread}");
            assert_eq!(own(tenant.clone()), tenant);
        }
    });
    assert_eq!(scope.run(own::stats).entries, 4);
}

#[cache::secure(ttl = "10s", stale = "10s", namespace = "modes")]
fn lasting(n: u64) -> u64 {
    RUNS.add();
    n
}

#[test]
fn stale_values_are_opened_and_replaced() {
    // Without a store: there, the time of entries is that of the wall.
    let machine = Scope::new().with_keyring(keyring(1, &[]));
    machine.run(|| {
        assert_eq!((lasting(1), RUNS.take()), (1, 1));
        machine.clock().advance(Duration::from_secs(15));
        assert_eq!(lasting(1), 1);
        settle();
        let stats = lasting::stats();
        assert_eq!((stats.stale_hits, stats.refreshes, stats.failed_refreshes), (1, 1, 0));
        assert_eq!((stats.refused.total(), stats.unsealed), (0, 0));
    });
}

#[test]
fn async_calls_rotate_too() {
    #[cache::secure(ttl = 60, namespace = "modes")]
    async fn later(n: u64) -> u64 {
        RUNS.add();
        n
    }
    let store = store();
    assert_eq!(block_on(machine(&store).wrap(later(7))), 7);
    let rotated = keyring(2, &[1]);
    assert_eq!(block_on(machine_with(&store, Arc::clone(&rotated)).wrap(later(7))), 7);
    assert_eq!((RUNS.take(), rotated.previous_hits()), (1, vec![1]));
    assert_eq!(store.count(Operation::Delete), 1);
}

#[test]
fn methods_of_tenants_and_backends() {
    struct Account {
        tenant: String,
        backend: Arc<cachekit_io::MemoryBackend>,
    }
    impl Account {
        #[cache::secure(
            ttl = 60,
            namespace = "modes",
            self = shared,
            tenant = self.tenant,
            backend = self.backend,
            if = |n| *n > 0,
            weight = |key, _value| *key
        )]
        pub(crate) fn balance(&self, id: u64) -> u64 {
            RUNS.add();
            id * self.tenant.len() as u64
        }
    }
    let backend = Arc::new(cachekit_io::MemoryBackend::new());
    let account = |tenant: &str| Account { tenant: tenant.into(), backend: Arc::clone(&backend) };
    Scope::new().with_keyring(keyring(1, &[])).run(|| {
        let (short, long) = (account("a"), account("abc"));
        for _ in 0..2 {
            assert_eq!((short.balance(2), long.balance(2)), (2, 6));
        }
        assert_eq!((RUNS.take(), backend.len()), (2, 2));
        assert_eq!(short.balance_cache(&2).peek(), Some(2));
        assert_ne!(short.balance_cache(&2).key(), long.balance_cache(&2).key());
        assert!(short.balance_cache(&2).invalidate().is_confirmed());
        assert_eq!((short.balance_cache(&2).contains(), backend.len()), (false, 1));
    });
}

#[test]
fn keys_of_the_process_count_where_the_scope_has_none() {
    in_child("secure::modes::keys_of_the_process_count_where_the_scope_has_none", || {
        assert_eq!((sealed(1), sealed(1), RUNS.take()), ("value 1".into(), "value 1".into(), 2));
        assert_eq!(sealed::stats().unsealed, 2);
        assert!(cachekit::secure::keyring().is_err());
        assert!(cachekit::secure::set_keyring(keyring(1, &[])).is_none());
        assert_eq!((sealed(1), sealed(1), RUNS.take()), ("value 1".into(), "value 1".into(), 1));
        Scope::new().run(|| {
            sealed(1);
            assert_eq!(sealed::stats().unsealed, 0);
        });
        // Others do not open what is here.
        cachekit::secure::set_keyring(keyring(2, &[]));
        sealed(1);
        assert_eq!(sealed::stats().refused.wrong_key, 1);
        assert!(cachekit::secure::clear_keyring().is_some());
        RUNS.take();
        sealed(1);
        sealed(1);
        assert_eq!((RUNS.take(), sealed::stats().unsealed), (2, 4));
    });
}
