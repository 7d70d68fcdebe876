//! Two scopes over one backend are two machines that share their results.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::{Clock, Scope, settle};
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{Backend, ManualClock, MemoryBackend, Operation};
use cachekit_tests::{Runs, block_on, in_child};
use serde::{Deserialize, Serialize};

static RUNS: Runs = Runs::new();

/// Two machines, and what their backend is asked.
pub(crate) fn machines() -> (Scope, Scope, FaultyBackend) {
    let backend = FaultyBackend::new(MemoryBackend::new());
    (machine(&backend), machine(&backend), backend)
}

/// A machine that has just started.
pub(crate) fn machine(backend: &FaultyBackend) -> Scope {
    // A key, because this binary has functions that seal.
    Scope::new()
        .with_backend(Arc::new(backend.clone()))
        .with_keyring(crate::secure::keyring(1, &[]))
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    tags: Vec<Option<String>>,
}

#[cache(ttl = 60)]
fn user(id: u64) -> User {
    RUNS.add();
    User { id, name: format!("user {id}"), tags: vec![None, Some("x".into())] }
}

#[cache(ttl = 60)]
async fn user_later(id: u64) -> Result<User, String> {
    RUNS.add();
    tokio::task::yield_now().await;
    if id == 0 { Err("nobody".into()) } else { Ok(User { id, name: String::new(), tags: vec![] }) }
}

#[test]
fn the_second_machine_finds_what_the_first_computed() {
    let (a, b, backend) = machines();
    let first = a.run(|| user(1));
    a.run(settle);
    assert_eq!((RUNS.take(), backend.count(Operation::SetFenced)), (1, 1));
    b.run(|| {
        assert_eq!(user(1), first);
        assert_eq!(RUNS.take(), 0);
        let stats = user::stats();
        assert_eq!((stats.misses, stats.shared_hits, stats.loads), (1, 1, 0));
        // From now on it has its own copy.
        backend.forget_calls();
        assert_eq!(user(1), first);
        assert_eq!((backend.calls().len(), user::stats().hits), (0, 1));
    });
}

#[test]
fn async_functions_share_too() {
    let (a, b, backend) = machines();
    let first = block_on(a.wrap(user_later(1)));
    assert_eq!(block_on(b.wrap(user_later(1))), first);
    assert_eq!(RUNS.take(), 1);
    assert_eq!(block_on(b.wrap(user_later::peek(&1))), Some(first));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let c = machine(&backend);
    assert!(runtime.block_on(c.wrap(user_later(1))).is_ok());
    assert_eq!(c.run(user_later::stats).shared_hits, 1);
}

#[test]
fn sync_functions_work_inside_async_code() {
    let (a, b, _) = machines();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let first = runtime.block_on(a.wrap(async { user(1) }));
    assert_eq!(runtime.block_on(b.wrap(async { user(1) })), first);
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn errors_and_refused_values_stay_at_home() {
    #[cache(if = |n| *n > 10)]
    fn large(n: u32) -> u32 {
        n
    }
    #[cache(ttl = |n| *n)]
    fn lasting(n: u32) -> u32 {
        n
    }
    let (a, _, backend) = machines();
    a.run(|| {
        assert!(block_on(user_later(0)).is_err());
        assert_eq!((large(1), lasting(0)), (1, 0));
        assert_eq!(backend.count(Operation::SetFenced) + backend.count(Operation::Set), 0);
        assert_eq!((large(11), lasting(1)), (11, 1));
        assert_eq!(backend.count(Operation::SetFenced), 2);
    });
}

#[test]
fn stored_errors_and_nothing_are_shared() {
    #[cache(ttl(err = 60))]
    fn failing(n: u32) -> Result<u32, String> {
        RUNS.add();
        Err(n.to_string())
    }
    #[cache]
    fn absent(n: u32) -> Option<u32> {
        RUNS.add();
        (n > 1).then_some(n)
    }
    let (a, b, _) = machines();
    a.run(|| (failing(1).unwrap_err(), absent(1)));
    assert_eq!(b.run(|| (failing(1), absent(1))), (Err("1".to_owned()), None));
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn local_functions_never_leave() {
    struct Shop(cachekit::InstanceId);
    impl cachekit::Instance for Shop {
        fn instance(&self) -> &cachekit::InstanceId {
            &self.0
        }
    }
    impl Shop {
        // An identity means nothing to another process.
        #[cache(self = instance)]
        fn price(&self, n: u32) -> u32 {
            n
        }
        #[cache(in = cachekit::Cache::new(4), self = shared)]
        fn own(&self, n: u32) -> u32 {
            n
        }
    }
    #[cache::local]
    fn local(n: u32) -> u32 {
        n
    }
    let (a, _, backend) = machines();
    a.run(|| {
        let shop = Shop(cachekit::InstanceId::new());
        assert_eq!((local(1), shop.price(1), shop.own(1)), (1, 1, 1));
        assert!(local::invalidate(&1).is_confirmed());
    });
    assert_eq!(backend.calls(), []);
}

#[test]
fn keys_name_the_function_and_hide_the_arguments() {
    #[cache(namespace = "shop-1")]
    fn priced(item: &str) -> u32 {
        u32::try_from(item.len()).unwrap()
    }
    let (a, _, backend) = machines();
    a.run(|| (priced("secret"), priced("other"), user(1)));
    let mut keys: Vec<String> = backend
        .calls()
        .iter()
        .filter(|call| call.operation == Operation::SetFenced)
        .map(|call| call.key().unwrap().to_owned())
        .collect();
    assert!(keys[0].starts_with("ns:shop-1:func:it.shared.tier.priced:args:"), "{}", keys[0]);
    assert!(keys[2].starts_with("ns:default:func:it.shared.tier.user:args:"), "{}", keys[2]);
    assert!(keys.iter().all(|key| !key.contains("secret") && key.len() <= 250));
    // Every backend takes these.
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    assert!(keys.iter().all(|key| key.chars().all(plain)));
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

#[test]
fn the_rest_of_the_time_goes_along() {
    let hands = ManualClock::new();
    let backend = MemoryBackend::builder().clock(hands.clock()).build();
    let machine = || Scope::new().with_backend(Arc::new(backend.clone()));
    let (a, b) = (machine(), machine());
    a.run(|| user(1));
    hands.advance(Duration::from_secs(40));
    let turn = |clock: &Clock, seconds| clock.advance(Duration::from_secs(seconds));
    b.run(|| {
        user(1);
        assert_eq!(RUNS.take(), 1);
        turn(b.clock(), 19);
        hands.advance(Duration::from_secs(19));
        user(1);
        assert_eq!((RUNS.take(), user::stats().hits), (0, 1));
        turn(b.clock(), 1);
        hands.advance(Duration::from_secs(1));
        user(1);
        assert_eq!(RUNS.take(), 1, "sixty seconds after it was computed, wherever");
    });
}

#[test]
fn companions_reach_the_shared_tier() {
    let (a, b, backend) = machines();
    let other = User { id: 9, name: "set".into(), tags: vec![] };
    a.run(|| user::set(&1, other.clone()));
    b.run(|| {
        assert!(user::contains(&1));
        assert_eq!(user::peek(&1), Some(other.clone()));
        let stats = user::stats();
        assert_eq!((stats.hits, stats.misses), (0, 0));
        assert_eq!(stats.shared_hits, 0, "peeking is no call");
        assert_eq!(user(1), other);
        assert_eq!(user::refresh(1).name, "user 1");
    });
    let c = machine(&backend);
    assert_eq!(c.run(|| user(1)).name, "user 1", "the refreshed value went to all");
}

#[test]
fn every_kind_of_value_comes_back_as_it_was() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Unit,
        New(u8),
        Pair(i64, String),
        Named { a: Option<Box<Kind>>, b: [u8; 3] },
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        unit: (),
        wide: (u128, i128, u64, i64),
        float: (f32, f64),
        text: (char, String, String),
        map: BTreeMap<(u8, bool), Vec<Kind>>,
        shared: Arc<str>,
        time: Duration,
        address: std::net::IpAddr,
        nested: Result<Option<u8>, String>,
    }
    #[cache]
    fn all(n: u8) -> All {
        RUNS.add();
        let named =
            Kind::Named { a: Some(Box::new(Kind::Pair(i64::MIN, "ü\0".into()))), b: [n; 3] };
        All {
            unit: (),
            wide: (u128::MAX, i128::MIN, u64::MAX, i64::MIN),
            float: (f32::MIN_POSITIVE, f64::NEG_INFINITY),
            text: ('\u{10ffff}', String::new(), "x".repeat(70_000)),
            map: BTreeMap::from([
                ((1, true), vec![Kind::Unit, Kind::New(n), named]),
                ((0, false), vec![]),
            ]),
            shared: "shared".into(),
            time: Duration::new(5, 7),
            address: std::net::Ipv6Addr::LOCALHOST.into(),
            nested: Ok(None),
        }
    }
    let (a, b, _) = machines();
    let first = a.run(|| all(3));
    let second = b.run(|| all(3));
    assert_eq!((first == second, RUNS.take()), (true, 1), "{second:?}");
}

#[test]
fn options_of_options_and_of_units_come_back_as_they_were() {
    #[cache]
    fn nested(n: u32) -> Option<Option<u32>> {
        (n > 0).then(|| (n > 1).then_some(n))
    }
    #[cache]
    fn unit(n: u32) -> Option<()> {
        (n > 0).then_some(())
    }
    let (a, b, _) = machines();
    for n in 0..3 {
        let first = a.run(|| (nested(n), unit(n)));
        assert_eq!(b.run(|| (nested(n), unit(n))), first, "{n}");
    }
}

#[test]
fn the_default_backend_serves_the_whole_process() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    #[cache]
    fn counted(n: u32) -> u32 {
        n * 10 + COUNT.fetch_add(1, Ordering::SeqCst)
    }
    in_child("shared::tier::the_default_backend_serves_the_whole_process", || {
        let backend = FaultyBackend::new(MemoryBackend::new());
        assert!(cachekit::set_default_backend(Arc::new(backend.clone())).is_none());
        assert_eq!(std::thread::spawn(|| counted(1)).join().unwrap(), 10);
        for function in cachekit::functions() {
            function.clear_local();
        }
        assert_eq!((counted(1), counted::stats().shared_hits), (10, 1));
        // A test's scope is not part of it.
        assert_eq!(Scope::new().run(|| counted(1)), 11);
        assert!(cachekit::clear_default_backend().is_some());
        for function in cachekit::functions() {
            function.clear_local();
        }
        settle();
        let calls = backend.calls().len();
        assert_eq!((counted(1), backend.calls().len()), (12, calls));
    });
}

#[test]
fn a_thread_that_asked_before_notices_another_default_backend_at_once() {
    #[cache]
    fn counted(n: u32) -> u32 {
        n
    }
    in_child(
        "shared::tier::a_thread_that_asked_before_notices_another_default_backend_at_once",
        || {
            let (first, second) = [(); 2].map(|()| FaultyBackend::new(MemoryBackend::new())).into();
            let installed: Arc<dyn Backend> = Arc::new(first.clone());
            cachekit::set_default_backend(Arc::clone(&installed));
            let (go, wait) = std::sync::mpsc::channel();
            let (done, asked) = std::sync::mpsc::channel();
            let thread = std::thread::spawn(move || {
                for n in wait {
                    done.send(counted(n)).unwrap();
                }
            });
            let gets = || [&first, &second].map(|backend| backend.count(Operation::Get));
            let looks = || gets().map(|count| count > 0);
            go.send(1).unwrap();
            assert_eq!((asked.recv(), looks()), (Ok(1), [true, false]));
            assert!(cachekit::set_default_backend(Arc::new(second.clone())).is_some());
            // Nothing keeps it: neither the thread nor, a moment later, what it left to be done.
            while Arc::strong_count(&installed) > 1 {
                std::thread::yield_now();
            }
            go.send(2).unwrap();
            assert_eq!((asked.recv(), looks()), (Ok(2), [true, true]));
            assert!(cachekit::clear_default_backend().is_some());
            let before = gets();
            go.send(3).unwrap();
            assert_eq!((asked.recv(), gets()), (Ok(3), before));
            drop(go);
            thread.join().unwrap();
        },
    );
}

#[test]
fn calls_without_a_backend_do_not_settle_that_there_is_none() {
    static OWN: LazyLock<Arc<FaultyBackend>> =
        LazyLock::new(|| Arc::new(FaultyBackend::new(MemoryBackend::new())));
    #[cache]
    fn counted(n: u32) -> u32 {
        n
    }
    #[cache]
    async fn later(n: u32) -> u32 {
        n
    }
    #[cache(backend = OWN)]
    fn with_its_own(n: u32) -> u32 {
        n
    }
    #[cache::io(backend = OWN)]
    fn with_its_own_and_no_other(n: u32) -> u32 {
        n
    }
    #[cache::secure(namespace = "none")]
    fn sealed(n: u32) -> u32 {
        n
    }
    in_child("shared::tier::calls_without_a_backend_do_not_settle_that_there_is_none", || {
        let backend = FaultyBackend::new(MemoryBackend::new());
        let gets = || backend.count(Operation::Get);
        let mut keys = 0..;
        let mut miss = || counted(keys.next().unwrap());
        for round in 1..4 {
            // The first call finds that out, the second knows it.
            let before = gets();
            for _ in 0..2 {
                miss();
            }
            block_on(later(round));
            assert_eq!(gets(), before);
            // Functions that name one have it, and what is to be sealed is not kept without a key.
            let asked = OWN.count(Operation::Get);
            with_its_own(round);
            with_its_own_and_no_other(round);
            assert!(OWN.count(Operation::Get) >= asked + 2, "round {round}");
            sealed(round);
            assert_eq!(sealed::stats().unsealed, u64::from(round));
            // A test's scope has its own all the same.
            Scope::new().with_backend(Arc::new(backend.clone())).run(&mut miss);
            let inside = gets();
            assert!(inside > before, "round {round}");
            cachekit::set_default_backend(Arc::new(backend.clone()));
            miss();
            let outside = gets();
            assert!(outside > inside, "round {round}");
            block_on(later(round + 10));
            assert!(gets() > outside, "round {round}");
            cachekit::clear_default_backend();
        }
    });
}

#[test]
fn the_backend_under_test_keeps_its_contract() {
    use cachekit_io::conformance::{Subject, check_all};
    let hands = ManualClock::new();
    let memory = MemoryBackend::builder().clock(hands.clock()).build();
    let backend: Arc<dyn Backend> = Arc::new(FaultyBackend::new(memory));
    let subject = Subject::new(&*backend).advance(move |by| {
        hands.advance(by);
        std::future::ready(())
    });
    block_on(check_all(&subject)).assert_passed();
}
