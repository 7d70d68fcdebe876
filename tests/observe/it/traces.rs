//! Spans go through OpenTelemetry's SDK to a collector, over its protocol, and are read back there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use cachekit::testing::{Scope, isolate};
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, ManualClock, MemoryBackend};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use tracing_subscriber::layer::SubscriberExt;

type Received = Arc<Mutex<Vec<Span>>>;

/// Takes what exporters send, as a collector does.
async fn receive(State(received): State<Received>, body: Bytes) -> &'static [u8] {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans);
    received.lock().unwrap().extend(spans);
    // An empty `ExportTraceServiceResponse`.
    &[]
}

/// What a collector received.
struct Traces(Vec<Span>);

/// How many hits have spans is the process's setting: one test at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // One that stays, so that the level that is enabled does not change while subscribers of other threads come and go.
    static STAYS: Once = Once::new();
    STAYS.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs calls under a subscriber that exports to a collector, and returns what arrived there.
fn traced(calls: impl FnOnce()) -> Traces {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let received = Received::default();
    let app = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&received));
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, app).await });

    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(reqwest::blocking::Client::builder().no_proxy().build().unwrap())
        .with_endpoint(endpoint)
        .build()
        .unwrap();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, calls);
    provider.shutdown().unwrap();
    let spans = received.lock().unwrap().clone();
    Traces(spans)
}

impl Traces {
    fn named(&self, name: &str) -> Vec<&Span> {
        let mut spans: Vec<_> = self.0.iter().filter(|span| span.name == name).collect();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        spans
    }

    #[track_caller]
    fn one(&self, name: &str) -> &Span {
        match self.named(name)[..] {
            [span] => span,
            ref spans => panic!("{name}: {spans:#?}"),
        }
    }

    #[track_caller]
    fn children(&self, of: &Span, name: &str) -> Vec<&Span> {
        let mut spans = self.named(name);
        spans.retain(|span| span.parent_span_id == of.span_id && span.trace_id == of.trace_id);
        spans
    }
}

/// The attributes that are ours.
fn fields(span: &Span) -> BTreeMap<&str, String> {
    let ours = span.attributes.iter().filter(|attribute| {
        attribute.key.starts_with("cache.") || attribute.key.starts_with("db.")
    });
    ours.map(|attribute| {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
        let value = match value.unwrap() {
            Value::StringValue(value) => value.clone(),
            Value::BoolValue(value) => value.to_string(),
            other => panic!("{}: {other:?}", attribute.key),
        };
        (attribute.key.as_str(), value)
    })
    .collect()
}

#[track_caller]
fn is_get(span: &Span, function: &str, tier: &str, hit: bool, stale: bool) {
    let expected = [
        ("cache.hit", hit.to_string()),
        ("cache.name", format!("{}::{function}", module_path!())),
        ("cache.stale", stale.to_string()),
        ("cache.tier", tier.to_owned()),
    ];
    assert_eq!(fields(span), BTreeMap::from(expected));
}

/// The status of a span that failed.
const ERROR: i32 = 2;

fn status(span: &Span) -> i32 {
    span.status.as_ref().map_or(0, |status| status.code)
}

fn forget() {
    for function in cachekit::functions() {
        function.clear_local();
    }
}

#[cachekit::cache(ttl = 60, stale = "60s", namespace = "traces")]
fn shared(n: u64) -> Result<u64, String> {
    tracing::info_span!("inside").in_scope(|| {
        if n == 0 { Err("the password is secret-in-an-error".to_owned()) } else { Ok(n) }
    })
}

#[cachekit::cache(ttl = 60, namespace = "traces")]
async fn eventual(key: &str) -> usize {
    tokio::task::yield_now().await;
    let span = tracing::info_span!("inside");
    let _entered = span.enter();
    key.len()
}

#[test]
fn a_miss_is_a_span_with_its_run_and_its_backend_below() {
    let _alone = alone();
    let _scope = Scope::new().with_backend(Arc::new(MemoryBackend::new())).enter();
    let traces = traced(|| {
        tracing::info_span!("caller").in_scope(|| shared(3).unwrap());
    });
    let caller = traces.one("caller");
    let get = traces.one("cache.get");
    assert_eq!(get.parent_span_id, caller.span_id);
    is_get(get, "shared", "none", false, false);
    let fill = traces.one("cache.fill");
    assert_eq!(fill.parent_span_id, get.span_id);
    let expected = [("cache.fill.cause", "miss"), ("cache.fill.outcome", "ok")];
    assert_eq!(fields(fill), expected.map(|(name, value)| (name, value.to_owned())).into());
    assert_ne!(status(fill), ERROR);
    // What the function's body opens is part of its run.
    assert_eq!(traces.one("inside").parent_span_id, fill.span_id);
    let asked = traces.children(get, "cache.backend");
    assert_eq!(asked.len(), traces.named("cache.backend").len());
    let operations: Vec<_> =
        asked.iter().map(|span| fields(span)["db.operation.name"].clone()).collect();
    assert!(operations.iter().any(|operation| operation == "get"), "{operations:?}");
    assert!(operations.iter().any(|operation| operation == "set_fenced"), "{operations:?}");
    for span in asked {
        assert_eq!(fields(span)["db.system.name"], "memory");
        assert_eq!(fields(span)["cache.backend.outcome"], "ok");
        // SPAN_KIND_CLIENT
        assert_eq!(span.kind, 3);
        assert!(span.start_time_unix_nano >= get.start_time_unix_nano);
        assert!(span.end_time_unix_nano <= get.end_time_unix_nano);
    }
}

#[test]
fn hits_are_sampled_and_no_others_are_spans() {
    let _alone = alone();
    let _scope = isolate();
    let hits = || {
        for _ in 0..100 {
            shared(3).unwrap();
        }
    };
    let traces = traced(|| {
        shared(3).unwrap();
        hits();
    });
    assert_eq!(traces.named("cache.get").len(), 1, "the miss");
    let traces = traced(|| {
        cachekit::tracing::sample_hits(10);
        hits();
        cachekit::tracing::sample_hits(0);
        hits();
    });
    let sampled = traces.named("cache.get");
    assert_eq!(sampled.len(), 10);
    for span in sampled {
        is_get(span, "shared", "process", true, false);
    }
}

#[test]
fn hits_of_a_threads_front_are_sampled_too() {
    let _alone = alone();

    // In no test scope: there, look-ups pass the front by.
    #[cachekit::cache::local]
    fn fronted(n: u64) -> u64 {
        n
    }

    let traces = traced(|| {
        fronted(1);
        cachekit::tracing::sample_hits(100);
        (0..1_000).for_each(|_| {
            fronted(1);
        });
        cachekit::tracing::sample_hits(0);
    });
    let tier = |span: &&Span| fields(span)["cache.tier"].clone();
    let tiers: Vec<_> = traces.named("cache.get").iter().map(tier).collect();
    assert_eq!(tiers.iter().filter(|tier| *tier == "process").count(), 10);
    assert_eq!(tiers.len(), 11);
}

#[test]
fn a_cache_object_has_spans_where_it_runs_something() {
    let _alone = alone();
    let cache: cachekit::Cache<u64, u64> = cachekit::Cache::new(10);
    let traces = traced(|| {
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.get_or_insert_with(&1, || 7), 7);
    });
    let get = traces.one("cache.get");
    assert_eq!(fields(get)["cache.name"], "cachekit::Cache");
    assert_eq!(traces.children(get, "cache.fill").len(), 1);
}

#[test]
fn what_the_shared_tier_has_is_a_hit_there() {
    let _alone = alone();
    let clock = ManualClock::new();
    let store = MemoryBackend::builder().clock(clock.clock()).build();
    let _scope = Scope::new().with_backend(Arc::new(store)).enter();
    shared(3).unwrap();
    forget();
    let traces = traced(|| drop(shared(3)));
    is_get(traces.one("cache.get"), "shared", "shared", true, false);
    assert!(traces.named("cache.fill").is_empty());
    // Past its time it is served as well, and a run in the background replaces it.
    forget();
    clock.advance(std::time::Duration::from_secs(61));
    let traces = traced(|| {
        shared(3).unwrap();
    });
    cachekit::testing::settle();
    is_get(traces.one("cache.get"), "shared", "shared", true, true);
}

#[test]
fn a_stale_hit_of_this_process_says_so() {
    let _alone = alone();
    let scope = isolate();
    shared(3).unwrap();
    scope.clock().advance(std::time::Duration::from_secs(61));
    let traces = traced(|| drop(shared(3)));
    cachekit::testing::settle();
    is_get(traces.one("cache.get"), "shared", "process", true, true);
}

#[test]
fn async_calls_have_the_same_spans_across_awaits() {
    let _alone = alone();
    let scope = Scope::new().with_backend(Arc::new(MemoryBackend::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let traces = traced(|| {
        let calls = scope.wrap(async {
            // Two at once on one thread: their spans do not mix.
            let both = async {
                let (one, other) = tokio::join!(eventual("one"), eventual("other"));
                (one, other)
            };
            assert_eq!(both.await, (3, 5));
            forget();
            assert_eq!(eventual("one").await, 3);
        });
        runtime.block_on(calls);
    });
    let gets = traces.named("cache.get");
    assert_eq!(gets.len(), 3);
    for get in &gets[..2] {
        is_get(get, "eventual", "none", false, false);
        let fills = traces.children(get, "cache.fill");
        assert_eq!(fills.len(), 1);
        assert_eq!(traces.children(fills[0], "inside").len(), 1);
        let asked = traces.children(get, "cache.backend");
        assert!(asked.iter().any(|span| fields(span)["db.operation.name"] == "get"));
        assert!(asked.iter().any(|span| fields(span)["db.operation.name"] == "set_fenced"));
    }
    is_get(gets[2], "eventual", "shared", true, false);
}

#[test]
fn what_fails_is_an_error_and_tells_no_secret() {
    let _alone = alone();
    let backend = FaultyBackend::new(MemoryBackend::new());
    backend.inject(Fault::fail(BackendErrorKind::Transient));
    let _scope = Scope::new().with_backend(Arc::new(backend)).enter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let traces = traced(|| {
        assert!(shared(0).is_err());
        runtime.block_on(eventual("secret-in-a-key"));
    });
    let fills = traces.named("cache.fill");
    assert_eq!(fields(fills[0])["cache.fill.outcome"], "error");
    assert_eq!(status(fills[0]), ERROR);
    let asked = traces.named("cache.backend");
    assert!(!asked.is_empty());
    for span in asked {
        assert_eq!(fields(span)["cache.backend.outcome"], "transient");
        assert_eq!(status(span), ERROR);
    }
    assert!(!format!("{:?}", traces.0).contains("secret-in"));
}

#[test]
fn a_run_that_panics_and_one_that_is_dropped_say_so() {
    let _alone = alone();
    let _scope = isolate();

    #[cachekit::cache::local]
    fn panics(n: u64) -> u64 {
        assert!(n == 0, "secret-in-a-panic");
        n
    }

    #[cachekit::cache::local]
    async fn hangs(_n: u64) -> u64 {
        std::future::pending().await
    }

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let traces = traced(|| {
        assert!(std::panic::catch_unwind(|| panics(1)).is_err());
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = hangs(1) => unreachable!("it hangs"),
                () = std::future::ready(()) => {}
            }
        });
    });
    let outcomes: Vec<_> = traces
        .named("cache.fill")
        .iter()
        .map(|span| fields(span)["cache.fill.outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["panic", "cancelled"]);
}
