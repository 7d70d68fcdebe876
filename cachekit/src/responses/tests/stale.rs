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

/// What a refresh says about the page counts, also if it is not to be stored.
#[tokio::test]
async fn a_refresh_that_is_not_for_all_ends_the_stale_response() {
    const GOOD: &[(&str, &str)] = &[("cache-control", "max-age=60, stale-while-revalidate=30")];
    for (answer, ends) in [
        (&[("cache-control", "no-store")][..], true),
        (&[("cache-control", "private, max-age=60")], true),
        (&[("cache-control", "max-age=60"), ("set-cookie", "id=1")], true),
        (&[("x-said", "nothing")], true),
        (&[(":status", "404"), ("cache-control", "no-store")], true),
        (&[(":status", "410")], true),
        (&[(":status", "303"), ("location", "/b")], true),
        // It could not tell just now.
        (&[(":status", "503")], false),
        (&[(":status", "503"), ("cache-control", "max-age=60")], false),
        (&[(":status", "429")], false),
        (&[(":status", "408")], false),
        (&[(":fail", "")], false),
        (&[(":broken", "")], false),
    ] {
        for vary in [None, Some("x")] {
            let test = testing::isolate();
            let runs = Arc::new(AtomicUsize::new(0));
            let shop = Shop::later(CacheResponses::builder("test"), move |_| {
                let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
                let mut made = match (first, answer[0].0) {
                    (true, _) => response(GOOD, "old"),
                    (false, ":fail") => return std::future::ready(Err("failed".to_owned())),
                    (false, ":broken") => {
                        let mut broken = response(GOOD, "");
                        broken.body_mut().frames = [Err("broken".to_owned())].into();
                        broken
                    }
                    (false, _) => response(answer, "new"),
                };
                if let Some(vary) = vary {
                    made.headers_mut().insert("vary", vary.parse().unwrap());
                }
                std::future::ready(Ok(made))
            });
            shop.get("/").await;
            test.clock().advance(Duration::from_secs(61));
            assert_eq!(shop.get("/").await.text, "old");
            settle().await;
            assert_eq!(shop.runs(), 2);
            let after = if ends { "new" } else { "old" };
            assert_eq!(shop.get("/").await.text, after, "{answer:?} {vary:?}");
        }
    }
}

/// A refresh runs on the request of one client. What that one did wrong does not end the page of all.
#[tokio::test]
async fn one_clients_request_does_not_end_the_stale_response() {
    const SAID: &[(&str, &str)] =
        &[("cache-control", "public, max-age=60, stale-while-revalidate=30")];
    for (asked, status, ends) in [
        (("authorization", "Basic x"), "401", false),
        (("authorization", "Basic x"), "403", false),
        (("cookie", "id=1"), "403", false),
        (("accept", "x/y"), "406", false),
        (("x-forwarded-host", "?"), "400", false),
        (("authorization", "Basic x"), "410", true),
        (("x-none", ""), "403", true),
    ] {
        let test = testing::isolate();
        let runs = AtomicUsize::new(0);
        let shop = Shop::with(CacheResponses::builder("test"), move |_| {
            match runs.fetch_add(1, Ordering::SeqCst) {
                0 => response(SAID, "old"),
                _ => response(&[(":status", status)], "new"),
            }
        });
        shop.get("/").await;
        test.clock().advance(Duration::from_secs(61));
        assert_eq!(shop.get_with("/", &[asked]).await.text, "old");
        settle().await;
        assert_eq!(shop.runs(), 2);
        let after = if ends { "new" } else { "old" };
        assert_eq!(shop.get("/").await.text, after, "{asked:?} {status}");
    }
}

/// RFC 9111 §4.2.3: a response grows older while its body is read.
#[tokio::test]
async fn the_time_to_read_the_body_counts() {
    let test = testing::isolate();
    let slow = |seconds| {
        let clock = test.clock().clone();
        Shop::with(CacheResponses::builder("test"), move |_| {
            let mut answer = response(&[("cache-control", "max-age=60")], "slow");
            answer.body_mut().pending = Some(Pending(clock.clone(), Duration::from_secs(seconds)));
            answer
        })
    };
    let shop = slow(20);
    assert_eq!(shop.get("/").await.text, "slow");
    let hit = shop.get("/").await;
    assert_eq!((hit.header("age"), hit.header("cache-status")), ("20", "cachekit; hit; ttl=40"));
    test.clock().advance(Duration::from_secs(39));
    assert!(shop.get("/").await.is_hit());
    test.clock().advance(Duration::from_secs(1));
    assert!(!shop.get("/").await.is_hit());

    let shop = slow(60);
    for _ in 0..2 {
        let answer = shop.get("/").await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "slow"));
    }
    assert_eq!((shop.runs(), shop.cache.stats().entries), (2, 0), "nothing is left of it");
}

#[tokio::test]
async fn the_longest_times_do_not_overflow() {
    let _test = testing::isolate();
    let longest = CacheResponses::builder("test")
        .default_ttl(Duration::MAX)
        .max_ttl(Duration::MAX)
        .max_stale(Duration::MAX);
    let shop = Shop::saying_with(
        longest,
        &[("cache-control", "stale-while-revalidate=30"), ("vary", "x")],
    );
    shop.get("/").await;
    assert!(shop.get("/").await.is_hit());
}
