//! Requests that change what is stored (RFC 9111 §4.4).

use tokio::sync::Semaphore;

use super::*;
use crate::testing;

/// `GET` says the version; any other method makes the next one, and answers with the status in `x-status`. What is in
/// `x-wait` waits for the gate.
struct Versions {
    shop: Shop,
    version: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Versions {
    fn new() -> Self {
        let (version, gate) = (Arc::new(AtomicUsize::new(1)), Arc::new(Semaphore::new(0)));
        let (of, by) = (Arc::clone(&version), Arc::clone(&gate));
        let shop = Shop::later(CacheResponses::builder("test"), move |request| {
            let (version, gate) = (Arc::clone(&of), Arc::clone(&by));
            async move {
                let is_get = matches!(request.method().as_str(), "GET" | "HEAD");
                let read = version.load(Ordering::SeqCst);
                if !is_get {
                    version.store(read + 1, Ordering::SeqCst);
                }
                if request.headers().contains_key("x-wait") {
                    gate.acquire().await.unwrap().forget();
                }
                let said = |name| request.headers().get(name).map(|value| value.to_str().unwrap());
                match said("x-status") {
                    Some("fail") => Err("failed".to_owned()),
                    Some("panic") => panic!("on purpose"),
                    Some(status) => Ok(response(
                        &[
                            (":status", status),
                            ("location", said("x-location").unwrap_or("/elsewhere")),
                            (
                                "content-location",
                                said("x-content-location").unwrap_or("/elsewhere"),
                            ),
                        ],
                        "",
                    )),
                    None => Ok(response(
                        &[("cache-control", "max-age=60"), ("vary", "x-lang")],
                        &format!("version {read}"),
                    )),
                }
            }
        });
        Self { shop, version, gate }
    }

    async fn read(&self, path: &str) -> String {
        self.shop.get(path).await.text
    }

    async fn change(&self, method: &str, headers: &[(&str, &str)]) -> Answer {
        self.shop.ask(request(method, "/a", headers)).await
    }
}

#[tokio::test]
async fn a_change_invalidates_its_target() {
    let _test = testing::isolate();
    for (method, status, changes) in [
        ("PUT", "200", true),
        ("POST", "201", true),
        ("PATCH", "204", true),
        ("DELETE", "303", true),
        ("FROB", "200", true),
        // A refused one has changed nothing.
        ("PUT", "401", false),
        ("PUT", "404", false),
        // The others do not say: the handler may have been stopped half-way.
        ("PUT", "408", true),
        ("PUT", "499", true),
        ("PUT", "500", true),
        ("PUT", "fail", true),
    ] {
        let versions = Versions::new();
        let lang = [("x-lang", "de")];
        assert_eq!(versions.read("/a").await, "version 1");
        versions.shop.get_with("/a", &lang).await;
        versions.shop.get("/b").await;
        versions.change(method, &[("x-status", status)]).await;
        let expected = if changes { "version 2" } else { "version 1" };
        assert_eq!(versions.read("/a").await, expected, "{method} {status}");
        assert_eq!(versions.shop.get_with("/a", &lang).await.text, expected, "and its variants");
        assert_eq!(versions.read("/b").await, "version 1", "and no other target");
    }
}

#[tokio::test]
async fn a_change_invalidates_what_its_answer_names_at_the_same_host() {
    let _test = testing::isolate();
    let versions = Versions::new();
    for path in ["/b", "/c?x=1", "/d"] {
        versions.read(path).await;
    }
    let answer = [
        ("x-status", "201"),
        ("x-location", "http://shop.example/b"),
        ("x-content-location", "/c?x=1"),
    ];
    versions.change("POST", &answer).await;
    assert_eq!(versions.read("/b").await, "version 2");
    assert_eq!(versions.read("/c?x=1").await, "version 2");
    let other = [("x-status", "201"), ("x-location", "http://other.example/d")];
    versions.change("POST", &other).await;
    assert_eq!(versions.read("/d").await, "version 1", "§4.4: not at another host");
}

#[tokio::test]
async fn a_change_beats_every_run_that_began_before_it() {
    let _test = testing::isolate();
    // With nothing stored, and with a rule there.
    for known in [false, true] {
        let versions = Versions::new();
        if known {
            versions.shop.get_with("/a", &[("x-lang", "fr")]).await;
        }
        let reads: Vec<_> = (0..3)
            .map(|_| tokio::spawn(versions.shop.ask(request("GET", "/a", &[("x-wait", "1")]))))
            .collect();
        settle().await;
        versions.change("PUT", &[("x-status", "200")]).await;
        // This one comes later, and does not join them.
        let later = tokio::spawn(versions.shop.ask(request("GET", "/a", &[])));
        settle().await;
        assert!(later.is_finished());
        assert_eq!(later.await.unwrap().text, "version 2");
        versions.gate.add_permits(10);
        for read in reads {
            assert_eq!(read.await.unwrap().text, "version 1", "it asked before");
        }
        assert_eq!(versions.read("/a").await, "version 2", "known: {known}");
        assert_eq!(versions.version.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_change_that_never_answers_invalidates_as_well() {
    let _test = testing::isolate();
    let versions = Versions::new();
    versions.read("/a").await;
    let change = versions.shop.ask(request("PUT", "/a", &[("x-wait", "1"), ("x-status", "200")]));
    let change = tokio::spawn(change);
    settle().await;
    assert_eq!(versions.read("/a").await, "version 1", "it has not answered yet");
    change.abort();
    settle().await;
    assert_eq!(versions.read("/a").await, "version 2", "the client hung up");
    let panics = tokio::spawn(versions.shop.ask(request("PUT", "/a", &[("x-status", "panic")])));
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(versions.read("/a").await, "version 3");
    assert_eq!(versions.shop.cache.stats().invalidations, 2);
}

#[tokio::test]
async fn the_program_invalidates() {
    let _test = testing::isolate();
    let versions = Versions::new();
    versions.read("/a").await;
    versions.version.store(7, Ordering::SeqCst);
    let done = versions.shop.cache.invalidate("http://SHOP.example/a").await.unwrap();
    assert!(done.was_cached() && done.is_confirmed());
    assert_eq!(versions.read("/a").await, "version 7");
    versions.version.store(8, Ordering::SeqCst);
    assert!(versions.shop.cache.clear().is_confirmed());
    assert_eq!(versions.read("/a").await, "version 8");
    for wrong in ["/a", "no uri"] {
        let error = versions.shop.cache.invalidate(wrong).await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Argument);
        assert!(!error.to_string().contains(wrong), "{error}");
    }
}

/// RFC 3986 §6.2.2, §6.2.3: one target, however it is written.
#[tokio::test]
async fn a_change_invalidates_all_spellings_of_its_target() {
    let _test = testing::isolate();
    let ask = |method: &str, uri: &str, host: Option<&str>| {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        if method != "GET" {
            request = request.header("x-status", "200");
        }
        request.body(Full::default()).unwrap()
    };
    let origin = Some("shop.example");
    let port_80 = Some("shop.example:80");
    for ((read, read_host), (write, write_host)) in [
        (("/items/5", origin), ("/items/%35", origin)),
        (("/items/5", origin), ("/x/../items/./5", origin)),
        (("/%c3%a9", origin), ("/%C3%A9", origin)),
        (("/%C3%A9", origin), ("/%c3%A9", origin)),
        (("/a?b=%2f", origin), ("/a?%62=%2F", origin)),
        (("http://shop.example/a", None), ("/a", origin)),
        (("https://shop.example/a", None), ("/a", origin)),
        (("/a", origin), ("https://shop.example/a", None)),
        (("https://shop.example/a", None), ("http://shop.example/a", None)),
        (("/a", port_80), ("/a", origin)),
        (("/a", origin), ("/a", port_80)),
        (("https://shop.example:443/a", None), ("/a", Some("SHOP.example"))),
        (("http://shop.example:8080/a", None), ("/a", Some("shop.example:8080"))),
    ] {
        let shop = Versions::new().shop;
        let get = || shop.ask(ask("GET", read, read_host));
        get().await;
        assert!(get().await.is_hit(), "{read}");
        shop.ask(ask("PUT", write, write_host)).await;
        assert_eq!(get().await.text, "version 2", "{write} changes {read}");
        assert_eq!(shop.cache.stats().invalidations, 1);
        shop.ask(ask("PUT", "/a", Some("shop.example:8081"))).await;
        assert!(get().await.is_hit(), "another port is another target");
    }
    // And the program's.
    for (uri, host) in [("/a", origin), ("/a", port_80), ("https://shop.example/a", None)] {
        let shop = Versions::new().shop;
        shop.ask(ask("GET", uri, host)).await;
        let done = shop.cache.invalidate("http://shop.example/%61").await.unwrap();
        assert_eq!(done.removed(), 1, "the rule: {uri} {host:?}");
    }
}

/// RFC 3986 §5.4, as far as HTTP serves it.
#[test]
fn references_are_resolved() {
    use crate::responses::target::{Resource, resolve};
    let base = Resource { path: "/b/c/d;p", query: Some("q") };
    for (reference, expected) in [
        ("http://a/g", "a /g"),
        ("g", "- /b/c/g"),
        ("./g", "- /b/c/g"),
        ("g/", "- /b/c/g/"),
        ("/g", "- /g"),
        ("//g", "g /"),
        ("//G?y", "g /?y"),
        ("?y", "- /b/c/d;p?y"),
        ("g?y#s", "- /b/c/g?y"),
        ("#s", "- /b/c/d;p?q"),
        ("", "- /b/c/d;p?q"),
        (".", "- /b/c/"),
        ("..", "- /b/"),
        ("../g", "- /b/g"),
        ("../../../g", "- /g"),
        ("g..", "- /b/c/g.."),
        ("5", "- /b/c/5"),
        ("g?y/../x", "- /b/c/g?y/../x"),
        ("mailto:a@b", "none"),
        ("http:g", "none"),
    ] {
        let named = resolve(base, reference).map_or("none".to_owned(), |named| {
            let Resource { path, query } = named.resource();
            let query = query.map_or(String::new(), |query| format!("?{query}"));
            format!("{} {path}{query}", named.host.as_deref().unwrap_or("-"))
        });
        assert_eq!(named, expected, "{reference}");
    }
}

#[tokio::test]
async fn what_an_answer_names_may_be_relative() {
    let _test = testing::isolate();
    for (location, path) in [
        ("items/5", "/items/5"),
        ("5", "/5"),
        ("?page=2", "/a?page=2"),
        ("./items/%35", "/items/5"),
        ("http://shop.example:80/b", "/b"),
    ] {
        let versions = Versions::new();
        versions.read(path).await;
        versions.change("POST", &[("x-status", "201"), ("x-location", location)]).await;
        assert_eq!(versions.read(path).await, "version 2", "{location}");
    }
}
