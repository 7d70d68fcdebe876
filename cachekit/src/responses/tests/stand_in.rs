//! `stale-if-error`: a stale response stands in for a handler that fails (RFC 5861 §4, RFC 9111 §4.2.4).

use std::time::Duration;

use super::*;
use crate::testing;

pub(super) type Lines = &'static [(&'static str, &'static str)];

pub(super) const SAYS: Lines = &[("cache-control", "max-age=60, stale-if-error=30")];

/// A handler that makes this first, and answers so from then on: `:fail` is an error of the service, `:broken` a body that
/// ends with one.
fn shop(first: Lines, then: Lines) -> Shop {
    shop_with(CacheResponses::builder("test"), first, then)
}

fn shop_with(builder: Builder, first: Lines, then: Lines) -> Shop {
    let runs = AtomicUsize::new(0);
    Shop::later(builder, move |_| {
        let is_first = runs.fetch_add(1, Ordering::SeqCst) == 0;
        std::future::ready(match (is_first, then[0].0) {
            (true, _) => Ok(response(first, "good")),
            (false, ":fail") => Err("failed".to_owned()),
            (false, ":broken") => {
                let mut broken = response(SAYS, "");
                broken.body_mut().frames = [Err("broken".to_owned())].into();
                Ok(broken)
            }
            (false, _) => Ok(response(then, "bad")),
        })
    })
}

#[tokio::test]
async fn a_stale_response_stands_in_for_a_failure() {
    const FAILURES: [(Lines, &str); 7] = [
        (&[(":status", "500")], "; fwd-status=500"),
        (&[(":status", "502"), ("cache-control", "no-store")], "; fwd-status=502"),
        (&[(":status", "503"), ("set-cookie", "id=1")], "; fwd-status=503"),
        (&[(":status", "504")], "; fwd-status=504"),
        // A lifetime makes a failure no page that is better than the one that is there.
        (&[(":status", "503"), ("cache-control", "max-age=60")], "; fwd-status=503"),
        (&[(":fail", "")], ""),
        (&[(":broken", "")], ""),
    ];
    for (failure, status) in FAILURES {
        for vary in [None, Some(("vary", "x"))] {
            let test = testing::isolate();
            let first: Vec<_> = SAYS.iter().copied().chain(vary).collect();
            let shop = shop(first.leak(), failure);
            shop.get("/").await;
            test.clock().advance(Duration::from_secs(61));
            for run in 2..4 {
                let answer = shop.get("/").await;
                assert_eq!((answer.status, answer.text.as_str()), (200, "good"), "{failure:?}");
                assert_eq!(answer.header("age"), "61", "RFC 9111 §5.1");
                // RFC 9211 §2.2, §2.3: it went to the handler, so it is no hit.
                let said = format!("cachekit; fwd=stale{status}; detail=stale-if-error");
                assert_eq!(answer.header("cache-status"), said);
                assert!(!answer.headers.contains_key("set-cookie"));
                assert_eq!(shop.runs(), run, "each request gives the handler its chance");
            }
            let stats = shop.cache.stats();
            assert_eq!((stats.hits, stats.stale_hits, stats.misses), (2, 2, 1));
            // 304, and HEAD.
            let tag = shop.get("/").await.header("etag").to_owned();
            assert_eq!(shop.get_with("/", &[("if-none-match", &tag)]).await.status, 304);
            let head = shop.ask(request("HEAD", "/", &[])).await;
            assert_eq!((head.status, head.text.as_str()), (200, ""));
            // Behind its window it is gone.
            test.clock().advance(Duration::from_secs(29));
            let answer = shop.get("/").await;
            assert!(answer.text != "good" && !answer.is_hit(), "{answer:?}");
        }
    }
}

/// What is no failure in the sense of RFC 5861 §4 says what the page is now.
#[tokio::test]
async fn another_answer_is_passed_on() {
    const ANSWERS: [Lines; 7] = [
        &[(":status", "404")],
        &[(":status", "403")],
        &[(":status", "429")],
        &[(":status", "501")],
        &[("cache-control", "private")],
        &[("cache-control", "no-store")],
        &[(":status", "303"), ("location", "/b")],
    ];
    for then in ANSWERS {
        let test = testing::isolate();
        let shop = shop(SAYS, then);
        shop.get("/").await;
        test.clock().advance(Duration::from_secs(61));
        assert_eq!(shop.get("/").await.text, "bad", "{then:?}");
    }
}

/// What a handler answers, one after the other; the last one from then on.
fn saying(answers: Vec<Lines>) -> Shop {
    saying_with(CacheResponses::builder("test"), answers)
}

fn saying_with(builder: Builder, answers: Vec<Lines>) -> Shop {
    let runs = AtomicUsize::new(0);
    Shop::with(builder, move |_| {
        let run = runs.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        response(answers[run], &format!("run {}", run + 1))
    })
}

/// A page that was withdrawn, or is not for all any more, does not come back when the handler fails later, whatever request the
/// handler said so to.
#[tokio::test]
async fn a_page_that_was_withdrawn_does_not_come_back() {
    const ENDS: [(Lines, bool); 14] = [
        (&[(":status", "404")], true),
        (&[(":status", "410")], true),
        (&[(":status", "451")], true),
        (&[(":status", "401")], true),
        (&[(":status", "403")], true),
        (&[(":status", "303"), ("location", "/b")], true),
        (&[("cache-control", "private, max-age=60")], true),
        (&[("cache-control", "no-store")], true),
        (&[("x-said", "nothing")], true),
        (&[(":status", "429")], false),
        (&[(":status", "408")], false),
        (&[(":status", "406")], false),
        (&[(":status", "501")], false),
        (&[(":status", "304")], false),
    ];
    for (answer, ends) in ENDS {
        for vary in [None, Some(("vary", "x"))] {
            for asking in [("GET", "x-none"), ("GET", "no-store"), ("HEAD", "x-none")] {
                let test = testing::isolate();
                let first: Vec<_> = SAYS.iter().copied().chain(vary).collect();
                let shop = saying(vec![first.leak(), answer, &[(":status", "503")]]);
                shop.get("/").await;
                test.clock().advance(Duration::from_secs(61));
                let asked = request(asking.0, "/", &[("cache-control", asking.1)]);
                assert!(!shop.ask(asked).await.is_hit());
                let after = shop.get("/").await;
                let expected = if ends { (503, "run 3") } else { (200, "run 1") };
                let got = (after.status, after.text.as_str());
                assert_eq!(got, expected, "{answer:?} {vary:?} {asking:?}");
            }
        }
    }
}

/// Requests whose answers are not stored run the handler as well, and learn that the page is what it was.
#[tokio::test]
async fn an_answer_that_would_be_stored_ends_nothing() {
    for asking in [("GET", "no-store"), ("HEAD", "x-none")] {
        let test = testing::isolate();
        let shop = saying(vec![SAYS, SAYS, &[(":status", "503")]]);
        shop.get("/").await;
        test.clock().advance(Duration::from_secs(61));
        shop.ask(request(asking.0, "/", &[("cache-control", asking.1)])).await;
        assert_eq!(shop.get("/").await.text, "run 1", "{asking:?}");
    }
}

#[tokio::test]
async fn a_response_that_does_not_allow_it_stands_in_for_nothing() {
    const SAID: [Lines; 6] = [
        &[("cache-control", "max-age=60")],
        &[("cache-control", "max-age=60, stale-if-error=30, must-revalidate")],
        &[("cache-control", "max-age=60, stale-if-error=30, proxy-revalidate")],
        &[("cache-control", "max-age=60, stale-if-error=30, no-cache")],
        &[("cache-control", "s-maxage=60, stale-if-error=30")],
        &[("cache-control", "max-age=60, stale-if-error=1")],
    ];
    for first in SAID {
        let test = testing::isolate();
        let shop = shop(first, &[(":status", "503")]);
        shop.get("/").await;
        test.clock().advance(Duration::from_secs(61));
        let answer = shop.get("/").await;
        assert_eq!((answer.status, answer.text.as_str()), (503, "bad"), "{first:?}");
    }
    let test = testing::isolate();
    let never = CacheResponses::builder("test").max_stale(Duration::ZERO);
    let shop = shop_with(never, SAYS, &[(":status", "503")]);
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(61));
    assert_eq!(shop.get("/").await.status, 503);
}

/// While it may be served without a failure, it is; then it stands in for one.
#[tokio::test]
async fn it_follows_stale_while_revalidate() {
    const SAID: Lines =
        &[("cache-control", "max-age=60, stale-while-revalidate=20, stale-if-error=40")];
    let test = testing::isolate();
    let shop = shop(SAID, &[(":status", "503")]);
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(70));
    assert_eq!(shop.get("/").await.header("cache-status"), "cachekit; hit; detail=stale");
    settle().await;
    assert_eq!(shop.runs(), 2, "behind the client's back");
    test.clock().advance(Duration::from_secs(10));
    let answer = shop.get("/").await;
    assert_eq!((answer.text.as_str(), answer.header("age"), shop.runs()), ("good", "80", 3));
    assert!(answer.header("cache-status").ends_with("fwd-status=503; detail=stale-if-error"));
    test.clock().advance(Duration::from_secs(20));
    assert_eq!(shop.get("/").await.status, 503);
}

/// It is served to those whom it may be given to, and no one else.
#[tokio::test]
async fn credentials_and_requests_count() {
    let test = testing::isolate();
    let shop =
        shop_with(CacheResponses::builder("test").obey_requests(true), SAYS, &[(":status", "503")]);
    shop.get("/").await;
    test.clock().advance(Duration::from_secs(61));
    for headers in [
        &[("authorization", "Basic MQ==")][..],
        &[("cookie", "id=1")],
        &[("cache-control", "no-cache")],
        &[("cache-control", "max-age=10")],
        &[("cache-control", "min-fresh=1")],
    ] {
        assert_eq!(shop.get_with("/", headers).await.status, 503, "{headers:?}");
    }
    assert_eq!(shop.get_with("/", &[("cache-control", "no-store")]).await.text, "good");
    assert_eq!(shop.get_with("/", &[("cache-control", "only-if-cached")]).await.status, 504);
    assert_eq!(shop.get("/").await.text, "good");
}

/// A request that refuses a stored response is a run over it as well: what the handler answers means the same.
#[tokio::test]
async fn a_run_that_a_request_asked_for_is_one_over_what_is_there() {
    const SAID: Lines =
        &[("cache-control", "max-age=60, stale-while-revalidate=60, stale-if-error=90")];
    const FAILURE: Lines = &[(":status", "503"), ("cache-control", "max-age=600")];
    const CASES: [(Lines, u64, &str); 7] = [
        // A failure replaces no page.
        (FAILURE, 0, "run 1"),
        (FAILURE, 61, "run 1"),
        // What is said of the page counts for a stale one.
        (&[(":status", "404")], 61, "run 3"),
        (&[("cache-control", "private")], 61, "run 3"),
        (&[(":status", "429")], 61, "run 1"),
        // A fresh one is good for as long as it says.
        (&[(":status", "404")], 0, "run 1"),
        (&[("cache-control", "private")], 0, "run 1"),
    ];
    for vary in [None, Some(("vary", "x"))] {
        for (answer, age, after) in CASES {
            let test = testing::isolate();
            let first: Vec<_> = SAID.iter().copied().chain(vary).collect();
            let builder = CacheResponses::builder("test").obey_requests(true);
            let shop = saying_with(builder, vec![first.leak(), answer, SAID]);
            shop.get("/").await;
            test.clock().advance(Duration::from_secs(age));
            let own = shop.get_with("/", &[("cache-control", "no-cache")]).await;
            assert_eq!(own.text, "run 2", "it wanted no other");
            let why = if age == 0 { "request" } else { "stale" };
            assert_eq!(own.header("cache-status"), format!("cachekit; fwd={why}"));
            assert_eq!(shop.get("/").await.text, after, "{answer:?} {age} {vary:?}");
        }
    }
}

/// One request is one look-up, also while the handler fails.
#[tokio::test]
async fn each_request_is_counted_once() {
    for vary in [None, Some(("vary", "x"))] {
        let test = testing::isolate();
        let first: Vec<_> = SAYS.iter().copied().chain(vary).collect();
        let shop = shop(first.leak(), &[(":status", "503")]);
        shop.get("/").await;
        let counted = || {
            let listed = crate::functions();
            let all = listed.iter().map(crate::Function::stats);
            all.fold((0, 0, 0), |sum, it| {
                (sum.0 + it.hits, sum.1 + it.stale_hits, sum.2 + it.misses)
            })
        };
        let before = counted();
        for _ in 0..3 {
            assert!(shop.get("/").await.is_hit());
        }
        let fresh = counted();
        assert_eq!((fresh.0 - before.0, fresh.1, fresh.2), (3, before.1, before.2), "{vary:?}");
        test.clock().advance(Duration::from_secs(61));
        for _ in 0..5 {
            assert_eq!(shop.get("/").await.text, "good");
        }
        let failing = counted();
        assert_eq!((failing.0, failing.1, failing.2 - fresh.2), (fresh.0, fresh.1, 5), "{vary:?}");
        // Those whose answers are not stored look for no more than what is there.
        let head = shop.ask(request("HEAD", "/", &[])).await;
        let no_store = shop.get_with("/", &[("cache-control", "no-store")]).await;
        assert_eq!((head.status, no_store.text.as_str()), (200, "good"));
        assert_eq!(counted().2, failing.2);
    }
}

#[cfg(feature = "shared")]
#[tokio::test]
async fn what_another_process_stored_stands_in_as_well() {
    use crate::testing::Scope;

    let backend = Arc::new(cachekit_io::MemoryBackend::new());
    let machine = || Scope::new().with_backend(Arc::clone(&backend) as _);
    let (a, b) = (machine(), machine());
    let clock = a.clock().clone();
    // A millisecond is left of its freshness once it is read.
    let first = a.run(|| {
        Shop::with(CacheResponses::builder("test"), move |_| {
            let mut answer =
                response(&[("cache-control", "max-age=60, stale-if-error=30")], "good");
            answer.body_mut().pending = Some(Pending(clock.clone(), Duration::from_millis(59_999)));
            answer
        })
    });
    first.get("/").await;
    let_the_world_age();
    let failing = b.run(|| {
        Shop::with(CacheResponses::builder("test"), |_| response(&[(":status", "503")], "bad"))
    });
    for _ in 0..3 {
        let answer = failing.get("/").await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "good"));
        assert!(answer.header("cache-status").ends_with("detail=stale-if-error"));
    }
    assert_eq!(failing.runs(), 3);
    assert!(failing.cache.invalidate("http://shop.example/").await.unwrap().is_confirmed());
    assert_eq!(failing.get("/").await.status, 503);
}
