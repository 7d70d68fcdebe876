//! The end of freshness, and `stale-while-revalidate` (RFC 9111 §4.2, RFC 5861 §3).

use std::time::Duration;

use super::*;
use crate::testing;

#[tokio::test]
async fn a_response_is_served_as_long_as_it_is_fresh() {
    let test = testing::isolate();
    let shop = Shop::saying(&[("cache-control", "max-age=60"), ("age", "20")]);
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(39));
    let hit = shop.get("/").await;
    assert_eq!((hit.text.as_str(), hit.header("age")), ("run 1", "59"));
    assert_eq!(hit.header("cache-status"), "cachekit; hit; ttl=1");
    test.clock().advance(Duration::from_secs(1));
    assert_eq!(shop.get("/").await.text, "run 2");
}

#[tokio::test]
async fn a_stale_response_is_served_while_one_request_replaces_it() {
    let test = testing::isolate();
    let shop =
        Shop::saying(&[("cache-control", "max-age=60, stale-while-revalidate=30"), ("vary", "x")]);
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(70));
    let stale = shop.get("/").await;
    assert_eq!((stale.text.as_str(), stale.header("age")), ("run 1", "70"));
    assert_eq!(stale.header("cache-status"), "cachekit; hit; detail=stale");
    assert_eq!(shop.get("/").await.text, "run 1");
    settle().await;
    assert_eq!(shop.runs(), 2, "one of them");
    let fresh = shop.get("/").await;
    assert_eq!((fresh.text.as_str(), fresh.header("age")), ("run 2", "0"));
    assert_eq!(shop.cache.stats().stale_hits, 2);
    // Behind its window it is gone.
    test.clock().advance(Duration::from_secs(90));
    assert_eq!(shop.get("/").await.text, "run 3");
}

#[tokio::test]
async fn a_response_that_does_not_allow_it_is_not_served_stale() {
    let test = testing::isolate();
    for said in ["max-age=60", "max-age=60, stale-while-revalidate=30, must-revalidate"] {
        let runs = AtomicUsize::new(0);
        let shop = Shop::with(CacheResponses::builder("test"), move |_| {
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            response(&[("cache-control", said)], &run.to_string())
        });
        shop.get("/").await;
        test.clock().advance(Duration::from_secs(61));
        assert_eq!(shop.get("/").await.text, "2", "{said}");
    }
}

/// A refresh that brings nothing to store changes nothing, and is nobody's answer.
#[tokio::test]
async fn a_refresh_that_fails_is_for_nobody() {
    let test = testing::isolate();
    let runs = AtomicUsize::new(0);
    let shop = Shop::with(CacheResponses::builder("test"), move |_| {
        match runs.fetch_add(1, Ordering::SeqCst) {
            0 => response(&[("cache-control", "max-age=60, stale-while-revalidate=30")], "good"),
            _ => response(&[(":status", "500"), ("set-cookie", "id=1")], "bad"),
        }
    });
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(61));
    for _ in 0..3 {
        assert_eq!(shop.get("/").await.text, "good");
        settle().await;
    }
    assert_eq!(shop.runs(), 2, "it is left alone for a moment");
    test.clock().advance(Duration::from_secs(30));
    assert_eq!(shop.get("/").await.text, "bad");
}

#[tokio::test]
async fn an_invalidation_beats_a_refresh() {
    let test = testing::isolate();
    let gate = Arc::new(tokio::sync::Semaphore::new(1));
    let by = Arc::clone(&gate);
    let runs = Arc::new(AtomicUsize::new(0));
    let shop = Shop::later(CacheResponses::builder("test"), move |_| {
        let (gate, run) = (Arc::clone(&by), runs.fetch_add(1, Ordering::SeqCst) + 1);
        async move {
            gate.acquire().await.unwrap().forget();
            let said = [("cache-control", "max-age=60, stale-while-revalidate=30")];
            Ok(response(&said, &format!("run {run}")))
        }
    });
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(61));
    assert_eq!(shop.get("/").await.text, "run 1");
    settle().await;
    assert_eq!(shop.runs(), 2);
    shop.cache.invalidate("http://shop.example/").await.unwrap().ignore();
    gate.add_permits(10);
    settle().await;
    assert_eq!(shop.get("/").await.text, "run 3");
}
