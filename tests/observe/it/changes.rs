//! Changes by the page: what is no request for one changes nothing, and a value's destructor holds nothing up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use cachekit::page::Page;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::page::{Server, TOKEN};

fn serve() -> Server {
    Server::start(Router::new().nest("/cache", Page::new().allow_changes(TOKEN).router()))
}

#[test]
fn a_body_that_is_no_request_for_a_change_changes_nothing() {
    #[cachekit::cache::local]
    fn kept(n: u64) -> u64 {
        n
    }

    let server = serve();
    kept(1);
    let bodies = [
        "null",
        "5",
        "\"page::a\"",
        "[]",
        "{\"cache\": 5}",
        "{\"cache\": null}",
        "{\"cache\": [\"page::a\"]}",
        "{\"caches\": \"page::a\"}",
        "{\"cache\": \"page::a\", \"cache\": \"page::b\"}",
        "{\"cache\": \"page::a\", \"dry_run\": true}",
        "{} {}",
    ];
    for path in ["/clear", "/purge", "/invalidate"] {
        for body in bodies {
            let request = server.post(path, &Value::Null).body(body).bearer_auth(TOKEN);
            assert_eq!(request.send().unwrap().status(), StatusCode::BAD_REQUEST, "{path} {body}");
        }
    }
    assert!(kept::contains(&1));
}

#[test]
fn of_a_request_without_the_token_no_body_is_read() {
    let server = serve();
    let mut stream = TcpStream::connect(server.address).unwrap();
    // Not a test of time: without an answer the test fails instead of hanging.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = "POST /cache/clear HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("it waits for the body");
    assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 401");
}

#[test]
fn a_longer_body_than_any_change_has_is_refused() {
    let server = serve();
    let body = json!({ "cache": "x".repeat(20_000) });
    let answer = server.post("/clear", &body).bearer_auth(TOKEN).send().unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.text().unwrap(), "{\"error\":\"the body is too long\"}");
}

thread_local! {
    /// On this thread values go quietly.
    static QUIET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whose destructor blocks, as a client's does that says goodbye, and panics then.
#[derive(Clone, Debug, PartialEq)]
struct Parting(u64);

impl Drop for Parting {
    fn drop(&mut self) {
        if QUIET.get() {
            return;
        }
        // Where tasks are driven this is refused with a panic of its own.
        tokio::runtime::Handle::current().block_on(tokio::task::yield_now());
        BLOCKED.store(true, Ordering::Relaxed);
        panic!("secret-in-a-destructor");
    }
}

static BLOCKED: AtomicBool = AtomicBool::new(false);

#[test]
fn values_are_dropped_where_they_may_block_and_a_panic_of_theirs_is_an_answer() {
    #[cachekit::cache::local]
    fn parting(n: u64) -> Parting {
        Parting(n)
    }

    let server = serve();
    QUIET.set(true);
    assert_eq!(parting(1), Parting(1));
    let cache = format!(
        "{}::values_are_dropped_where_they_may_block_and_a_panic_of_theirs_is_an_answer::parting",
        module_path!()
    );
    let body = json!({ "cache": cache });
    let answer = server.post("/clear", &body).bearer_auth(TOKEN).send().unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let said = answer.text().unwrap();
    assert!(
        said.contains("a destructor of a value panicked") && !said.contains("secret"),
        "{said}"
    );
    assert!(BLOCKED.load(Ordering::Relaxed), "it was not dropped where it may block");
    assert_eq!(parting::stats().entries, 0);
}
