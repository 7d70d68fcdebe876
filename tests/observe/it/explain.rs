//! `explain`: what would become of a call, of every kind of function, and that to ask changes nothing.

use std::sync::Arc;
use std::time::Duration;

use cachekit::explain::{Explanation, Next, NotStored, ProcessState, SharedState};
use cachekit::secure::{KeySet, Keyring};
use cachekit::testing::{Scope, isolate};
use cachekit::{Cache, Instance, InstanceId};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{Backend, BackendErrorKind, ManualClock, MemoryBackend, Operation};

fn forget() {
    for function in cachekit::functions() {
        function.clear_local();
    }
}

fn label(path: &str) -> String {
    format!("{}::{path}", module_path!())
}

#[cachekit::cache::local(ttl = 60, stale = "30s")]
fn local(n: u64) -> u64 {
    n
}

#[test]
fn an_entry_is_fresh_then_stale_then_expired() {
    let scope = isolate();
    let explained = local::explain(&1);
    assert_eq!(explained.cache, label("local"));
    assert_eq!((explained.next, explained.process.state), (Next::Runs, ProcessState::Absent));
    assert_eq!(explained.shared.state, SharedState::NotUsed);

    local(1);
    let explained = local::explain(&1);
    assert_eq!((explained.next, explained.process.state), (Next::Process, ProcessState::Fresh));
    assert_eq!(explained.process.left, Some(Duration::from_secs(60)));
    assert_eq!(explained.process.weight, Some(1));

    scope.clock().advance(Duration::from_secs(65));
    let explained = local::explain(&1);
    assert_eq!(
        (explained.next, explained.process.state),
        (Next::ProcessStale, ProcessState::Stale)
    );
    assert_eq!(explained.process.left, Some(Duration::from_secs(25)));
    assert_eq!(explained.process.over, Some(Duration::from_secs(5)));

    scope.clock().advance(Duration::from_secs(26));
    let explained = local::explain(&1);
    assert_eq!((explained.next, explained.process.state), (Next::Runs, ProcessState::Expired));
    assert_eq!(explained.process.over, Some(Duration::from_secs(31)));
    assert_eq!(explained.process.left, None);
}

#[test]
fn to_ask_counts_nothing_and_changes_nothing() {
    #[cachekit::cache::local(capacity = 2, idle = "60s")]
    fn small(n: u64) -> u64 {
        n
    }

    let scope = isolate();
    small(1);
    small(2);
    let before = small::stats();
    for _ in 0..100 {
        small::explain(&1);
        small::explain(&3);
    }
    assert_eq!(small::stats(), before);
    assert!(!small::contains(&3), "nothing was filled");
    // It is no use: an entry that is only asked about goes when it is idle for long enough.
    scope.clock().advance(Duration::from_secs(40));
    assert_eq!(small::explain(&1).process.left, Some(Duration::from_secs(20)));
    scope.clock().advance(Duration::from_secs(21));
    assert_eq!(small::explain(&1).process.state, ProcessState::Expired);

    // Nor does it claim the refresh of a stale value: the next call gets that.
    let scope = isolate();
    local(1);
    scope.clock().advance(Duration::from_secs(61));
    for _ in 0..10 {
        assert_eq!(local::explain(&1).next, Next::ProcessStale);
    }
    assert_eq!(local::stats().stale_hits, 0);
    local(1);
    cachekit::testing::settle();
    assert_eq!((local::stats().stale_hits, local::stats().refreshes), (1, 1));
}

#[cachekit::cache::local(if = |n: &u64| *n > 10, ttl = |n: &u64| std::time::Duration::from_secs(*n % 100))]
fn picky(n: u64) -> Result<u64, String> {
    if n == 0 { Err("no".to_owned()) } else { Ok(n) }
}

#[cachekit::cache::local(if = |found: &Option<u64>| found.is_some())]
fn never_none(n: u64) -> Option<u64> {
    (n > 0).then_some(n)
}

#[test]
fn a_result_that_is_never_stored_says_why() {
    let _scope = isolate();
    assert_eq!(picky::explain(&5).not_stored, None);
    for (n, why) in [(5, NotStored::Condition), (0, NotStored::Error), (200, NotStored::NoTime)] {
        let _ = picky(n);
        let explained = picky::explain(&n);
        assert_eq!((explained.next, explained.not_stored), (Next::Runs, Some(why)), "{n}");
    }
    assert!(picky::explain(&5).to_string().contains("the attribute's `if` refused it"));
    picky(50).unwrap();
    assert_eq!(picky::explain(&50).not_stored, None);
    assert_eq!(never_none(0), None);
    assert_eq!(never_none::explain(&0).not_stored, Some(NotStored::None));
}

#[test]
fn a_result_that_is_stored_after_all_is_no_longer_said_not_to_be() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static FAILS: AtomicBool = AtomicBool::new(true);

    #[cachekit::cache::local]
    fn recovers(n: u64) -> Result<u64, String> {
        if FAILS.load(Ordering::Relaxed) { Err("down".to_owned()) } else { Ok(n) }
    }

    let _scope = isolate();
    assert!(recovers(1).is_err());
    assert_eq!(recovers::explain(&1).not_stored, Some(NotStored::Error));
    FAILS.store(false, Ordering::Relaxed);
    recovers(1).unwrap();
    assert_eq!(recovers::explain(&1).not_stored, None);
}

#[cachekit::cache(ttl = 60, stale = "30s", namespace = "explain")]
fn shared(n: u64) -> u64 {
    n
}

#[cachekit::cache(ttl = 60, namespace = "explain")]
async fn eventual(n: &str) -> usize {
    n.len()
}

#[test]
fn the_shared_tier_is_read_and_told_of() {
    let clock = ManualClock::new();
    let store = MemoryBackend::builder().clock(clock.clock()).build();
    let orders = FaultyBackend::new(store);
    let _scope = Scope::new().with_backend(Arc::new(orders.clone())).enter();
    let explained = shared::explain(&1);
    assert_eq!((explained.next, explained.shared.state), (Next::Runs, SharedState::Absent));
    assert!(explained.shared.backend.is_some());

    shared(1);
    let explained = shared::explain(&1);
    assert_eq!((explained.next, explained.shared.state), (Next::Process, SharedState::Fresh));
    forget();
    let before = shared::stats();
    let writes = || orders.calls().iter().filter(|call| call.operation.is_write()).count();
    let written = writes();
    let explained = shared::explain(&1);
    assert_eq!((explained.next, explained.shared.state), (Next::Shared, SharedState::Fresh));
    let left = explained.shared.left.unwrap();
    assert!(left <= Duration::from_secs(60) && left > Duration::from_secs(50), "{left:?}");
    assert!(explained.shared.age.unwrap() < Duration::from_secs(10));
    assert!(explained.shared.bytes.unwrap() > 0);
    // It was not promoted, nothing was counted, and nothing was written.
    assert_eq!(shared::stats(), before);
    assert_eq!(writes(), written);
    assert_eq!(shared::explain(&1).process.state, ProcessState::Absent);

    clock.advance(Duration::from_secs(61));
    let explained = shared::explain(&1);
    assert_eq!((explained.next, explained.shared.state), (Next::SharedStale, SharedState::Stale));
    clock.advance(Duration::from_secs(31));
    assert_eq!(shared::explain(&1).shared.state, SharedState::Absent);
}

#[test]
fn the_fingerprint_finds_the_entry_in_the_backend() {
    let orders = FaultyBackend::new(MemoryBackend::new());
    let _scope = Scope::new().with_backend(Arc::new(orders.clone())).enter();
    shared(7);
    let fingerprint = shared::explain(&7).shared.fingerprint.unwrap();
    assert_eq!(fingerprint.len(), 16);
    let calls = orders.calls();
    let written = calls.iter().find(|call| call.operation == Operation::SetFenced).unwrap();
    assert!(written.keys.iter().any(|key| key.contains(&fingerprint)), "{:?}", written.keys);
    assert_ne!(shared::explain(&8).shared.fingerprint.unwrap(), fingerprint);
}

#[test]
fn what_another_version_wrote_is_unreadable() {
    let store = MemoryBackend::new();
    let orders = FaultyBackend::new(store.clone());
    let _scope = Scope::new().with_backend(Arc::new(orders.clone())).enter();
    shared(9);
    forget();
    orders.inject(Fault::corrupt().on(Operation::Get));
    let explained = shared::explain(&9);
    assert_eq!((explained.next, explained.shared.state), (Next::Runs, SharedState::Unreadable));
}

#[test]
fn a_backend_that_fails_is_told_by_the_kind_of_its_error_and_the_breaker_learns_nothing() {
    let orders = FaultyBackend::new(MemoryBackend::new());
    let _scope = Scope::new().with_backend(Arc::new(orders.clone())).enter();
    orders.inject(Fault::fail(BackendErrorKind::Transient));
    for _ in 0..20 {
        let explained = shared::explain(&1);
        assert_eq!(explained.shared.state, SharedState::Failed("transient"));
        assert_eq!(explained.next, Next::Runs);
    }
    assert_eq!(shared::stats().shared_errors, 0);
    // Calls do find out, and then it is left alone; to explain that asks it nothing.
    for n in 0..10 {
        shared(n);
    }
    assert!(shared::stats().shared_skips > 0);
    let asked = orders.calls().len();
    assert_eq!(shared::explain(&100).shared.state, SharedState::LeftAlone);
    assert_eq!(orders.calls().len(), asked);
}

#[test]
fn async_functions_and_methods_have_it_too() {
    struct Shop {
        id: InstanceId,
    }

    impl Instance for Shop {
        fn instance(&self) -> &InstanceId {
            &self.id
        }
    }

    impl Shop {
        #[cachekit::cache::local(self = instance)]
        pub(crate) fn price(&self, item: u32) -> u32 {
            item
        }

        #[cachekit::cache::local(self = instance)]
        pub(crate) async fn stock(&self, item: u32) -> u32 {
            item
        }
    }

    let scope = Scope::new().with_backend(Arc::new(MemoryBackend::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(scope.wrap(async {
        assert_eq!(eventual::explain("a").await.next, Next::Runs);
        eventual("a").await;
        let explained: Explanation = eventual::explain("a").await;
        assert_eq!((explained.next, explained.shared.state), (Next::Process, SharedState::Fresh));
        let shop = Shop { id: InstanceId::new() };
        shop.price(3);
        shop.stock(3).await;
        assert_eq!(shop.price_cache(&3).explain().next, Next::Process);
        assert_eq!(shop.stock_cache(&3).explain().await.next, Next::Process);
        assert_eq!(shop.stock_cache(&4).explain().await.next, Next::Runs);
    }));
}

#[test]
fn a_call_that_would_wait_for_a_run_says_so() {
    #[cachekit::cache::local]
    async fn hangs(_n: u64) -> u64 {
        std::future::pending().await
    }

    let scope = Scope::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(scope.wrap(async {
        let mut leader = Box::pin(hangs(1));
        std::future::poll_fn(|cx| {
            assert!(leader.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        let explained = hangs::explain(&1).await;
        assert!(explained.is_running);
        assert_eq!(explained.next, Next::Waits);
        assert_eq!(hangs::explain(&2).await.next, Next::Runs);
        drop(leader);
        assert_eq!(hangs::explain(&1).await.next, Next::Runs);
    }));
}

#[test]
fn where_caching_is_off_that_is_what_it_says() {
    Scope::disabled().run(|| {
        local(1);
        assert_eq!(local::explain(&1).next, Next::Off);
    });
}

#[test]
fn the_cost_is_known_once_runs_are_measured() {
    #[cachekit::cache::local]
    fn slow(n: u64) -> u64 {
        std::thread::sleep(Duration::from_millis(20));
        n
    }

    let _alone = crate::metrics::alone();
    let _scope = isolate();
    cachekit::metrics::publish();
    slow(1);
    let cost = slow::explain(&2).cost.unwrap();
    assert!(cost >= Duration::from_millis(20) && cost < Duration::from_secs(10), "{cost:?}");
}

#[test]
fn a_cache_object_explains_its_keys() {
    let clock = cachekit::testing::Clock::new();
    let cache: Cache<String, u64> =
        Cache::builder().capacity(10).ttl(Duration::from_secs(60)).clock(&clock).build();
    cache.insert("a".to_owned(), 1);
    let before = cache.stats();
    assert_eq!(cache.explain("a").process.left, Some(Duration::from_secs(60)));
    assert_eq!(cache.explain("b").next, Next::Runs);
    clock.advance(Duration::from_secs(61));
    assert_eq!(cache.explain("a").process.state, ProcessState::Expired);
    assert_eq!(cache.stats(), before);
}

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn keyring(key: &str) -> Keyring {
    Keyring::new(KeySet::from_hex(key, &[]).unwrap())
}

#[cachekit::cache::secure(ttl = 60, namespace = "explain", tenant = tenant)]
fn sealed(tenant: &str, account: &str) -> String {
    format!("the balance of {account} for {tenant}")
}

#[test]
fn a_secure_function_reveals_neither_its_key_nor_its_value_nor_its_tenant() {
    let backend = Arc::new(MemoryBackend::new());
    let shared: Arc<dyn Backend> = backend;
    let scope = Scope::new().with_backend(Arc::clone(&shared)).with_keyring(keyring(KEY)).enter();
    sealed("tenant-hunter2", "account-4711");
    let explained = sealed::explain("tenant-hunter2", "account-4711");
    assert_eq!((explained.next, explained.shared.state), (Next::Process, SharedState::Fresh));
    let said = format!("{explained} {explained:?} {}", serde_json::to_string(&explained).unwrap());
    for secret in ["hunter2", "4711", "balance", KEY] {
        assert!(!said.contains(secret), "{said}");
    }
    let before = sealed::stats();
    forget();
    let explained = sealed::explain("tenant-hunter2", "account-4711");
    assert_eq!(explained.next, Next::Shared);
    assert_eq!(sealed::stats().hits, before.hits);
    drop(scope);

    // With another key it is not found, since its name is blinded by the key.
    let other = KEY.replace('0', "f");
    let _scope = Scope::new().with_backend(shared).with_keyring(keyring(&other)).enter();
    let explained = sealed::explain("tenant-hunter2", "account-4711");
    assert_eq!((explained.next, explained.shared.state), (Next::Runs, SharedState::Absent));
}

#[test]
fn a_sealed_entry_that_was_tampered_with_is_refused_and_not_counted() {
    let orders = FaultyBackend::new(MemoryBackend::new());
    let _scope =
        Scope::new().with_backend(Arc::new(orders.clone())).with_keyring(keyring(KEY)).enter();
    sealed("t", "a");
    forget();
    orders.inject(Fault::corrupt().on(Operation::Get));
    let explained = sealed::explain("t", "a");
    assert!(matches!(explained.shared.state, SharedState::Refused(_)), "{explained}");
    assert_eq!(explained.next, Next::Runs);
    assert_eq!(sealed::stats().refused.total(), 0);
}

#[test]
fn without_a_key_nothing_is_stored_and_that_is_what_it_says() {
    let _scope = Scope::new().with_backend(Arc::new(MemoryBackend::new())).enter();
    let explained = sealed::explain("t", "a");
    assert_eq!(explained.shared.state, SharedState::Unsealed);
    assert_eq!(explained.next, Next::Off);
    assert_eq!(sealed::stats().unsealed, 0);
}
