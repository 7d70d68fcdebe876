//! What a client or a handler with odd ideas might try.

use std::time::Duration;

use super::*;
use crate::responses::Authority;
use crate::testing;

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

/// A handler that says `Vary: Host` may look at `:authority`, which is no header where HTTP/2 is spoken.
#[tokio::test]
async fn the_host_that_is_varied_on_is_the_authority_as_well() {
    let _test = testing::isolate();
    let ignored = CacheResponses::builder("test").authority(Authority::Ignored);
    let shop = Shop::with(ignored, |request| {
        let host = request.uri().host().unwrap_or("none").to_owned();
        response(&[FRESH, ("vary", "Host")], &host)
    });
    let of = |uri: &str| Request::get(uri).body(Full::default()).unwrap();
    for _ in 0..2 {
        for host in ["a.example", "b.example"] {
            assert_eq!(shop.ask(of(&format!("https://{host}/"))).await.text, host);
        }
        assert_eq!(shop.ask(of("/")).await.text, "none");
    }
    assert_eq!(shop.runs(), 3);
}

/// RFC 3986 §3.2.1: what stands in front of a host names no other one.
#[tokio::test]
async fn a_user_in_front_of_the_host_hides_no_change() {
    let _test = testing::isolate();
    let shop = Shop::with(CacheResponses::builder("test"), |request| match request.method() {
        &http::Method::GET => response(&[FRESH], ""),
        _ => response(&[("location", "http://me:secret@SHOP.example/b")], ""),
    });
    shop.get("/").await;
    let done = shop.cache.invalidate("http://me@shop.example:80/").await.unwrap();
    assert_eq!(done.removed(), 1);
    for uri in ["http://me@shop.example/", "http://shop.example/a"] {
        shop.get("/").await;
        shop.get("/b").await;
        shop.ask(Request::put(uri).body(Full::default()).unwrap()).await;
        assert!(!shop.get("/b").await.is_hit(), "what the answer names: {uri}");
        assert_eq!(shop.get("/").await.is_hit(), uri.ends_with("/a"), "{uri}");
    }
    // It is part of what a handler sees, so such a request is answered by its own.
    let odd = Request::get("http://me@shop.example/").body(Full::default()).unwrap();
    assert!(shop.ask(odd).await.header("cache-status").ends_with("detail=authority"));
}

/// Each response varies on another field: all of them are needed, so there is an end to it.
#[tokio::test]
async fn fields_without_end_are_not_remembered() {
    let _test = testing::isolate();
    let runs = AtomicUsize::new(0);
    let shop = Shop::with(CacheResponses::builder("test").max_variants(10_000), move |_| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        response(&[FRESH, ("vary", &format!("x-{run}"))], "")
    });
    for client in 0..500 {
        let (field, client) = (format!("x-{client}"), client.to_string());
        shop.get_with("/", &[(&field, &client)]).await;
    }
    assert!(shop.cache.stats().weight < 200_000, "{:?}", shop.cache.stats());

    let many: Vec<String> = (0..100).map(|field| format!("x-{field}")).collect();
    let many = many.join(",");
    for vary in [many.as_str(), &format!("x-{}", "y".repeat(5000))] {
        let vary = vary.to_owned();
        let shop = Shop::with(CacheResponses::builder("test"), move |_| {
            response(&[FRESH, ("vary", &vary)], "")
        });
        shop.get("/").await;
        assert_eq!(shop.cache.stats().entries, 0);
    }
}

/// A client that asks with `HEAD` has nothing refreshed; that is no failure of a refresh.
#[tokio::test]
async fn head_does_not_fail_a_refresh() {
    let test = testing::isolate();
    let shop = Shop::saying(&[("cache-control", "max-age=60, stale-while-revalidate=30")]);
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(61));
    assert!(shop.ask(request("HEAD", "/", &[])).await.is_hit());
    let listed = crate::functions();
    let failed: u64 = listed.iter().map(|function| function.stats().failed_refreshes).sum();
    assert_eq!((failed, shop.runs()), (0, 1));
    shop.get("/").await;
    settle().await;
    assert_eq!(shop.runs(), 2);
}

/// Requests that cannot refresh a page keep no other from doing so, however many there are.
#[tokio::test]
async fn requests_that_cannot_refresh_keep_nothing_stale() {
    let test = testing::isolate();
    let says = [("cache-control", "max-age=60, stale-while-revalidate=30")];
    let shop = Shop::with(CacheResponses::builder("test"), move |_| response(&says, "page"));
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(61));
    for _ in 0..200 {
        test.clock().advance(Duration::from_millis(100));
        assert!(shop.ask(request("HEAD", "/", &[])).await.is_hit());
        assert!(shop.get_with("/", &[("cache-control", "no-store")]).await.is_hit());
    }
    let before = shop.runs();
    for _ in 0..10 {
        shop.get_with("/", &[("cookie", "id=1")]).await;
    }
    assert_eq!((before, shop.runs()), (1, 11), "what is not for its client is not refreshed by it");
    shop.get("/").await;
    settle().await;
    assert_eq!(shop.runs(), 12, "the first that can");
    assert_eq!(shop.get("/").await.header("age"), "0");
}

/// What a page varied on too much together is forgotten once it does not.
#[tokio::test]
async fn a_page_that_varied_on_too_much_once_is_stored_again() {
    let _test = testing::isolate();
    let runs = AtomicUsize::new(0);
    let shop = Shop::with(CacheResponses::builder("test"), move |_| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        let field = if run < 2 * 65 { format!("x-{}", run / 2) } else { "x-last".to_owned() };
        response(&[FRESH, ("vary", &field)], "")
    });
    for client in 0..2 * 65 {
        let (field, client) = (format!("x-{}", client / 2), client.to_string());
        shop.get_with("/", &[(&field, &client)]).await;
    }
    for _ in 0..3 {
        shop.get("/").await;
    }
    assert!(shop.get("/").await.is_hit());
}

/// A client may name many hosts in one request, and each of them is many removals.
#[cfg(feature = "shared")]
#[tokio::test]
async fn the_hosts_of_a_change_are_few() {
    use cachekit_io::testing::FaultyBackend;
    use cachekit_io::{MemoryBackend, Operation};

    let lines: Vec<String> = (0..90).map(|host| format!("h{host}.example")).collect();
    let mut named: Vec<_> = lines.iter().map(|host| ("host", host.as_str())).collect();
    named.push(("host", "last.example"));
    for (authority, most) in [
        (Authority::OfRequest, 3 * 14),
        (Authority::OneOf(vec!["last.example:80".to_owned()]), 14),
        (Authority::OneOf(vec!["h50.example".to_owned()]), 0),
        (Authority::Ignored, 14),
    ] {
        let backend = Arc::new(FaultyBackend::new(MemoryBackend::new()));
        let scope = testing::Scope::new().with_backend(Arc::clone(&backend) as _);
        let shop = scope.run(|| {
            Shop::saying_with(CacheResponses::builder("test").authority(authority), &[FRESH])
        });
        shop.ask(request("POST", "/%C3%A4", &named)).await;
        let removed = backend.count(Operation::Delete);
        assert!(removed <= most && (removed > 0) == (most > 0), "{removed} of {most}");
    }
    // Each that counts is found.
    for host in ["shop.example", "h0.example", "last.example"] {
        let _test = testing::isolate();
        let shop = Shop::saying(&[FRESH]);
        let get = || Request::get(format!("http://{host}/")).body(Full::default()).unwrap();
        shop.ask(get()).await;
        assert!(shop.ask(get()).await.is_hit());
        shop.ask(request("POST", "/", &named)).await;
        assert!(!shop.ask(get()).await.is_hit(), "{host}");
    }
}

/// The removals of one change are under way at the same time, so that all of them have one budget.
#[cfg(feature = "shared")]
#[tokio::test]
async fn the_removals_of_a_change_do_not_wait_for_one_another() {
    use cachekit_io::testing::{Fault, FaultyBackend};
    use cachekit_io::{MemoryBackend, Operation};

    let backend = Arc::new(FaultyBackend::new(MemoryBackend::new()));
    // Each goes on once all have begun.
    let all = Arc::new(tokio::sync::Barrier::new(7));
    let wait = move || {
        let all = Arc::clone(&all);
        async move {
            all.wait().await;
        }
    };
    backend.inject(Fault::wait(wait).on(Operation::Delete));
    let scope = testing::Scope::new().with_backend(Arc::clone(&backend) as _);
    let shop = scope.run(|| Shop::saying(&[FRESH]));
    let done = shop.cache.invalidate("http://shop.example/").await.unwrap();
    assert_eq!((done.is_confirmed(), backend.count(Operation::Delete)), (true, 7));
}
