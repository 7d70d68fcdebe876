//! Which requests a stored response answers: methods, targets, variants, credentials, and what they say of caching.

use std::time::Duration;

use super::*;
use crate::responses::Authority;
use crate::testing;

const FRESH: &[(&str, &str)] = &[("cache-control", "max-age=60")];

#[tokio::test]
async fn a_stored_get_answers_get_and_head() {
    let _test = testing::isolate();
    let shop = Shop::saying(FRESH);
    let head = shop.ask(request("HEAD", "/a", &[])).await;
    assert_eq!((head.status, shop.runs()), (200, 1), "nothing is stored: the handler answers");
    assert_eq!(shop.cache.stats().entries, 0, "and its answer is not stored");
    let first = shop.get("/a").await;
    assert_eq!((first.text.as_str(), first.header("age")), ("run 2", ""));
    assert_eq!(first.header("cache-status"), "cachekit; fwd=uri-miss");
    let second = shop.get("/a").await;
    assert_eq!((second.text.as_str(), second.header("age")), ("run 2", "0"));
    assert_eq!(second.header("cache-status"), "cachekit; hit; ttl=60");
    assert_eq!(second.header("content-length"), "5");
    let head = shop.ask(request("HEAD", "/a", &[])).await;
    assert_eq!((head.text.as_str(), head.header("content-length"), shop.runs()), ("", "5", 2));
    let stats = shop.cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.passes), (2, 1, 1));
}

#[tokio::test]
async fn what_is_no_get_passes() {
    let _test = testing::isolate();
    let shop = Shop::saying(FRESH);
    shop.get("/").await;
    for (method, headers) in [
        ("OPTIONS", &[][..]),
        ("TRACE", &[]),
        ("GET", &[("range", "bytes=0-1")]),
        ("GET", &[("range", "bytes=0-1"), ("if-range", "\"1\"")]),
        ("GET", &[("if-match", "\"1\"")]),
        ("GET", &[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT")]),
        ("GET", &[("upgrade", "websocket"), ("connection", "upgrade")]),
        ("GET", &[("content-length", "3")]),
        ("GET", &[("transfer-encoding", "chunked")]),
    ] {
        let before = shop.runs();
        assert!(!shop.ask(request(method, "/", headers)).await.is_hit());
        assert_eq!(shop.runs(), before + 1, "{method} {headers:?}");
    }
    let with_body = Request::get("http://shop.example/").body(Full::from("query")).unwrap();
    let before = shop.runs();
    shop.ask(with_body).await;
    assert_eq!(shop.runs(), before + 1, "a handler may answer by it");
    assert_eq!(shop.get("/").await.text, "run 1", "and what was stored is still there");
}

#[tokio::test]
async fn each_target_has_its_own() {
    let _test = testing::isolate();
    let shop = Shop::saying(FRESH);
    let mut expected = 0;
    for target in ["/", "/a", "/a?", "/a?b", "/a?b=1", "/A", "/a%2Fb", "/a/", "//a"] {
        expected += 1;
        let text = format!("run {expected}");
        assert_eq!(shop.get(target).await.text, text, "{target}");
        assert_eq!(shop.get(target).await.text, text, "{target}");
    }
    // The same host in another case is the same; any other is not.
    for (uri, host, run) in [
        // Nor is the scheme, where it is seen; its default port says no more.
        ("/", Some("shop.example"), "run 10"),
        ("/", Some("SHOP.example"), "run 10"),
        ("https://shop.example/", None, "run 11"),
        ("https://shop.example:443/", None, "run 11"),
        ("http://shop.example:80/", None, "run 1"),
        ("http://shop.example:443/", None, "run 12"),
        ("http://shop.example", None, "run 1"),
        ("http://shop.example/", Some("shop.example"), "run 1"),
        ("/", Some("evil.example"), "run 13"),
        ("/", Some("shop.example:80"), "run 14"),
        ("/", None, "run 15"),
        ("/", Some("evil.example"), "run 13"),
    ] {
        let mut request = Request::get(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let answer = shop.ask(request.body(Full::default()).unwrap()).await;
        assert_eq!(answer.text, run, "{uri} {host:?}");
    }
}

#[tokio::test]
async fn an_unclear_host_is_not_cached() {
    let _test = testing::isolate();
    let shop = Shop::saying(FRESH);
    for (uri, hosts) in [
        ("http://shop.example/", &["evil.example"][..]),
        ("/", &["shop.example", "evil.example"]),
        ("/", &["shop.example/x"]),
        ("/", &["user@shop.example"]),
    ] {
        for _ in 0..2 {
            let mut request = Request::get(uri);
            for host in hosts {
                request = request.header("host", *host);
            }
            let answer = shop.ask(request.body(Full::default()).unwrap()).await;
            assert_eq!(answer.header("cache-status"), "cachekit; fwd=bypass; detail=authority");
        }
    }
    assert_eq!((shop.runs(), shop.cache.stats().entries), (8, 0));
}

#[tokio::test]
async fn hosts_may_be_listed_or_ignored() {
    let _test = testing::isolate();
    let of = |host: &str| Request::get("/").header("host", host).body(Full::default()).unwrap();
    let listed = Authority::OneOf(vec!["Shop.example".to_owned()]);
    let shop = Shop::saying_with(CacheResponses::builder("test").authority(listed), FRESH);
    for host in ["shop.example", "evil.example", "evil.example", "shop.example"] {
        shop.ask(of(host)).await;
    }
    assert_eq!((shop.runs(), shop.cache.stats().hits), (3, 1));
    assert_eq!(shop.cache.invalidate("/").await.unwrap().removed(), 1);

    let ignored = CacheResponses::builder("test").authority(Authority::Ignored);
    let shop = Shop::saying_with(ignored, FRESH);
    for host in ["shop.example", "www.shop.example"] {
        shop.ask(of(host)).await;
    }
    assert_eq!(shop.runs(), 1);
}

#[tokio::test]
async fn partitions_are_kept_apart() {
    let _test = testing::isolate();
    let by_tenant = CacheResponses::builder("test")
        .partition(|request| request.headers.get("x-tenant")?.to_str().ok().map(str::to_owned));
    let shop = Shop::saying_with(by_tenant, FRESH);
    let (a, b) = ([("x-tenant", "a")], [("x-tenant", "b")]);
    assert_eq!(shop.get_with("/", &a).await.text, "run 1");
    assert_eq!(shop.get_with("/", &b).await.text, "run 2");
    assert_eq!(shop.get("/").await.text, "run 3");
    assert_eq!(shop.get("/").await.text, "run 4", "without a partition nothing is cached");
    assert_eq!(shop.get_with("/", &a).await.text, "run 1");
    shop.ask(request("PUT", "/", &b)).await;
    assert_eq!(shop.get_with("/", &a).await.text, "run 1", "a change counts in its own");
    assert_eq!(shop.get_with("/", &b).await.text, "run 6");
    assert!(shop.cache.invalidate_in("a", "http://shop.example/").await.unwrap().was_cached());
    assert!(!shop.cache.invalidate("http://shop.example/").await.unwrap().was_cached());
    assert_eq!(shop.get_with("/", &a).await.text, "run 7");
}

#[tokio::test]
async fn a_router_may_have_changed_the_uri() {
    let _test = testing::isolate();
    let original = CacheResponses::builder("test")
        .target(|request| request.extensions.get::<http::Uri>().unwrap().clone());
    let shop = Shop::saying_with(original, FRESH);
    for (path, run) in [("/a/x", "run 1"), ("/b/x", "run 2"), ("/a/x", "run 1")] {
        let mut request = request("GET", "/x", &[]);
        request.extensions_mut().insert(path.parse::<http::Uri>().unwrap());
        assert_eq!(shop.ask(request).await.text, run);
    }
}

#[tokio::test]
async fn responses_vary() {
    let _test = testing::isolate();
    let shop = Shop::with(CacheResponses::builder("test"), |request| {
        let said = |name| request.headers().get(name).map_or("-", |value| value.to_str().unwrap());
        let text = format!("{} {}", said("accept-language"), said("x-mode"));
        response(&[("cache-control", "max-age=60"), ("vary", "Accept-Language, X-Mode")], &text)
    });
    for (headers, text, runs) in [
        (&[("accept-language", "de"), ("x-mode", "1")][..], "de 1", 1),
        (&[("accept-language", "fr"), ("x-mode", "1")], "fr 1", 2),
        (&[("accept-language", "de"), ("x-mode", "1"), ("x-other", "1")], "de 1", 2),
        (&[("accept-language", "DE"), ("x-mode", "1")], "de 1", 2),
        (&[("accept-language", "de"), ("x-mode", "")], "de ", 3),
        (&[("accept-language", "de")], "de -", 4),
        (&[("accept-language", "de"), ("x-mode", "a")], "de a", 5),
        (&[("accept-language", "de"), ("x-mode", "A")], "de A", 6),
        (&[("accept-language", "de , fr"), ("x-mode", "1")], "de , fr 1", 7),
        (&[("accept-language", "de"), ("accept-language", "FR"), ("x-mode", "1")], "de , fr 1", 7),
        (&[("accept-language", "fr"), ("x-mode", "1")], "fr 1", 7),
    ] {
        let answer = shop.get_with("/", headers).await;
        assert_eq!((answer.text.as_str(), shop.runs()), (text, runs), "{headers:?}");
    }
    // One invalidation takes all of them.
    shop.cache.invalidate("http://shop.example/").await.unwrap().ignore();
    shop.get_with("/", &[("accept-language", "fr"), ("x-mode", "1")]).await;
    shop.get_with("/", &[("accept-language", "de"), ("x-mode", "1")]).await;
    assert_eq!(shop.runs(), 9);
}

#[tokio::test]
async fn no_more_variants_than_that() {
    let test = testing::isolate();
    let few = CacheResponses::builder("test").max_variants(2);
    let shop = Shop::saying_with(few, &[("cache-control", "max-age=60"), ("vary", "x")]);
    for x in ["1", "2", "3", "4", "1", "2", "3"] {
        shop.get_with("/", &[("x", x)]).await;
    }
    assert_eq!((shop.runs(), shop.cache.stats().hits), (5, 2));
    test.clock().advance(Duration::from_secs(61));
    for x in ["3", "4", "3", "4"] {
        shop.get_with("/", &[("x", x)]).await;
    }
    assert_eq!((shop.runs(), shop.cache.stats().hits), (7, 4), "expired ones make room");
}

/// The handler does not say the same `Vary` each time.
#[tokio::test]
async fn what_varies_on_more_than_was_known_is_stored_under_all_of_it() {
    let _test = testing::isolate();
    let shop = Shop::with(CacheResponses::builder("test"), |request| {
        let said = |name| request.headers().get(name).map_or("-", |value| value.to_str().unwrap());
        let vary = if said("a") == "1" { "a, b" } else { "a" };
        response(
            &[("cache-control", "max-age=60"), ("vary", vary)],
            &format!("{} {}", said("a"), said("b")),
        )
    });
    for round in 0..4 {
        for (a, b) in [("0", "0"), ("1", "0"), ("1", "1"), ("0", "1")] {
            let answer = shop.get_with("/", &[("a", a), ("b", b)]).await;
            let expected = format!("{a} {b}");
            // `a: 0` does not vary on `b`.
            assert!(
                answer.text == expected || a == "0" && answer.text.starts_with('0'),
                "{round} {a} {b}: {}",
                answer.text
            );
        }
    }
    let runs = shop.runs();
    for (a, b) in [("0", "0"), ("1", "0"), ("1", "1"), ("0", "1")] {
        assert!(shop.get_with("/", &[("a", a), ("b", b)]).await.is_hit());
    }
    assert_eq!(shop.runs(), runs);
}

#[tokio::test]
async fn a_response_for_some_is_given_to_nobody_else() {
    let _test = testing::isolate();
    let cookie = [("cookie", "id=1")];
    let authorization = [("authorization", "Basic eDp5")];
    let shop = Shop::saying(FRESH);
    shop.get("/").await;
    assert_eq!(shop.get_with("/", &cookie).await.text, "run 2");
    assert_eq!(shop.get_with("/", &authorization).await.text, "run 3");
    assert_eq!(shop.get("/").await.text, "run 1", "nor is theirs stored");
    for asked in [&cookie[..], &authorization] {
        let shop = Shop::saying(&[("cache-control", "max-age=60, public")]);
        shop.get_with("/", asked).await;
        assert!(shop.get_with("/", asked).await.is_hit() && shop.get("/").await.is_hit());
    }
    let by_cookie = Shop::saying(&[("cache-control", "max-age=60"), ("vary", "cookie")]);
    by_cookie.get_with("/", &cookie).await;
    assert!(by_cookie.get_with("/", &cookie).await.is_hit());
    assert!(!by_cookie.get_with("/", &[("cookie", "id=2")]).await.is_hit());
    let ignored = CacheResponses::builder("test").ignore_cookies(true);
    let shop = Shop::saying_with(ignored, FRESH);
    shop.get_with("/", &cookie).await;
    assert!(shop.get_with("/", &[("cookie", "id=2")]).await.is_hit());
}

#[tokio::test]
async fn what_requests_say_counts_if_it_is_to() {
    let test = testing::isolate();
    let asked = |value: &'static str| [("cache-control", value)];
    let deaf = Shop::saying(FRESH);
    deaf.get("/").await;
    for said in ["no-cache", "max-age=0", "min-fresh=90", "only-if-cached", "no-store"] {
        assert!(deaf.get_with("/", &asked(said)).await.is_hit(), "{said}");
    }
    assert_eq!(deaf.get_with("/b", &asked("only-if-cached")).await.status, 200);
    deaf.get_with("/c", &asked("no-store")).await;
    assert!(!deaf.get("/c").await.is_hit(), "§5.2.1.5: a MUST NOT");

    let obeys = CacheResponses::builder("test").obey_requests(true);
    let shop = Shop::saying_with(obeys, FRESH);
    let none = shop.get_with("/", &asked("only-if-cached")).await;
    assert_eq!((none.status, shop.runs()), (504, 0), "§5.2.1.7");
    assert_eq!(shop.get("/").await.text, "run 1");
    assert_eq!(shop.get_with("/", &asked("only-if-cached")).await.text, "run 1");
    test.clock().advance(Duration::from_secs(10));
    assert_eq!(shop.get("/").await.header("age"), "10");
    assert_eq!(shop.get_with("/", &asked("max-age=10, min-fresh=50")).await.text, "run 1");
    assert_eq!(shop.get_with("/", &asked("only-if-cached, max-age=9")).await.status, 504);
    assert_eq!(shop.get_with("/", &asked("max-age=9")).await.text, "run 2", "§5.2.1.1");
    let fresh = shop.get("/").await;
    assert_eq!(
        (fresh.text.as_str(), fresh.header("age")),
        ("run 2", "0"),
        "it replaces the old one"
    );
    test.clock().advance(Duration::from_secs(10));
    assert_eq!(shop.get_with("/", &asked("min-fresh=51")).await.text, "run 3", "§5.2.1.3");
    assert_eq!(shop.get_with("/", &asked("no-cache")).await.text, "run 4", "§5.2.1.4");
    assert_eq!(shop.get_with("/", &[("pragma", "no-cache")]).await.text, "run 5", "§5.4");
    assert_eq!(shop.get("/").await.text, "run 5");
}

#[tokio::test]
async fn it_is_listed_like_a_function() {
    let _test = testing::isolate();
    let shop = Shop::saying_with(CacheResponses::builder("listed").capacity(1 << 20), FRESH);
    shop.get("/").await;
    shop.get("/").await;
    let all = crate::functions();
    let listed: Vec<_> = all.iter().filter(|function| function.name() == "listed").collect();
    assert_eq!(listed.len(), 1);
    assert!(
        listed[0].file().ends_with("requests.rs") && listed[0].module() == "cachekit::responses"
    );
    assert_eq!((listed[0].stats().hits, listed[0].stats().loads), (1, 1));
    // A second one of the name counts with it; one that is gone does not.
    let second = Shop::saying_with(CacheResponses::builder("listed").capacity(1 << 20), FRESH);
    second.get("/").await;
    assert_eq!(listed[0].stats().loads, 2);
    drop(second);
    assert_eq!(listed[0].stats().loads, 1);
    assert_eq!(listed[0].clear_local(), 1);
    assert_eq!(shop.cache.stats().entries, 0);
}

#[tokio::test]
async fn a_cache_that_is_off_leaves_everything_to_the_handler() {
    let _test = testing::Scope::disabled().enter();
    let shop = Shop::saying(FRESH);
    shop.get("/").await;
    assert_eq!(shop.get("/").await.header("cache-status"), "cachekit; fwd=bypass; detail=off");
    let shop =
        Shop::saying_with(CacheResponses::builder("test").capacity(0).cache_status(false), FRESH);
    shop.get("/").await;
    assert_eq!(shop.get("/").await.header("cache-status"), "");
    assert_eq!(shop.runs(), 2);
}

/// RFC 9111 §5.2.1.7, on every way that leads to the handler.
#[tokio::test]
async fn only_if_cached_runs_no_handler() {
    let _test = testing::isolate();
    let only = ("cache-control", "only-if-cached");
    let obeys = || CacheResponses::builder("test").obey_requests(true);
    let marked = Shop::saying_with(obeys(), &[("cache-control", "no-store")]);
    marked.get("/").await;
    assert_eq!(marked.get_with("/", &[only]).await.status, 504, "not stored before");
    assert_eq!(marked.runs(), 1);
    let shop = Shop::saying_with(obeys(), FRESH);
    shop.get("/").await;
    for credentials in [("cookie", "id=1"), ("authorization", "Basic eDp5")] {
        assert_eq!(shop.get_with("/", &[only, credentials]).await.status, 504, "{credentials:?}");
    }
    assert_eq!(shop.runs(), 1);
}

/// What layers tell each other about a response.
#[tokio::test]
async fn extensions_reach_the_client_whose_handler_ran() {
    #[derive(Clone, Debug, PartialEq)]
    struct Told(u32);
    let _test = testing::isolate();
    for (said, headers, status) in [
        ("max-age=60", &[][..], 200),
        ("max-age=60", &[("if-none-match", "\"1\"")], 304),
        ("no-cache", &[], 200),
        ("no-cache", &[("if-none-match", "\"1\"")], 304),
    ] {
        let shop = Shop::with(CacheResponses::builder("test"), move |_| {
            let mut answer = response(&[("cache-control", said), ("etag", "\"1\"")], "text");
            answer.extensions_mut().insert(Told(7));
            answer
        });
        let mut service = shop.service.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let first = service.call(request("GET", "/", headers)).await.unwrap();
        assert_eq!(first.status(), status);
        assert_eq!(first.extensions().get(), Some(&Told(7)), "{said} {status}");
        let second = service.call(request("GET", "/", &[])).await.unwrap();
        assert_eq!(
            second.extensions().get::<Told>().is_some(),
            said == "no-cache",
            "hits have none"
        );
    }
}

/// A response that is not stored in the end takes no place of a variant.
#[tokio::test]
async fn a_body_that_fails_takes_no_variants_place() {
    let _test = testing::isolate();
    let few = CacheResponses::builder("test").max_variants(2);
    let shop = Shop::with(few, |request| {
        let said = [("cache-control", "max-age=60"), ("vary", "x")];
        let mut answer = response(&said, "text");
        if request.headers()["x"] == "broken" {
            answer.headers_mut().insert("content-length", "7".parse().unwrap());
        }
        answer
    });
    for x in ["1", "broken", "2"] {
        shop.get_with("/", &[("x", x)]).await;
    }
    assert!(shop.get_with("/", &[("x", "2")]).await.is_hit());
    assert_eq!(shop.runs(), 3);
}

/// A handler may see what the client wrote: so the answer to an unusual spelling is for its own client only.
#[tokio::test]
async fn odd_spellings_pass() {
    let _test = testing::isolate();
    let shop = Shop::saying(FRESH);
    for path in ["/%61", "/a/../b", "/a/%2e%2E/b", "/a/.", "/%c3%A9", "/?%7E"] {
        for _ in 0..2 {
            let answer = shop.get(path).await;
            assert_eq!(
                answer.header("cache-status"),
                "cachekit; fwd=bypass; detail=spelling",
                "{path}"
            );
        }
    }
    for path in ["/%C3%A9", "/%c3%a9", "/?%2F=..", "/a..b/.c", "/%zz"] {
        shop.get(path).await;
        assert!(shop.get(path).await.is_hit(), "{path}");
    }
    let other = Request::get("ftp://shop.example/").body(Full::default()).unwrap();
    assert!(shop.ask(other).await.header("cache-status").ends_with("detail=target"));
}
