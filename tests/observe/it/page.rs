//! The page's router over a real socket: what programs read, what a change needs, and what is never said.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::Router;
use cachekit::page::Page;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{Backend, BackendErrorKind, MemoryBackend};
use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "a-token-that-no-answer-shows";

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub(crate) fn start(app: Router) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { address, _runtime: runtime }
    }

    fn get(&self, path: &str) -> Response {
        client().get(format!("http://{}{path}", self.address)).send().unwrap()
    }

    pub(crate) fn figures(&self) -> Value {
        let answer = self.get("/cache/functions");
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        serde_json::from_str(&answer.text().unwrap()).unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        client().post(format!("http://{}/cache{path}", self.address)).body(body.to_string())
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// What the JSON says of one function of this module.
#[track_caller]
fn of<'a>(figures: &'a Value, name: &str) -> &'a Value {
    let cache = format!("{}::{name}", module_path!());
    let functions = figures["functions"].as_array().unwrap();
    functions.iter().find(|function| function["cache"] == cache.as_str()).unwrap()
}

fn read_only() -> Server {
    Server::start(Router::new().nest("/cache", cachekit::page::router()))
}

#[test]
fn every_annotated_function_is_listed_with_policy_counters_and_times() {
    #[cachekit::cache::local(ttl = "5m", capacity = 20, stale = "30s", if = |n: &u64| *n != 13)]
    fn listed(n: u64) -> Result<u64, String> {
        if n == 99 { Err("secret-in-an-error".to_owned()) } else { Ok(n) }
    }

    #[cachekit::cache::local]
    fn never_called(n: u64) -> u64 {
        n
    }

    let server = read_only();
    for n in [1, 1, 1, 13, 99] {
        let _ = listed(n);
    }
    let figures = server.figures();
    assert_eq!(figures["functions"].as_array().unwrap().len(), cachekit::functions().len());
    assert_eq!(figures["changes"], Value::Null);
    let path = "every_annotated_function_is_listed_with_policy_counters_and_times::listed";
    let listed_ = of(&figures, path);
    assert_eq!(listed_["name"], "listed");
    assert_eq!(listed_["tier"], "local");
    assert_eq!(listed_["is_called"], true);
    assert_eq!(listed_["policy"]["ttl_seconds"], 300.0);
    assert_eq!(listed_["policy"]["capacity"], 20);
    assert_eq!(listed_["policy"]["stale_seconds"], 30.0);
    assert_eq!(listed_["policy"]["conditional"], true);
    assert_eq!(listed_["stats"], serde_json::to_value(listed::stats()).unwrap());
    assert_eq!(listed_["hit_ratio"], 0.4);
    let fills = json!({"ok": 1, "not_stored": 1, "error": 1, "panic": 0, "cancelled": 0});
    assert_eq!(listed_["fills"], fills);
    assert_eq!(listed_["fill_seconds"]["count"], 3);
    assert!(listed_["fill_seconds"]["p99"].as_f64().unwrap() > 0.0);
    assert_eq!(listed_["last_failure"]["outcome"], "error");
    assert!(listed_["file"].as_str().unwrap().ends_with("page.rs"));
    let path = "every_annotated_function_is_listed_with_policy_counters_and_times::never_called";
    let never = of(&figures, path);
    assert_eq!(never["is_called"], false);
    assert_eq!(never["hit_ratio"], Value::Null);
    assert!(!figures.to_string().contains("secret-in"));
    let _ = never_called;
}

#[test]
fn the_page_is_one_document_that_loads_nothing_and_allows_nothing_else() {
    let server = read_only();
    for path in ["/cache", "/cache/"] {
        let answer = server.get(path);
        if answer.status() == StatusCode::NOT_FOUND {
            // The nested router answers at one of the two, as axum has it.
            continue;
        }
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = answer.text().unwrap();
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        assert_eq!(html.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        assert!(!html.contains("{nonce}"));
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            let found = html.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(outside), "{outside}");
        }
        // Data is never parsed as a document.
        assert!(!html.contains("innerHTML") && !html.contains("onclick="));
        let other = server.get(path).headers()["content-security-policy"].clone();
        assert_ne!(other.to_str().unwrap(), policy, "a new nonce for each answer");
    }
    assert_eq!(server.get("/cache").status(), StatusCode::OK);
}

#[test]
fn a_page_for_reading_has_no_way_to_change_anything() {
    let server = read_only();
    for path in ["/clear", "/purge", "/invalidate"] {
        let answer = server.post(path, &json!({})).bearer_auth(TOKEN).send().unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
}

#[test]
fn a_change_needs_the_token() {
    #[cachekit::cache::local]
    fn guarded(n: u64) -> u64 {
        n
    }

    #[cachekit::cache::local]
    fn other(n: u64) -> u64 {
        n
    }

    let page = Page::new().allow_changes(TOKEN).invalidation("guarded", |entered| {
        let n = entered.parse().map_err(|_| "a number is wanted")?;
        Ok(guarded::invalidate(&n))
    });
    assert!(!format!("{page:?}").contains(TOKEN));
    let server = Server::start(Router::new().nest("/cache", page.router()));
    assert_eq!(server.figures()["changes"], json!({"invalidations": ["guarded"]}));
    let fill = || {
        for n in 0..5 {
            guarded(n);
            other(n);
        }
    };
    fill();
    let cache = format!("{}::a_change_needs_the_token::guarded", module_path!());
    let clear = json!({ "cache": cache });
    for wrong in [None, Some("wrong-wrong-wrong-wrong"), Some("")] {
        let mut request = server.post("/clear", &clear);
        if let Some(wrong) = wrong {
            request = request.bearer_auth(wrong);
        }
        let answer = request.send().unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        let said = answer.text().unwrap();
        assert!(!said.contains(TOKEN) && !said.contains("wrong-wrong"), "{said}");
    }
    assert_eq!(guarded::stats().entries, 5);

    let changed = |path: &str, body: &Value| {
        let answer = server.post(path, body).bearer_auth(TOKEN).send().unwrap();
        let status = answer.status();
        (status, serde_json::from_str::<Value>(&answer.text().unwrap()).unwrap())
    };
    assert_eq!(changed("/clear", &clear), (StatusCode::OK, json!({"removed": 5})));
    assert_eq!((guarded::stats().entries, other::stats().entries), (0, 5));
    fill();
    let invalidate = json!({"invalidation": "guarded", "argument": "3"});
    let done = json!({"removed": 1, "is_confirmed": true});
    assert_eq!(changed("/invalidate", &invalidate), (StatusCode::OK, done));
    assert!(!guarded::contains(&3) && guarded::contains(&2));

    let wrong = json!({"invalidation": "guarded", "argument": "three"});
    let said = json!({"error": "a number is wanted"});
    assert_eq!(changed("/invalidate", &wrong), (StatusCode::UNPROCESSABLE_ENTITY, said));
    let unknown = json!({"invalidation": "nothing", "argument": "3"});
    assert_eq!(changed("/invalidate", &unknown).0, StatusCode::NOT_FOUND);
    assert_eq!(changed("/invalidate", &json!({})).0, StatusCode::BAD_REQUEST);
    assert_eq!(changed("/clear", &json!({"cache": "no::such"})).0, StatusCode::NOT_FOUND);
    assert_eq!(changed("/clear", &json!("x".repeat(20_000))).0, StatusCode::PAYLOAD_TOO_LARGE);
    let answer = server.post("/clear", &Value::Null).body("{").bearer_auth(TOKEN).send().unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    // A page of another site can neither read nor post here: a browser asks first, and is told nothing.
    assert!(answer.headers().get("access-control-allow-origin").is_none());
}

#[test]
fn what_has_expired_is_dropped_on_request() {
    #[cachekit::cache::local(ttl = "1ms")]
    fn short(n: u64) -> u64 {
        n
    }

    let page = Page::new().allow_changes(TOKEN);
    let server = Server::start(Router::new().nest("/cache", page.router()));
    short(1);
    let cache = format!("{}::what_has_expired_is_dropped_on_request::short", module_path!());
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let body = json!({ "cache": cache });
        let answer = server.post("/purge", &body).bearer_auth(TOKEN).send().unwrap();
        if answer.text().unwrap() == "{\"removed\":1}" {
            break;
        }
        // The clock of the caches is coarse.
        assert!(Instant::now() < until, "it never expired");
    }
    assert_eq!(short::stats().entries, 0);
}

#[test]
fn a_panicking_invalidation_is_an_answer() {
    let page = Page::new()
        .allow_changes(TOKEN)
        .invalidation("panics", |_: &str| -> Result<cachekit::Invalidated, String> {
            panic!("secret-in-a-panic")
        });
    let server = Server::start(Router::new().nest("/cache", page.router()));
    let body = json!({"invalidation": "panics", "argument": ""});
    let answer = server.post("/invalidate", &body).bearer_auth(TOKEN).send().unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.text().unwrap(), "{\"error\":\"it panicked\"}");
}

#[test]
fn the_hit_ratio_is_sampled_over_time() {
    #[cachekit::cache::local]
    fn sampled(n: u64) -> u64 {
        n
    }

    let page = Page::new().period(Duration::from_millis(100));
    let server = Server::start(Router::new().nest("/cache", page.router()));
    sampled(1);
    sampled(1);
    sampled(1);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let figures = server.figures();
        let history = &of(&figures, "the_hit_ratio_is_sampled_over_time::sampled")["history"];
        let sum = |name: &str| -> u64 {
            history[name].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum()
        };
        if (sum("calls"), sum("served")) == (3, 2) {
            assert!(figures["period_seconds"].as_f64().unwrap() < 0.2);
            break;
        }
        assert!(Instant::now() < until, "{history}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A backend of a type of its own, so that no other test's is taken for it.
#[derive(Debug)]
struct Named(FaultyBackend);

impl Backend for Named {
    crate::delegate!(0: get set delete exists health);

    fn backend_type(&self) -> &'static str {
        "of the page's test"
    }
}

#[test]
fn a_backend_shows_its_breaker_its_times_and_its_last_failure() {
    static BACKEND: LazyLock<Arc<Named>> =
        LazyLock::new(|| Arc::new(Named(FaultyBackend::new(MemoryBackend::new()))));

    #[cachekit::cache(ttl = 60, namespace = "page", backend = &*BACKEND)]
    fn through(n: u64) -> u64 {
        n
    }

    let server = read_only();
    through(1);
    let backend = |figures: &Value| {
        let all = figures["backends"].as_array().unwrap();
        all.iter().find(|it| it["backend"] == "of the page's test").unwrap().clone()
    };
    let before = backend(&server.figures());
    assert_eq!(before["breaker"], "closed");
    assert_eq!(before["last_failure"], Value::Null);
    let operations = before["operations"].as_array().unwrap();
    let of = |operation: &str| {
        let of = |it: &&Value| it["operation"] == operation && it["outcome"] == "ok";
        operations.iter().find(of).unwrap_or_else(|| panic!("{before}"))["seconds"].clone()
    };
    assert_eq!((&of("get")["count"], &of("set")["count"]), (&json!(1), &json!(1)));
    assert!(of("get")["p99"].as_f64().unwrap() > 0.0);

    BACKEND.0.inject(Fault::fail(BackendErrorKind::Transient));
    for n in 10..20 {
        through(n);
    }
    let after = backend(&server.figures());
    assert_eq!(after["breaker"], "open");
    assert_eq!(after["last_failure"]["kind"], "transient");
}
