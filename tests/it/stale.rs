//! `stale = …`: a value past its time is served at once, and replaced behind the caller's back.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::cache;
use cachekit::testing::{Isolated, Scope, isolate, settle, settled};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, ManualClock, MemoryBackend, Operation};
use cachekit_tests::{Gate, Polled, block_on};

use crate::shared_tier::machine;

const TTL: Duration = Duration::from_secs(60);

/// What the functions under test read; every run counts.
#[derive(Clone, Default)]
struct Source(Arc<(AtomicU32, AtomicU32, Mutex<Option<Gate>>)>);

impl Source {
    fn set(&self, value: u32) {
        self.0.0.store(value, Ordering::SeqCst);
    }
    fn read(&self) -> u32 {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        let read = self.0.0.load(Ordering::SeqCst);
        let gate = self.0.2.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.pass();
        }
        read
    }
    fn runs(&self) -> u32 {
        self.0.1.load(Ordering::SeqCst)
    }
    /// Holds the runs from here on.
    fn hold(&self) -> Gate {
        let gate = Gate::new();
        *self.0.2.lock().unwrap() = Some(gate.clone());
        gate
    }
}

/// A scope, and an entry in it that is past its time.
fn past<R>(first: impl FnOnce() -> R) -> Isolated {
    let test = isolate();
    first();
    test.clock().advance(TTL + Duration::from_secs(1));
    test
}

#[cache::local(ttl = 60, stale = "30s", skip(source))]
fn local(name: &str, source: &Source) -> u32 {
    assert_eq!(name, "x");
    source.read()
}

#[cache(ttl = 60, stale = 30, skip(source))]
async fn shared(list: &[u8], count: u64, source: Source) -> Result<u32, String> {
    assert_eq!((list, count), (&[1, 2][..], 3));
    match source.read() {
        13 => Err("unlucky".into()),
        value => Ok(value),
    }
}

#[test]
fn the_old_value_is_served_and_replaced() {
    let source = Source::default();
    let test = past(|| local("x", &source));
    source.set(1);
    assert_eq!(local("x", &source), 0, "served at once");
    settle();
    assert_eq!((local("x", &source), source.runs()), (1, 2));
    let stats = local::stats();
    assert_eq!((stats.stale_hits, stats.refreshes, stats.failed_refreshes), (1, 1, 0));
    assert_eq!((stats.misses, stats.loads), (1, 2));
    // The new one has its whole time before it.
    test.clock().advance(Duration::from_secs(59));
    assert_eq!((local("x", &source), source.runs()), (1, 2));
}

#[test]
fn past_the_window_it_is_a_miss() {
    let source = Source::default();
    let test = past(|| local("x", &source));
    test.clock().advance(Duration::from_secs(29));
    source.set(1);
    assert_eq!((local("x", &source), local::stats().stale_hits), (1, 0));
}

#[test]
fn one_refresh_for_all_callers() {
    let source = Source::default();
    let _test = past(|| local("x", &source));
    let gate = source.hold();
    source.set(1);
    for _ in 0..10 {
        assert_eq!(local("x", &source), 0);
    }
    gate.open();
    settle();
    assert_eq!((source.runs(), local("x", &source)), (2, 1));
    assert_eq!((local::stats().stale_hits, local::stats().refreshes), (10, 1));
}

#[test]
fn a_miss_after_the_window_joins_the_refresh() {
    let source = Source::default();
    let test = past(|| local("x", &source));
    let gate = source.hold();
    source.set(1);
    assert_eq!(local("x", &source), 0);
    gate.wait_reached();
    test.clock().advance(TTL);
    let scope = test.scope().clone();
    std::thread::scope(|threads| {
        let call = threads.spawn(|| scope.run(|| local("x", &source)));
        gate.open();
        assert_eq!(call.join().unwrap(), 1);
    });
    settle();
    assert!(source.runs() <= 3, "{} runs", source.runs());
}

#[test]
fn an_invalidation_beats_the_refresh() {
    let source = Source::default();
    let _test = past(|| local("x", &source));
    let gate = source.hold();
    source.set(1);
    assert_eq!(local("x", &source), 0);
    gate.wait_reached();
    // The refresh has read 1.
    source.set(2);
    local::invalidate("x").ignore();
    gate.open();
    settle();
    assert_eq!(local::peek("x"), None, "what it read is outdated");
    assert_eq!(local("x", &source), 2);
    assert_eq!(local::stats().refreshes, 0);
}

#[test]
fn a_value_that_was_set_meanwhile_stays() {
    let source = Source::default();
    let _test = past(|| local("x", &source));
    let gate = source.hold();
    assert_eq!(local("x", &source), 0);
    gate.wait_reached();
    local::set("x", 50);
    gate.open();
    settle();
    assert_eq!((local("x", &source), local::stats().refreshes), (50, 0));
}

#[test]
fn a_refresh_that_fails_leaves_the_old_value() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let test = past(call);
    source.set(13);
    assert_eq!(call(), Ok(0));
    settle();
    assert_eq!((call(), source.runs()), (Ok(0), 2), "the source is left alone for a moment");
    assert_eq!((shared::stats().failed_refreshes, shared::stats().refreshes), (1, 0));
    test.clock().advance(Duration::from_secs(1));
    source.set(1);
    assert_eq!(call(), Ok(0));
    settle();
    assert_eq!(call(), Ok(1));
}

#[test]
fn a_refresh_that_panics_leaves_the_old_value() {
    #[cache::local(ttl = 60, stale = 30, key = ())]
    fn fragile(source: &Source) -> u32 {
        let value = source.read();
        assert!(value != 13, "on purpose");
        value
    }
    #[cache::local(ttl = 60, stale = 30, key = ())]
    async fn fragile_later(source: &Source) -> u32 {
        let value = source.read();
        assert!(value != 13, "on purpose");
        value
    }
    let (source, later) = (Source::default(), Source::default());
    let _test = past(|| (fragile(&source), block_on(fragile_later(&later))));
    source.set(13);
    later.set(13);
    assert_eq!((fragile(&source), block_on(fragile_later(&later))), (0, 0));
    settle();
    assert_eq!((fragile(&source), block_on(fragile_later(&later))), (0, 0));
    assert_eq!((source.runs(), later.runs()), (2, 2));
    assert_eq!(fragile::stats().failed_refreshes, 1);
    assert_eq!(fragile_later::stats().failed_refreshes, 1);
}

#[test]
fn errors_are_not_served_beyond_their_time() {
    #[cache::local(ttl(ok = 60, err = 60), stale = 30, key = ())]
    fn failing(source: &Source) -> Result<u32, u32> {
        Err(source.read())
    }
    let source = Source::default();
    let _test = past(|| failing(&source));
    source.set(1);
    assert_eq!((failing(&source), failing::stats().stale_hits), (Err(1), 0));
}

#[test]
fn values_without_an_end_are_never_stale() {
    #[cache::local(ttl(none = 60), stale = 30, key = ())]
    fn lasting(source: &Source) -> Option<u32> {
        Some(source.read())
    }
    let source = Source::default();
    let test = past(|| lasting(&source));
    test.clock().advance(TTL * 1000);
    assert_eq!((lasting(&source), lasting::stats().stale_hits), (Some(0), 0));
}

#[test]
fn async_functions_refresh_on_the_runtime_of_their_caller() {
    #[cache::local(ttl = 60, stale = 30, key = ())]
    async fn on_tokio(source: &Source) -> u32 {
        // Panics outside of a runtime.
        let _runtime = tokio::runtime::Handle::current();
        tokio::task::yield_now().await;
        source.read()
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (scope, source) = (Scope::new(), Source::default());
    runtime.block_on(scope.wrap(async {
        assert_eq!(on_tokio(&source).await, 0);
        scope.clock().advance(TTL);
        source.set(1);
        assert_eq!(on_tokio(&source).await, 0);
        settled().await;
        assert_eq!(on_tokio(&source).await, 1);
    }));
    assert_eq!(scope.run(on_tokio::stats).refreshes, 1);
}

#[derive(Clone)]
struct Shop {
    source: Source,
}

trait Named {
    fn name(&self, id: u64) -> u32;
}

impl Shop {
    #[cache::local(ttl = 60, stale = 30, self = shared)]
    pub(crate) fn price(
        &self,
        item: String,
        (a, b): (u8, u8),
        kind: Option<Cow<'static, str>>,
    ) -> u32 {
        assert_eq!((&*item, a, b, kind.as_deref()), ("book", 1, 2, None));
        self.source.read()
    }

    #[cache::local(ttl = 60, stale = 30, self = shared)]
    pub(crate) async fn price_later<T: Clone + Send + Sync + Eq + std::hash::Hash + 'static>(
        self: Arc<Self>,
        item: T,
    ) -> u32 {
        drop(item);
        self.source.read()
    }
}

impl Named for Shop {
    #[cache::local(ttl = 60, stale = 30, self = shared)]
    fn name(&self, id: u64) -> u32 {
        assert_eq!(id, 5);
        self.source.read()
    }
}

#[async_trait::async_trait]
trait Remote {
    async fn fetch(&self, id: &str) -> u32;
}

#[async_trait::async_trait]
impl Remote for Shop {
    #[cache::local(ttl = 60, stale = 30, self = shared)]
    async fn fetch(&self, id: &str) -> u32 {
        assert_eq!(id, "id");
        self.source.read()
    }
}

#[test]
fn methods_are_called_on_a_copy_of_their_object() {
    let shop = Shop { source: Source::default() };
    let call = || {
        [
            shop.price("book".into(), (1, 2), None),
            block_on(Arc::new(shop.clone()).price_later(3_u8)),
            shop.name(5),
            block_on(shop.fetch("id")),
        ]
    };
    let _test = past(call);
    shop.source.set(1);
    assert_eq!(call(), [0; 4]);
    settle();
    assert_eq!((call(), shop.source.runs()), ([1; 4], 8));
}

/// A machine whose shared tier has a clock of its own, and that clock.
fn shared_machine() -> (Scope, ManualClock, FaultyBackend) {
    let clock = ManualClock::new();
    let memory = MemoryBackend::builder().clock(clock.clock()).build();
    let backend = FaultyBackend::new(memory);
    (machine(&backend), clock, backend)
}

#[test]
fn the_shared_tier_keeps_values_for_the_window_too() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, clock, backend) = shared_machine();
    a.run(call).unwrap();
    a.run(settle);
    clock.advance(TTL + Duration::from_secs(1));
    source.set(1);
    // Another machine, which knows nothing: the tier calls the value stale.
    let b = machine(&backend);
    b.run(|| {
        assert_eq!(call(), Ok(0), "served, while the function runs");
        settle();
        assert_eq!((call(), source.runs()), (Ok(1), 2));
        let stats = shared::stats();
        assert_eq!((stats.stale_hits, stats.shared_hits, stats.refreshes), (1, 1, 1));
    });
    // And it is there for the next one.
    assert_eq!((machine(&backend).run(call), source.runs()), (Ok(1), 2));
}

#[test]
fn what_the_shared_tier_calls_stale_is_not_kept_here() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, clock, backend) = shared_machine();
    a.run(call).unwrap();
    a.run(settle);
    clock.advance(TTL + Duration::from_secs(1));
    // The refresh finds the lock taken: it stands down.
    backend.inject(Fault::fail(BackendErrorKind::Transient).on(Operation::Lock).times(1));
    let b = machine(&backend);
    b.run(|| {
        assert_eq!(call(), Ok(0));
        settle();
        assert_eq!((source.runs(), shared::stats().entries), (1, 0));
    });
}

#[test]
fn a_refresh_takes_what_another_machine_has_stored() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, _, backend) = shared_machine();
    a.run(call).unwrap();
    a.run(settle);
    source.set(1);
    machine(&backend).run(|| block_on(shared::refresh(&[1, 2], 3, source.clone()))).unwrap();
    a.clock().advance(TTL + Duration::from_secs(1));
    assert_eq!(a.run(call), Ok(0));
    a.run(settle);
    assert_eq!((a.run(call), source.runs()), (Ok(1), 2));
}

#[test]
fn a_refresh_yields_to_another_machine() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, clock, backend) = shared_machine();
    let b = machine(&backend);
    a.run(call).unwrap();
    a.run(settle);
    b.run(call).unwrap();
    b.run(settle);
    clock.advance(TTL + Duration::from_secs(1));
    for scope in [&a, &b] {
        scope.clock().advance(TTL + Duration::from_secs(1));
        scope.run(settle);
    }
    let gate = source.hold();
    source.set(1);
    assert_eq!(a.run(call), Ok(0));
    gate.wait_reached();
    assert_eq!((b.run(call), b.run(call)), (Ok(0), Ok(0)));
    b.run(settle);
    assert_eq!(source.runs(), 2, "one of the two refreshes");
    gate.open();
    a.run(settle);
    assert_eq!(a.run(call), Ok(1));
    // The other one finds it there.
    assert_eq!((b.run(call), source.runs()), (Ok(1), 2));
}

#[test]
fn what_was_removed_there_is_not_brought_back() {
    let source = Source::default();
    let call = || block_on(shared(&[1, 2], 3, source.clone()));
    let (a, clock, backend) = shared_machine();
    a.run(call).unwrap();
    a.run(settle);
    clock.advance(TTL + Duration::from_secs(1));
    a.clock().advance(TTL + Duration::from_secs(1));
    let gate = source.hold();
    source.set(1);
    assert_eq!(a.run(call), Ok(0));
    gate.wait_reached();
    source.set(2);
    let removed = machine(&backend).run(|| block_on(shared::invalidate(&[1, 2], &3)));
    assert!(removed.is_confirmed());
    gate.open();
    a.run(settle);
    assert_eq!(machine(&backend).run(call), Ok(2));
}

#[test]
fn peek_and_contains_do_not_see_stale_values() {
    let source = Source::default();
    let _test = past(|| local("x", &source));
    assert_eq!((local::peek("x"), local::contains("x")), (None, false));
    // And do not end them.
    assert_eq!((local("x", &source), local::stats().stale_hits), (0, 1));
    settle();
}

#[test]
fn a_dropped_call_has_ordered_its_refresh() {
    let source = Source::default();
    let call = || shared(&[1, 2], 3, source.clone());
    let _test = past(|| block_on(call()));
    let mut polled = Polled::new(call());
    assert_eq!(polled.poll(), Some(Ok(0)));
    drop(polled);
    settle();
    assert_eq!(source.runs(), 2);
}

#[test]
fn a_spawner_runs_async_refreshes() {
    use cachekit_tests::in_child;
    in_child("stale::a_spawner_runs_async_refreshes", || {
        static SPAWNED: AtomicU32 = AtomicU32::new(0);
        cachekit::set_spawner(|future| {
            SPAWNED.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || block_on(future));
        });
        let source = Source::default();
        let call = || block_on(shared(&[1, 2], 3, source.clone()));
        let test = past(call);
        source.set(1);
        assert_eq!(call(), Ok(0));
        settle();
        assert_eq!((call(), SPAWNED.load(Ordering::SeqCst)), (Ok(1), 1));

        // One that fails is not the caller's affair.
        cachekit::set_spawner(|future| {
            drop(future);
            panic!("on purpose")
        });
        test.clock().advance(TTL);
        assert_eq!(call(), Ok(1));
        settle();
        assert_eq!(shared::stats().failed_refreshes, 1);
    });
}
