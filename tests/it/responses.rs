//! The layer of whole HTTP responses over shared tiers as they are: a Redis server (Valkey with `CACHEKIT_TEST_SERVER=valkey`),
//! and our server over TLS and HTTP/2. Two routers with a layer and a client of their own stand for two processes.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit::responses::{Body, CacheResponses, ResponseStats};
use cachekit::testing::Scope;
use cachekit_io::{Backend, Redis};
use cachekit_test_servers::Node;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Semaphore;
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::service::Service;

/// Far more than any change takes to arrive.
const DEADLINE: Duration = Duration::from_secs(30);

type Asked = Request<Full<Bytes>>;

/// A shared tier.
enum Tier {
    Redis(Node),
    Http(Service),
}

impl Tier {
    async fn all() -> [Self; 2] {
        let node = tokio::task::spawn_blocking(Node::start).await.unwrap();
        [Self::Redis(node), Self::Http(Service::start(&[]).await)]
    }

    /// A client of a process of its own.
    fn client(&self) -> Arc<dyn Backend> {
        match self {
            Self::Redis(node) => Arc::new(Redis::builder().url(node.url()).build().unwrap()),
            Self::Http(service) => Arc::new(service.client()),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Redis(_) => "Redis",
            Self::Http(_) => "HTTP",
        }
    }

    /// It is gone.
    async fn dies(self) {
        match self {
            Self::Redis(node) => tokio::task::spawn_blocking(move || drop(node)).await.unwrap(),
            Self::Http(service) => {
                service.running.shutdown().await;
            }
        }
    }
}

/// What all routers of a test serve: one page, in the language that is asked for, with a number.
struct Site {
    page: AtomicUsize,
    runs: AtomicUsize,
    fails: AtomicBool,
    /// A run takes a permit.
    gate: Semaphore,
}

impl Site {
    fn new() -> Arc<Self> {
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        let fails = AtomicBool::new(false);
        Arc::new(Self { page: AtomicUsize::new(0), runs: AtomicUsize::new(0), fails, gate })
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    async fn answer(self: Arc<Self>, request: Asked) -> Result<Response<Full<Bytes>>, Infallible> {
        let response = Response::builder();
        if request.method() != Method::GET {
            self.page.fetch_add(1, Ordering::SeqCst);
            return Ok(response.status(204).body(Full::default()).unwrap());
        }
        self.runs.fetch_add(1, Ordering::SeqCst);
        let page = self.page.load(Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        if self.fails.load(Ordering::SeqCst) {
            return Ok(response.status(503).body(Full::default()).unwrap());
        }
        let language = request.headers().get("accept-language");
        let language = language.map_or("en", |language| language.to_str().unwrap());
        let said = match request.uri().path() {
            "/private" => response.header("cache-control", "private, max-age=600"),
            _ => response
                .header("cache-control", "max-age=600, stale-if-error=600")
                .header("vary", "accept-language"),
        };
        Ok(said.body(Full::from(format!("{language} {page}"))).unwrap())
    }
}

/// A process: handlers behind a layer, and its client of the tier.
#[derive(Clone)]
struct Router {
    cache: CacheResponses,
    service: BoxCloneSyncService<Asked, Response<Body<Full<Bytes>>>, Infallible>,
}

impl Router {
    fn new(backend: Arc<dyn Backend>, site: &Arc<Site>) -> Self {
        let site = Arc::clone(site);
        Scope::new().with_backend(backend).with_shared_budget(DEADLINE).run(|| {
            let cache = CacheResponses::builder("over-a-server").namespace("responses").build();
            let handler = service_fn(move |request| Arc::clone(&site).answer(request));
            let service = BoxCloneSyncService::new(cache.layer(handler));
            Self { cache, service }
        })
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method);
        request = request.uri(format!("http://site.example{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).unwrap();
        let (parts, body) = self.service.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    async fn page(&self, language: &str) -> Answer {
        self.ask(Method::GET, "/page", &[("accept-language", language)]).await
    }

    async fn put(&self) {
        assert_eq!(self.ask(Method::PUT, "/page", &[]).await.status, StatusCode::NO_CONTENT);
    }

    /// The page, once it is this one. Until the tier's news arrive, another one may come of what this process has.
    async fn sees(&self, language: &str, page: usize) {
        let (wanted, until) = (format!("{language} {page}"), Instant::now() + DEADLINE);
        while self.page(language).await.text != wanted {
            assert!(Instant::now() < until, "{wanted} does not come");
            tokio::task::yield_now().await;
        }
    }

    fn stats(&self) -> ResponseStats {
        self.cache.stats()
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn is_hit(&self) -> bool {
        self.header("cache-status").starts_with("cachekit; hit")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_responses_and_their_variants() {
    for tier in Tier::all().await {
        let (name, site) = (tier.name(), Site::new());
        let [a, b] = [(); 2].map(|()| Router::new(tier.client(), &site));
        let made = a.page("de").await;
        assert_eq!((made.text.as_str(), made.is_hit()), ("de 0", false), "{name}");
        let found = b.page("de").await;
        assert_eq!((found.text.as_str(), found.is_hit(), site.runs()), ("de 0", true, 1), "{name}");
        assert_eq!(found.header("etag"), made.header("etag"));
        assert!(!found.header("age").is_empty() && !found.header("date").is_empty());
        // Another variant, from the other side.
        assert_eq!(b.page("fr").await.text, "fr 0");
        assert!(a.page("fr").await.is_hit());
        assert_eq!(site.runs(), 2, "{name}");
        // 304 and HEAD, in a process that has run no handler.
        let c = Router::new(tier.client(), &site);
        let lines = [("accept-language", "de"), ("if-none-match", made.header("etag"))];
        let known = c.ask(Method::GET, "/page", &lines).await;
        assert_eq!((known.status, known.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{name}");
        let head = c.ask(Method::HEAD, "/page", &[("accept-language", "de")]).await;
        assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""), "{name}");
        assert_eq!((c.stats().misses, site.runs()), (0, 2), "{name}");
        // What is for one client is there for no one else.
        for router in [&a, &b] {
            assert!(!router.ask(Method::GET, "/private", &[]).await.is_hit(), "{name}");
        }
        assert_eq!(site.runs(), 4, "{name}");
        tier.dies().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_invalidates_the_other_one_makes_anew() {
    for tier in Tier::all().await {
        let (name, site) = (tier.name(), Site::new());
        let tells = tier.client().events().is_some();
        let [a, b] = [(); 2].map(|()| Router::new(tier.client(), &site));
        for page in 0..6 {
            for router in [&a, &b] {
                for language in ["de", "fr"] {
                    router.sees(language, page).await;
                    assert!(router.page(language).await.is_hit(), "{name}");
                }
            }
            let (changes, other) = if page % 2 == 0 { (&a, &b) } else { (&b, &a) };
            changes.put().await;
            assert_eq!(changes.page("de").await.text, format!("de {}", page + 1), "{name}");
            if !tells {
                // Where no news will come, the tier is asked: nothing older than the change is served from here on.
                assert_eq!(other.page("fr").await.text, format!("fr {}", page + 1), "{name}");
            }
        }
        let done = a.cache.invalidate("http://site.example/page").await.unwrap();
        assert!(done.is_confirmed(), "{name}");
        assert!(!a.page("de").await.is_hit(), "{name}");
        tier.dies().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_run_answers_all_requests_of_a_process() {
    const CLIENTS: usize = 50;
    for tier in Tier::all().await {
        let (name, mut site) = (tier.name(), Site::new());
        Arc::get_mut(&mut site).unwrap().gate = Semaphore::new(0);
        let [a, b] = [(); 2].map(|()| Router::new(tier.client(), &site));
        let asking: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let a = a.clone();
                tokio::spawn(async move { a.page("de").await.text })
            })
            .collect();
        let until = Instant::now() + DEADLINE;
        while site.runs() == 0 {
            assert!(Instant::now() < until, "{name}");
            tokio::task::yield_now().await;
        }
        site.gate.add_permits(CLIENTS);
        for text in asking {
            assert_eq!(text.await.unwrap(), "de 0", "{name}");
        }
        assert!(b.page("de").await.is_hit(), "{name}");
        let stats = a.stats();
        assert_eq!((site.runs(), stats.misses), (1, 1), "{name}: {stats:?}");
        assert_eq!(stats.hits, CLIENTS as u64 - 1, "{name}: {stats:?}");
        tier.dies().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_that_is_gone_fails_no_request() {
    for tier in Tier::all().await {
        let (name, site) = (tier.name(), Site::new());
        let [a, b] = [(); 2].map(|()| Router::new(tier.client(), &site));
        a.page("de").await;
        assert!(b.page("de").await.is_hit(), "{name}");
        tier.dies().await;
        // Reads, of what a process has and of what it has not, and changes: the handlers answer.
        for router in [&a, &b] {
            for language in ["de", "it", "de", "it"] {
                let answer = router.page(language).await;
                assert_eq!((answer.status, answer.text), (StatusCode::OK, format!("{language} 0")));
            }
        }
        a.put().await;
        for language in ["de", "it"] {
            assert_eq!(a.page(language).await.text, format!("{language} 1"), "{name}");
        }
        let done = a.cache.invalidate("http://site.example/page").await.unwrap();
        assert!(!done.is_confirmed(), "{name}: it could not be asked");
        site.fails.store(true, Ordering::SeqCst);
        let failed = a.ask(Method::GET, "/other", &[]).await;
        assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE, "{name}");
    }
}
