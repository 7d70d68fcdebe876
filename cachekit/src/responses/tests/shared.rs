//! Responses in a shared tier.

use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, MemoryBackend, Operation};

use super::*;
use crate::testing::Scope;

const FRESH: &[(&str, &str)] = &[("cache-control", "max-age=60"), ("x-more", "a"), ("x-more", "b")];

/// A machine that has this backend.
fn machine(backend: &Arc<MemoryBackend>) -> Scope {
    Scope::new().with_backend(Arc::clone(backend) as _)
}

fn shop_on(machine: &Scope, answer: fn(&str) -> Response<Frames>) -> Shop {
    machine.run(|| {
        Shop::with(CacheResponses::builder("shared-test"), move |request| {
            answer(request.headers().get("x-client").map_or("", |name| name.to_str().unwrap()))
        })
    })
}

#[tokio::test]
async fn what_one_machine_stored_another_one_serves() {
    let backend = Arc::new(MemoryBackend::new());
    let machines = [machine(&backend), machine(&backend)];
    let [a, b] =
        machines.each_ref().map(|machine| shop_on(machine, |client| response(FRESH, client)));
    let stored = a.get_with("/", &[("x-client", "a")]).await;
    let found = b.get_with("/", &[("x-client", "b")]).await;
    assert_eq!((found.text.as_str(), found.status, b.runs()), ("a", 200, 0));
    assert!(found.is_hit());
    let lines = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("age");
        headers.remove("cache-status");
        headers
    };
    assert_eq!(lines(&found), lines(&stored), "with all lines of its headers");
    assert_eq!(b.get("/").await.text, "a");
    let tag = stored.header("etag").to_owned();
    assert_eq!(b.get_with("/", &[("if-none-match", &tag)]).await.status, 304);
    let head = shop_on(&machine(&backend), |_| response(&[], ""));
    assert!(head.ask(request("HEAD", "/", &[])).await.is_hit(), "also for HEAD alone");
}

#[tokio::test]
async fn variants_and_invalidations_are_shared() {
    let backend = Arc::new(MemoryBackend::new());
    let answer: fn(&str) -> Response<Frames> =
        |client| response(&[("cache-control", "max-age=60"), ("vary", "x-client")], client);
    let machines = [machine(&backend), machine(&backend)];
    let [a, b] = machines.each_ref().map(|machine| shop_on(machine, answer));
    let (one, two) = ([("x-client", "1")], [("x-client", "2")]);
    a.get_with("/", &one).await;
    assert_eq!(b.get_with("/", &one).await.text, "1");
    assert_eq!(b.get_with("/", &two).await.text, "2");
    assert_eq!(a.get_with("/", &two).await.text, "2");
    assert_eq!((a.runs(), b.runs()), (1, 1));
    // The memory backend tells of changes: the other machine's copies go, too.
    let put = b.ask(request("PUT", "/", &one)).await;
    assert_eq!(put.status, 200);
    settle().await;
    assert_eq!((b.runs(), a.runs()), (2, 1));
    for shop in [&a, &b] {
        for asked in [&one, &two] {
            let before = a.runs() + b.runs();
            shop.get_with("/", asked).await;
            let ran = a.runs() + b.runs() > before;
            // Each variant is made anew once.
            assert_eq!(ran, std::ptr::eq(shop, &raw const a), "{asked:?}");
        }
    }
    let fresh = shop_on(&machine(&backend), answer);
    assert_eq!((fresh.get_with("/", &one).await.text.as_str(), fresh.runs()), ("1", 0));
    assert!(!fresh.cache.clear().is_confirmed(), "a backend cannot list them");
}

/// A process that caches nothing still knows what a change outdates elsewhere.
#[tokio::test]
async fn a_change_counts_where_caching_is_off() {
    let backend = Arc::new(MemoryBackend::new());
    let shop = shop_on(&machine(&backend), |_| response(FRESH, "text"));
    shop.get("/").await;
    assert_eq!(backend.len(), 1);
    let off = Scope::disabled().with_backend(Arc::clone(&backend) as _);
    shop_on(&off, |_| response(&[], "")).ask(request("PUT", "/", &[])).await;
    assert!(backend.is_empty());
}

#[tokio::test]
async fn what_is_not_stored_leaves_nothing_there() {
    let backend = Arc::new(MemoryBackend::new());
    let here = machine(&backend);
    let shop =
        shop_on(&here, |client| response(&[("cache-control", "private, max-age=60")], client));
    for client in ["a", "b"] {
        assert_eq!(shop.get_with("/", &[("x-client", client)]).await.text, client);
    }
    assert!(backend.is_empty());
    let local =
        here.run(|| Shop::saying_with(CacheResponses::builder("local-test").in_process(), FRESH));
    local.get("/").await;
    assert!(local.get("/").await.is_hit() && backend.is_empty());
}

#[tokio::test]
async fn a_layer_may_have_a_backend_of_its_own() {
    let (ours, own) = (Arc::new(MemoryBackend::new()), Arc::new(MemoryBackend::new()));
    let here = machine(&ours);
    let shop =
        here.run(|| Shop::saying_with(CacheResponses::builder("own-test").backend(&own), FRESH));
    shop.get("/").await;
    assert!(ours.is_empty() && own.len() == 1);
    assert!(shop.cache.invalidate("http://shop.example/").await.unwrap().is_confirmed());
    assert!(own.is_empty());
}

#[tokio::test]
async fn names_and_partitions_and_hosts_are_kept_apart() {
    let backend = Arc::new(MemoryBackend::new());
    let here = machine(&backend);
    let mut shops = Vec::new();
    for (name, space) in [("one", "x"), ("two", "x"), ("one", "y")] {
        shops.push(here.run(|| {
            Shop::with(CacheResponses::builder(name).namespace(space), move |request| {
                let host = request.uri().host().unwrap().to_owned();
                response(FRESH, &format!("{name} {space} {host}"))
            })
        }));
    }
    for round in 0..2 {
        for (shop, expected) in shops.iter().zip(["one x", "two x", "one y"]) {
            for host in ["a.example", "b.example"] {
                let uri = format!("http://{host}/");
                let request = Request::get(uri).body(Full::default()).unwrap();
                let answer = shop.ask(request).await;
                assert_eq!(answer.text, format!("{expected} {host}"), "{round}");
            }
        }
    }
    assert_eq!(backend.len(), 6);
}

#[tokio::test]
async fn a_damaged_entry_is_a_miss() {
    let backend = Arc::new(FaultyBackend::new(MemoryBackend::new()));
    let shop = |text: &'static str| {
        Scope::new().with_backend(Arc::clone(&backend) as _).run(|| {
            Shop::with(CacheResponses::builder("shared-test"), move |_| response(FRESH, text))
        })
    };
    shop("first").get("/").await;
    assert_eq!(shop("second").get("/").await.text, "first");
    let keys: Vec<_> =
        backend.calls().iter().filter_map(|call| call.key().map(str::to_owned)).collect();
    assert!(!keys.is_empty() && keys.iter().all(|key| !key.contains("shop.example")), "{keys:?}");
    for cut in [0, 10, 40, 100] {
        let damage = move |bytes: Bytes| bytes.slice(..bytes.len().min(cut));
        backend.inject(Fault::corrupt_with(damage).on(Operation::Get));
        let text = shop("again").get("/").await.text;
        backend.heal();
        assert_eq!(text, "again", "{cut}");
    }
}

/// What an answer ends is ended, also if its client does not wait for that.
#[tokio::test]
async fn a_client_that_hangs_up_keeps_nothing_there() {
    type Lines = &'static [(&'static str, &'static str)];
    const PLAIN: Lines = &[("cache-control", "max-age=60, stale-if-error=30")];
    const VARIES: Lines = &[PLAIN[0], ("vary", "x-client")];
    const WITHDRAWN: Lines = &[(":status", "404")];
    // The rule that is there does not tell all requests apart.
    const VARIES_MORE: Lines = &[("cache-control", "max-age=60"), ("vary", "x-more")];
    for (first, then) in [(PLAIN, WITHDRAWN), (VARIES, WITHDRAWN), (VARIES, VARIES_MORE)] {
        let below = MemoryBackend::new();
        let backend = Arc::new(FaultyBackend::new(below.clone()));
        let here = Scope::new().with_backend(Arc::clone(&backend) as _);
        let runs = AtomicUsize::new(0);
        let shop = here.run(|| {
            Shop::with(CacheResponses::builder("shared-test"), move |_| {
                let is_first = runs.fetch_add(1, Ordering::SeqCst) == 0;
                response(if is_first { first } else { then }, "text")
            })
        });
        shop.get("/").await;
        let before = below.len();
        here.clock().advance(std::time::Duration::from_secs(61));
        // There its time is not over: that is the world's.
        backend.inject(Fault::fail(BackendErrorKind::Unsupported).on(Operation::Get));
        backend.inject(Fault::wait(std::future::pending).on(Operation::Delete).times(1));
        let asks = tokio::spawn(shop.get_owned("/"));
        settle().await;
        assert!(!asks.is_finished(), "it gets its answer when that is done");
        assert_eq!(below.len(), before);
        asks.abort();
        settle().await;
        assert!(below.len() < before, "{first:?} {then:?}");
        assert_eq!(shop.cache.stats().invalidations, 1, "{first:?} {then:?}");
    }
}
