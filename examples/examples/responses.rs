//! An axum router behind a cache of whole responses.
//!
//! ```text
//! cargo run -p examples --example responses                            # serves itself some requests, then ends
//! cargo run -p examples --example responses -- --serve 127.0.0.1:3000  # keeps serving
//! ```
//!
//! The handlers know nothing about the cache. They state in `Cache-Control` how long their responses may be reused, and
//! in `Vary` which request headers these depend on. The layer does the rest: one run for many clients, 304, and the
//! invalidation after a `PUT`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cachekit::responses::CacheResponses;

mod http;
use http::{ask, serve};

/// Stands in for a template that is slow to render.
#[derive(Default)]
struct Site {
    title: Mutex<String>,
    rendered: AtomicU32,
}

/// The same response for all clients with the same language, for a minute.
async fn page(State(site): State<Arc<Site>>, Path(id): Path<u32>, asked: HeaderMap) -> Response {
    site.rendered.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let language = asked.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let title = site.title.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = format!("{title} {id} in {}", language.unwrap_or("English"));
    ([(header::CACHE_CONTROL, "max-age=60"), (header::VARY, "Accept-Language")], text)
        .into_response()
}

/// Its response invalidates the page in all languages.
async fn rename(State(site): State<Arc<Site>>, Path(_): Path<u32>, title: String) -> StatusCode {
    *site.title.lock().unwrap_or_else(PoisonError::into_inner) = title;
    StatusCode::NO_CONTENT
}

/// For one client only: never stored, and never shared with another client that asks at the same time.
async fn basket() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "private")], "your basket")
}

fn service(site: &Arc<Site>, cache: &CacheResponses) -> Router {
    Router::new()
        .route("/pages/{id}", get(page).put(rename))
        .route("/basket", get(basket))
        .with_state(Arc::clone(site))
        // Outermost, so that the layer sees the paths that clients ask for.
        .layer(cache.clone())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let site = Arc::new(Site { title: Mutex::new("Page".to_owned()), ..Site::default() });
    let cache = CacheResponses::builder("example-pages").capacity(16 << 20).build();
    let to = serve(service(&site, &cache)).await?;

    // 50 clients at once: one run.
    let asking: Vec<_> = (0..50).map(|_| tokio::spawn(ask(to, "GET /pages/1", "", ""))).collect();
    for answer in asking {
        assert!(answer.await??.ends_with("\r\n\r\nPage 1 in English"));
    }
    assert_eq!(site.rendered.load(Ordering::Relaxed), 1);

    let hit = shown(to, "GET /pages/1", "", "").await?;
    assert!(hit.contains("cache-status: cachekit; hit"));
    // The client already has this version.
    let tag = hit.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or_default();
    let none = shown(to, "GET /pages/1", &format!("if-none-match: {tag}\r\n"), "").await?;
    assert!(none.starts_with("HTTP/1.1 304"));
    // Another language is another response.
    let german = shown(to, "GET /pages/1", "accept-language: de\r\n", "").await?;
    assert!(german.ends_with("Page 1 in de"));
    // The next read sees the change, in every language.
    shown(to, "PUT /pages/1", "", "Chapter").await?;
    for language in ["", "accept-language: de\r\n"] {
        assert!(shown(to, "GET /pages/1", language, "").await?.contains("Chapter 1 in"));
    }
    shown(to, "GET /basket", "", "").await?;
    assert!(!shown(to, "GET /basket", "", "").await?.contains("; hit"));

    cache
        .invalidate(&format!("http://{to}/pages/1"))
        .await
        .map_err(std::io::Error::other)?
        .ignore();
    assert!(shown(to, "GET /pages/1", "", "").await?.contains("fwd=uri-miss"));
    println!("{:?}", cache.stats());
    Ok(())
}

/// Sends a request and prints it with the status and the `Cache-Status` of its response.
async fn shown(to: SocketAddr, what: &str, headers: &str, body: &str) -> std::io::Result<String> {
    let answer = ask(to, what, headers, body).await?;
    let status = answer.lines().next().unwrap_or_default();
    let cache = answer.lines().find(|line| line.starts_with("cache-status")).unwrap_or_default();
    println!("{what} -> {status}, {cache}");
    Ok(answer)
}
