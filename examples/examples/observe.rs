//! A web program whose operator sees what its caches do: the page, metrics, and why a call was slow.
//!
//! ```text
//! cargo run -p examples --example observe              plays it through, and checks what it says
//! cargo run -p examples --example observe -- --serve   serves until it is stopped: open the address it prints
//! ```

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use cachekit::cache;
use cachekit::page::Page;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, MemoryBackend};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Stands in for Redis: `POST /break` makes it fail.
static BACKEND: LazyLock<FaultyBackend> =
    LazyLock::new(|| FaultyBackend::new(MemoryBackend::new()));

/// As slow as a database.
#[cache(ttl = "10m", stale = "1m")]
async fn product(id: u64) -> String {
    tokio::time::sleep(Duration::from_millis(5)).await;
    format!("product {id}")
}

/// Results for the ids below 10 are never stored.
#[cache::local(ttl = 60, if = |name: &String| name.len() > 6)]
fn nickname(id: u64) -> String {
    format!("nick {id}")
}

fn app(exporter: PrometheusHandle) -> Router {
    let page = Page::new()
        .allow_changes("a token from the environment".replace(' ', "-"))
        .invalidation("product", |id| {
            let id: u64 = id.parse().map_err(|_| "the id of a product is a number")?;
            let invalidate = product::invalidate(&id);
            Ok(tokio::runtime::Handle::current().block_on(invalidate))
        });
    Router::new()
        .route("/product/{id}", get(async |Path(id): Path<u64>| product(id).await))
        .route("/nickname/{id}", get(async |Path(id): Path<u64>| nickname(id)))
        // Why was that call slow? JSON is for programs, `to_string` for people.
        .route("/explain/{id}", get(async |Path(id): Path<u64>| Json(product::explain(&id).await)))
        .route(
            "/break",
            post(async || BACKEND.inject(Fault::fail(BackendErrorKind::Transient))),
        )
        .route("/mend", post(async || BACKEND.heal()))
        .route(
            "/metrics",
            get(async move || {
                cachekit::metrics::publish();
                exporter.render()
            }),
        )
        .nest("/cache", page.router())
}

/// One request, as any client sends it.
fn request(address: SocketAddr, method: &str, path: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "{method} {path} HTTP/1.0\r\ncontent-length: 0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    assert!(head.contains(" 200 "), "{method} {path}: {head}");
    Ok(body.to_owned())
}

/// Goes through what the program's page shows, step by step.
fn play(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let get = |path: &str| request(address, "GET", path);
    for round in 0..3 {
        for id in 0..20 {
            get(&format!("/product/{id}"))?;
            get(&format!("/nickname/{id}"))?;
        }
        println!("round {round}: {}", product::stats());
    }
    assert_eq!((product::stats().hits, product::stats().misses), (40, 20));

    let explained = get("/explain/7")?;
    println!("\n/explain/7: {explained}");
    assert!(explained.contains("\"next\":\"process\""), "{explained}");
    // A function that misses again and again, and why.
    println!("\n{}", nickname::explain(&7));
    assert!(nickname::explain(&7).to_string().contains("`if` refused it"));

    let scraped = get("/metrics")?;
    let hits =
        "cachekit_calls_total{cache=\"observe::product\",tier=\"process\",result=\"hit\"} 40";
    assert!(scraped.contains(hits), "{scraped}");
    println!("\n/metrics: {hits}");

    // The backend breaks: calls go on without it, and the page says why they are slow.
    request(address, "POST", "/break")?;
    for id in 100..110 {
        get(&format!("/product/{id}"))?;
    }
    let page = get("/cache/functions")?;
    assert!(page.contains("\"breaker\":\"open\"") && page.contains("\"kind\":\"transient\""));
    let explained = get("/explain/200")?;
    assert!(explained.contains("\"state\":\"left_alone\""), "{explained}");
    println!("\nwithout its backend: {}", product::stats());
    println!("/explain/200: {explained}");
    assert!(get("/cache")?.contains("<title>Caches</title>"));
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    cachekit::set_default_backend(Arc::new(BACKEND.clone()));
    let buckets = Matcher::Suffix("_duration_seconds".to_owned());
    let exporter = PrometheusBuilder::new()
        .set_buckets_for_metric(buckets, cachekit::metrics::DURATION_BUCKETS)?
        .install_recorder()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = axum::serve(listener, app(exporter));
    if std::env::args().any(|argument| argument == "--serve") {
        println!("http://{address}/cache");
        std::io::stdout().flush()?;
        server.await?;
        return Ok(());
    }
    let server = tokio::spawn(server.into_future());
    let played =
        tokio::task::spawn_blocking(move || play(address).map_err(|error| error.to_string()));
    played.await??;
    server.abort();
    Ok(())
}
