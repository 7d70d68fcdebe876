//! An HTTP service (axum) whose handlers call cached async functions.
//!
//! ```text
//! cargo run -p examples --example web                            # serves itself some requests, then ends
//! cargo run -p examples --example web -- --serve 127.0.0.1:3000  # keeps serving
//! ```
//!
//! `GET /users/{id}` reads through the cache. `PUT /users/{id}` with a name as its body writes and then
//! invalidates. `GET /stats` shows the counters.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use cachekit::cache;

mod http;
use http::{ask, serve};

/// Stands in for a database on the other side of a network.
#[derive(Default)]
struct Database {
    rows: Mutex<HashMap<u64, String>>,
    queries: AtomicU32,
}

impl Database {
    async fn select(&self, id: u64) -> Option<String> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn update(&self, id: u64, name: String) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).insert(id, name);
    }
}

/// `db` does not affect the result, so it is left out of the key: the key is the id. "No such user" is
/// cached, too, but not for long.
#[cache(ttl(ok = "1m", none = "1s"), skip(db))]
async fn user(db: &Database, id: u64) -> Option<String> {
    db.select(id).await
}

async fn read(State(db): State<Arc<Database>>, Path(id): Path<u64>) -> Result<String, StatusCode> {
    user(&db, id).await.ok_or(StatusCode::NOT_FOUND)
}

async fn write(State(db): State<Arc<Database>>, Path(id): Path<u64>, name: String) -> StatusCode {
    db.update(id, name);
    // After the write. The result of a read that started before and is still running will not be stored.
    if user::invalidate(&id).await.is_confirmed() {
        StatusCode::NO_CONTENT
    } else {
        // Only with a shared tier: it could not be reached and may still have the old value.
        StatusCode::ACCEPTED
    }
}

async fn stats(State(db): State<Arc<Database>>) -> String {
    format!("{}, {} queries\n", user::stats(), db.queries.load(Ordering::Relaxed))
}

fn service() -> Router {
    let db = Arc::new(Database::default());
    db.update(1, "Ada".to_owned());
    Router::new()
        .route("/users/{id}", get(read).put(write))
        .route("/stats", get(stats))
        .with_state(db)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = serve(service()).await?;

    // 50 requests for one user at once: one query.
    let requests: Vec<_> =
        (0..50).map(|_| tokio::spawn(request(address, "GET /users/1", ""))).collect();
    for answer in requests {
        assert_eq!(answer.await??, "200 Ada");
    }
    println!("50 requests at once:");
    assert!(shown(address, "GET /stats", "").await?.contains(" 1 queries"));
    assert_eq!(shown(address, "GET /users/1", "").await?, "200 Ada");
    // The next read sees the change.
    assert_eq!(shown(address, "PUT /users/1", "Grace").await?, "204 ");
    assert_eq!(shown(address, "GET /users/1", "").await?, "200 Grace");
    assert_eq!(shown(address, "GET /users/2", "").await?, "404 ");
    shown(address, "GET /stats", "").await?;
    Ok(())
}

/// Sends a request and prints it with how long it took.
async fn shown(to: SocketAddr, what: &str, body: &str) -> std::io::Result<String> {
    let started = Instant::now();
    let answer = request(to, what, body).await?;
    println!("{:>8.1?}  {what} -> {}", started.elapsed(), answer.trim_end());
    Ok(answer)
}

/// Returns the response's status code and body.
async fn request(to: SocketAddr, what: &str, body: &str) -> std::io::Result<String> {
    let answer = ask(to, what, "", body).await?;
    let code = answer.split(' ').nth(1).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(format!("{code} {body}"))
}
