//! The HTTP layer around an axum router, over a real socket, as a client of HTTP sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Path};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cachekit::responses::CacheResponses;
use cachekit::testing::Scope;
use reqwest::Method;
use reqwest::blocking::Client;

use crate::page::Server;
use crate::recording::Recording;

/// A server, its cache, and how often a handler ran.
struct Site {
    server: Server,
    scope: Scope,
    cache: CacheResponses,
    runs: Arc<AtomicUsize>,
    client: Client,
}

/// What a client got.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Site {
    fn new(router: impl FnOnce(Arc<AtomicUsize>) -> Router) -> Self {
        let scope = Scope::new();
        let cache = scope.run(|| {
            CacheResponses::builder("observed-site").max_body(64 << 10).target(original).build()
        });
        let runs = Arc::new(AtomicUsize::new(0));
        let router = router(Arc::clone(&runs)).layer(cache.clone());
        let client = Client::builder().no_proxy().build().unwrap();
        Self { server: Server::start(router), scope, cache, runs, client }
    }

    fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Got {
        let mut request =
            self.client.request(method, format!("http://{}{path}", self.server.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Got { status, headers, body: answer.bytes().unwrap().to_vec() }
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        self.ask(Method::GET, path, headers)
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

fn original(request: &axum::http::request::Parts) -> Uri {
    match request.extensions.get::<OriginalUri>() {
        Some(OriginalUri(uri)) => uri.clone(),
        None => request.uri.clone(),
    }
}

fn products(runs: Arc<AtomicUsize>) -> Router {
    let count = move || runs.fetch_add(1, Ordering::SeqCst) + 1;
    let show = {
        let count = count.clone();
        move |Path(id): Path<u32>, headers: HeaderMap| async move {
            let lang = headers.get("accept-language").map_or("-", |lang| lang.to_str().unwrap());
            let said = [("cache-control", "max-age=60"), ("vary", "accept-language")];
            (said, format!("{id} {lang} {}", count())).into_response()
        }
    };
    let change = |Path(_): Path<u32>| async { StatusCode::NO_CONTENT };
    let private = {
        let count = count.clone();
        move || async move { ([("cache-control", "private")], format!("{}", count())) }
    };
    let large = move || async move {
        count();
        let parts = (0..100).map(|part| Ok::<_, std::io::Error>(vec![part; 10_000]));
        let body = Body::from_stream(futures_of(parts.collect()));
        Response::builder().header("cache-control", "max-age=60").body(body).unwrap()
    };
    Router::new()
        .route("/products/{id}", get(show).put(change))
        .route("/private", get(private))
        .route("/large", get(large))
}

/// A stream of what is there.
fn futures_of<T: Send + Unpin + 'static>(
    items: Vec<T>,
) -> impl futures_core::Stream<Item = T> + Send {
    struct Items<T>(std::vec::IntoIter<T>);
    impl<T: Unpin> futures_core::Stream for Items<T> {
        type Item = T;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            _cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<T>> {
            std::task::Poll::Ready(self.0.next())
        }
    }
    Items(items.into_iter())
}

#[test]
fn a_client_is_answered_from_the_cache() {
    let site = Site::new(products);
    let first = site.get("/products/1", &[]);
    assert_eq!((first.status, &*first.body), (200, &b"1 - 1"[..]));
    assert_eq!(first.header("cache-status"), "cachekit; fwd=uri-miss");
    site.scope.clock().advance(Duration::from_secs(20));
    let hit = site.get("/products/1", &[]);
    assert_eq!((hit.header("age"), hit.header("cache-status")), ("20", "cachekit; hit; ttl=40"));
    assert_eq!(hit.body, first.body);
    assert_eq!(hit.header("date"), first.header("date"));

    let head = site.ask(Method::HEAD, "/products/1", &[]);
    assert_eq!((head.header("content-length"), head.body.len()), ("5", 0));
    let tag = hit.header("etag").to_owned();
    let none = site.get("/products/1", &[("if-none-match", &tag)]);
    assert_eq!((none.status, none.body.len(), none.header("etag")), (304, 0, tag.as_str()));
    assert_eq!(none.header("content-length"), "");

    assert_eq!(site.get("/products/1", &[("accept-language", "de")]).body, b"1 de 2");
    assert_eq!(site.get("/products/1", &[("accept-language", "DE")]).body, b"1 de 2");
    assert_eq!(site.runs(), 2);

    assert_eq!(site.ask(Method::PUT, "/products/1", &[]).status, 204);
    assert_eq!(site.get("/products/1", &[]).body, b"1 - 3");
    site.scope.clock().advance(Duration::from_secs(60));
    assert_eq!(site.get("/products/1", &[]).body, b"1 - 4");
    let host = format!("http://{}/products/1", site.server.address);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(site.cache.invalidate(&host)).unwrap().was_cached());
    assert_eq!(site.get("/products/1", &[]).body, b"1 - 5");
}

#[test]
fn what_is_private_or_large_passes() {
    let site = Site::new(products);
    assert_eq!(site.get("/private", &[]).body, b"1");
    assert_eq!(site.get("/private", &[]).body, b"2");
    for _ in 0..2 {
        let large = site.get("/large", &[]);
        assert_eq!(large.body.len(), 1_000_000);
        assert!(large.body.chunks(10_000).zip(0_u8..).all(|(part, at)| part == [at; 10_000]));
    }
    assert_eq!((site.runs(), site.cache.stats().entries), (4, 0));
    let refused = site.get("/products/1", &[("range", "bytes=0-1")]);
    assert_eq!(refused.header("cache-status"), "cachekit; fwd=bypass; detail=conditions");
}

#[test]
fn many_clients_at_once_are_one_run() {
    let site = Site::new(|runs| {
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let opens = Arc::clone(&gate);
        let slow = move || async move {
            runs.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            ([("cache-control", "max-age=60")], "made once")
        };
        let open = move || async move { opens.add_permits(100) };
        Router::new().route("/slow", get(slow)).route("/open", get(open))
    });
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(|| site.get("/slow", &[]).body)).collect();
        // Whoever comes after the gate was opened finds the response: in either case there is one run.
        while site.runs() == 0 {
            std::thread::yield_now();
        }
        site.get("/open", &[]);
        for asked in asking {
            assert_eq!(asked.join().unwrap(), b"made once");
        }
    });
    assert_eq!(site.runs(), 1);
    assert_eq!(site.cache.stats().hits, 19);
}

/// The layer of a nested router sees half a path.
#[test]
fn nested_routers_are_told_apart() {
    let site = Site::new(|_| Router::new());
    let page =
        |text: &'static str| get(move || async move { ([("cache-control", "max-age=60")], text) });
    let nested = |text| Router::new().route("/x", page(text)).layer(site.cache.clone());
    let app = Router::new().nest("/a", nested("a")).nest("/b", nested("b"));
    let site = Site { server: Server::start(app), ..site };
    for _ in 0..2 {
        assert_eq!(site.get("/a/x", &[]).body, b"a");
        assert_eq!(site.get("/b/x", &[]).body, b"b");
    }
    assert_eq!(site.cache.stats().hits, 2);
}

#[test]
fn the_page_and_metrics_know_it() {
    let cache = CacheResponses::new("observed-page");
    let app = products(Arc::default()).layer(cache);
    let server = Server::start(app.nest("/cache", cachekit::page::Page::new().router()));
    let client = Client::builder().no_proxy().build().unwrap();
    for _ in 0..2 {
        client.get(format!("http://{}/products/1", server.address)).send().unwrap();
    }
    let all = cachekit::functions();
    let listed = all.iter().find(|function| function.name() == "observed-page").unwrap();
    let stats = listed.stats();
    assert!(stats.hits >= 1 && stats.loads >= 1, "{stats}");
    let figures = server.figures();
    let label = "cachekit::responses::observed-page";
    let functions = figures["functions"].as_array().unwrap();
    assert_eq!(functions.iter().filter(|function| function["cache"] == label).count(), 1);
    // The page varies: a hit finds what leads to it, and then the page, and counts once.
    let recording = Recording::default();
    recording.publish();
    assert_eq!(recording.calls(label).get("process hit"), Some(&1), "{:?}", recording.calls(label));
    let invalidations = [("cache", label), ("direction", "sent"), ("cause", "call")];
    assert_eq!(recording.count("cachekit_invalidations_total", &invalidations), 0);
    client.put(format!("http://{}/products/1", server.address)).send().unwrap();
    recording.publish();
    assert_eq!(recording.count("cachekit_invalidations_total", &invalidations), 1, "one change");
}
