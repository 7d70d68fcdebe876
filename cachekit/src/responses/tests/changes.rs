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
        // Of others nobody knows: the handler may have been stopped half-way.
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
