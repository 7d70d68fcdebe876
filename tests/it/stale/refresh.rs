//! Where a refresh of a stale value runs, and on what: runtimes, spawners, copies of the caller's object.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use cachekit::cache;
use cachekit::testing::{Scope, settle, settled};
use cachekit_tests::{Gate, Polled, block_on};

use crate::stale::{Source, TTL, past, shared};

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

#[test]
fn sync_functions_refresh_inside_of_the_runtime_of_their_caller() {
    #[cache::local(ttl = 60, stale = 30, key = ())]
    fn with_timers(source: &Source) -> u32 {
        // Both panic outside of a runtime.
        let runtime = tokio::runtime::Handle::current();
        drop(runtime.spawn(async {}));
        source.read()
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (scope, source) = (Scope::new(), Source::default());
    runtime.block_on(scope.wrap(async {
        assert_eq!(with_timers(&source), 0);
        scope.clock().advance(TTL);
        source.set(1);
        assert_eq!(with_timers(&source), 0);
        settled().await;
        assert_eq!(with_timers(&source), 1);
    }));
    let stats = scope.run(with_timers::stats);
    assert_eq!((stats.refreshes, stats.failed_refreshes), (1, 0));
}

#[test]
fn refreshes_that_hang_keep_no_other_function_from_its_own() {
    static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);
    #[cache::local(ttl = 60, stale = 30, skip(source))]
    fn hangs(id: u32, source: Source) -> u32 {
        if source.read() == 1 {
            GATE.pass();
        }
        id
    }
    #[cache::local(ttl = 60, stale = 30, skip(source))]
    fn read(source: Source) -> u32 {
        source.read()
    }
    let (stuck, scope, source) = (Scope::new(), Scope::new(), Source::default());
    let call = || {
        for id in 0..4 {
            assert_eq!(hangs(id, source.clone()), id);
        }
    };
    stuck.run(call);
    scope.run(|| read(source.clone()));
    stuck.clock().advance(TTL);
    scope.clock().advance(TTL);
    source.set(1);
    stuck.run(call);
    GATE.wait_reached();
    scope.run(|| {
        assert_eq!(read(source.clone()), 0, "stale");
        settle();
        assert_eq!(read(source.clone()), 1);
    });
    GATE.open();
    stuck.run(settle);
}

#[test]
fn a_refresh_is_kept_though_its_stale_entry_made_room() {
    static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);
    #[cache::local(ttl = 60, stale = 30, capacity = 1, skip(source))]
    fn read(id: u32, source: Source) -> u32 {
        if source.read() == 1 && id == 1 {
            GATE.pass();
        }
        source.read()
    }
    let (scope, source) = (Scope::new(), Source::default());
    scope.run(|| {
        assert_eq!(read(1, source.clone()), 0);
        scope.clock().advance(TTL);
        source.set(1);
        assert_eq!(read(1, source.clone()), 0, "stale");
        GATE.wait_reached();
        // There is room for one.
        read(2, source.clone());
        assert_eq!(read::peek(&1), None);
        GATE.open();
        settle();
        let stats = read::stats();
        assert_eq!((stats.refreshes, stats.failed_refreshes), (1, 0));
        assert_eq!(read::peek(&1), Some(1));
    });
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
    in_child("stale::refresh::a_spawner_runs_async_refreshes", || {
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
