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
    test.clock().advance(Duration::from_secs(1));
    shop.get("/").await;
    settle().await;
    assert_eq!(shop.runs(), 2);
}
