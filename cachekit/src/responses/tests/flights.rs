//! Requests at the same time: one runs the handler, and a response that is not for all goes to its own client only.

use http_body::Frame;
use tokio::sync::Semaphore;

use super::*;
use crate::testing;

/// A handler that waits for a gate, and whose body names the client.
pub(super) fn gated(
    builder: Builder,
    answer: impl Fn(&str) -> Response<Frames> + Clone + Send + Sync + 'static,
) -> (Shop, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let by = Arc::clone(&gate);
    let shop = Shop::later(builder, move |request| {
        let (gate, answer) = (Arc::clone(&by), answer.clone());
        async move {
            gate.acquire().await.unwrap().forget();
            let client = request.headers()["x-client"].to_str().unwrap().to_owned();
            if request.headers().contains_key("x-fail") {
                return Err(client);
            }
            Ok(answer(&client))
        }
    });
    (shop, gate)
}

pub(super) type Running = Vec<(String, tokio::task::JoinHandle<Answer>)>;

/// One request of each of these clients, all of which are on their way.
pub(super) async fn all_at_once(shop: &Shop, clients: &[(&str, &[(&str, &str)])]) -> Running {
    let mut running = Vec::new();
    for (client, headers) in clients {
        let mut request = request("GET", "/", headers);
        request.headers_mut().insert("x-client", client.parse().unwrap());
        running.push(((*client).to_owned(), tokio::spawn(shop.ask(request))));
        settle().await;
    }
    running
}

#[tokio::test]
async fn one_run_answers_all_who_wait() {
    let _test = testing::isolate();
    let (shop, gate) = gated(CacheResponses::builder("test"), |client| {
        response(&[("cache-control", "max-age=60")], client)
    });
    let running = all_at_once(&shop, &[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])]).await;
    assert_eq!(shop.runs(), 1);
    gate.add_permits(10);
    for (_, answer) in running {
        assert_eq!(answer.await.unwrap().text, "a");
    }
    assert_eq!(shop.runs(), 1);
    let stats = shop.cache.stats();
    assert_eq!((stats.misses, stats.hits), (1, 3));
}

/// The point of it all: every way in which a response turns out not to be for others.
#[tokio::test]
async fn what_is_not_stored_is_given_to_no_waiter() {
    const MAX: (&str, &str) = ("cache-control", "max-age=60");
    type Makes = fn(&str) -> Response<Frames>;
    let ways: &[(&str, Makes)] = &[
        ("private", |client| response(&[("cache-control", "private, max-age=60")], client)),
        ("no-store", |client| response(&[("cache-control", "no-store")], client)),
        ("no-cache", |client| response(&[("cache-control", "no-cache")], client)),
        ("nothing said", |client| response(&[], client)),
        ("malformed", |client| response(&[("cache-control", "max-age=60;")], client)),
        ("Set-Cookie", |client| response(&[MAX, ("set-cookie", "id=1")], client)),
        ("Vary: *", |client| response(&[MAX, ("vary", "*")], client)),
        ("an error", |client| response(&[(":status", "500")], client)),
        ("a part", |client| response(&[(":status", "206"), MAX], client)),
        ("events", |client| response(&[MAX, ("content-type", "text/event-stream")], client)),
        ("too long", |client| {
            let mut answer = response(&[MAX], client);
            let rest = Frame::data(Bytes::from("x".repeat(100)));
            answer.body_mut().frames.push_back(Ok(rest));
            answer
        }),
        ("another length", |client| response(&[MAX, ("content-length", "9")], client)),
        ("trailers", |client| {
            let mut answer = response(&[MAX], client);
            answer.body_mut().frames.push_back(Ok(Frame::trailers(http::HeaderMap::new())));
            answer
        }),
        ("a body that fails", |client| {
            let mut answer = response(&[MAX], client);
            answer.body_mut().frames.push_back(Err("broken".to_owned()));
            answer
        }),
    ];
    for (way, answer) in ways {
        let _test = testing::isolate();
        let (shop, gate) = gated(CacheResponses::builder("test").max_body(50), *answer);
        let clients = ["a", "b", "c", "d", "e"].map(|client| (client, &[][..]));
        let running = all_at_once(&shop, &clients).await;
        assert_eq!(shop.runs(), 1, "{way}: the others wait");
        gate.add_permits(1);
        settle().await;
        // None of them waits for a second one in vain.
        assert!(shop.runs() >= 4, "{way}: {}", shop.runs());
        gate.add_permits(10);
        for (client, answer) in running {
            let answer = answer.await.unwrap();
            assert!(answer.text.starts_with(&client), "{way}: {client} got {:?}", answer.text);
            assert!(!answer.is_hit(), "{way}");
        }
        assert_eq!((shop.runs(), shop.cache.stats().entries), (5, 0), "{way}");
        // From now on no request waits for another one.
        let running = all_at_once(&shop, &[("f", &[]), ("g", &[]), ("h", &[])]).await;
        assert_eq!(shop.runs(), 8, "{way}");
        gate.add_permits(10);
        for (client, answer) in running {
            assert!(answer.await.unwrap().text.starts_with(&client), "{way}");
        }
    }
}

#[tokio::test]
async fn a_handler_that_fails_fails_for_its_own_client() {
    let _test = testing::isolate();
    let (shop, gate) = gated(CacheResponses::builder("test"), |client| {
        response(&[("cache-control", "max-age=60")], client)
    });
    let fails = &[("x-fail", "1")][..];
    let running = all_at_once(&shop, &[("a", fails), ("b", &[]), ("c", fails), ("d", &[])]).await;
    gate.add_permits(10);
    for (client, answer) in running {
        let answer = answer.await.unwrap();
        match client.as_str() {
            "a" | "c" => assert!(answer.failed.is_none_or(|failed| failed == client)),
            _ => assert!(["b", "d"].contains(&answer.text.as_str())),
        }
    }
}

/// Those with a cookie or `Authorization` wait with the others, and use what they may.
#[tokio::test]
async fn credentials_are_not_mixed() {
    let clients: &[(&str, &[(&str, &str)])] = &[
        ("anonymous", &[]),
        ("cookie-1", &[("cookie", "id=1")]),
        ("cookie-2", &[("cookie", "id=2")]),
        ("user-1", &[("authorization", "Basic MQ==")]),
        ("user-2", &[("authorization", "Basic Mg==")]),
        ("both", &[("authorization", "Basic Mw=="), ("cookie", "id=3")]),
        ("another", &[]),
    ];
    // Each of them leads once.
    for first in 0..clients.len() {
        let _test = testing::isolate();
        let mut order = clients.to_vec();
        order.rotate_left(first);
        let (shop, gate) = gated(CacheResponses::builder("test"), |client| {
            response(&[("cache-control", "max-age=60")], client)
        });
        for _ in 0..2 {
            let running = all_at_once(&shop, &order).await;
            gate.add_permits(100);
            for (client, answer) in running {
                let text = answer.await.unwrap().text;
                let anonymous = ["anonymous", "another"];
                if anonymous.contains(&client.as_str()) {
                    assert!(anonymous.contains(&text.as_str()), "{client} got {text}");
                } else {
                    assert_eq!(text, client);
                }
            }
            gate.forget_permits(100);
        }
        assert!(shop.cache.stats().hits > 0, "the two without are one");
    }
}

#[tokio::test]
async fn waiters_with_other_variants_run_their_own() {
    let _test = testing::isolate();
    let (shop, gate) = gated(CacheResponses::builder("test"), |client| {
        let lang = client.split('-').next().unwrap();
        response(&[("cache-control", "max-age=60"), ("vary", "x-lang")], lang)
    });
    let lang = |lang| [("x-lang", lang)];
    let (de, fr, it) = (lang("de"), lang("fr"), lang("it"));
    let clients: &[(&str, &[(&str, &str)])] =
        &[("de-1", &de), ("fr-1", &fr), ("de-2", &de), ("it-1", &it), ("fr-2", &fr), ("it-2", &it)];
    let running = all_at_once(&shop, clients).await;
    assert_eq!(shop.runs(), 1, "that they vary is not known yet");
    gate.add_permits(1);
    settle().await;
    assert_eq!(shop.runs(), 3, "one for each variant");
    gate.add_permits(10);
    for (client, answer) in running {
        let text = answer.await.unwrap().text;
        assert!(client.starts_with(&text), "{client} got {text}");
    }
    assert_eq!(shop.runs(), 3);
}

/// What the leader of a variant finds out: its response varies on more.
#[tokio::test]
async fn a_variant_that_varies_on_more_is_given_to_no_waiter() {
    let _test = testing::isolate();
    let (shop, gate) = gated(CacheResponses::builder("test"), |client| {
        let vary = if client == "first" { "x-lang" } else { "x-lang, x-client" };
        response(&[("cache-control", "max-age=60"), ("vary", vary)], client)
    });
    gate.add_permits(1);
    let first = all_at_once(&shop, &[("first", &[("x-lang", "de")])]).await;
    drop(first);
    let fr = [("x-lang", "fr")];
    let clients = ["a", "b", "c"].map(|client| (client, &fr[..]));
    let running = all_at_once(&shop, &clients).await;
    gate.add_permits(20);
    for (client, answer) in running {
        assert_eq!(answer.await.unwrap().text, client);
    }
    // Once known, they are stored so.
    for client in ["a", "b", "c", "a", "b", "c"] {
        let asked = [("x-lang", "fr"), ("x-client", client)];
        assert_eq!(shop.get_with("/", &asked).await.text, client);
    }
    assert!(shop.cache.stats().hits >= 3, "{:?}", shop.cache.stats());
}

/// Runs that began under a rule that is gone leave the one in its place alone.
#[tokio::test]
async fn runs_of_an_outdated_rule_end_no_newer_one() {
    let _test = testing::isolate();
    let gate = Arc::new(Semaphore::new(0));
    let by = Arc::clone(&gate);
    let shop = Shop::later(CacheResponses::builder("test"), move |request| {
        let gate = Arc::clone(&by);
        async move {
            let is_first = request.headers().contains_key("x-first");
            if request.headers().contains_key("x-waits") {
                gate.acquire().await.unwrap().forget();
            }
            let vary = if is_first { "x-lang" } else { "x-lang, x-mode" };
            Ok(response(&[("cache-control", "max-age=60"), ("vary", vary)], "text"))
        }
    });
    shop.get_with("/", &[("x-lang", "de"), ("x-first", "1")]).await;
    let old: Vec<_> = ["fr", "it", "es"]
        .map(|lang| {
            let asked = [("x-lang", lang), ("x-waits", "1")];
            tokio::spawn(shop.ask(request("GET", "/", &asked)))
        })
        .into();
    settle().await;
    assert_eq!(shop.runs(), 4);
    gate.add_permits(1);
    settle().await;
    assert_eq!(old.iter().filter(|asked| asked.is_finished()).count(), 1);
    // The rule that varies on both.
    shop.get_with("/", &[("x-lang", "de")]).await;
    assert!(shop.get_with("/", &[("x-lang", "de")]).await.is_hit());
    gate.add_permits(2);
    for asked in old {
        asked.await.unwrap();
    }
    assert!(shop.get_with("/", &[("x-lang", "de")]).await.is_hit(), "it is still there");
    assert_eq!(shop.runs(), 5);
}
