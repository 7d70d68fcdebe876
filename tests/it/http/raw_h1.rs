//! What the published clients demand of a server, as the bytes they send and read.

use super::local::{Local, limits};
use super::raw::{Answer, Raw};
use super::trust::Leaf;
use cachekit_server::KeyKind;
use std::time::Duration;

/// What every request of the published clients begins and ends with.
fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = match body.len() {
        0 if method != "PUT" => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    format!(
        "{method} /v1/cache/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer KEY\r\n\
         X-CacheKit-L1-Status: miss\r\nX-CacheKit-Session-ID: 2f0c2f3e-9be1-4f4e-8d2b-8f1f0a3f8f0a\r\n\
         X-CacheKit-Session-Start: 1790000000000\r\n{headers}{length}\r\n{body}"
    )
}

fn connect(server: &Local) -> Raw {
    Raw::connect(server, &[b"http/1.1"])
}

impl Raw {
    fn call(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.ask(&request(method, path, headers, body))
    }
}

#[test]
fn http_1_is_spoken_with_and_without_alpn_and_connections_are_kept() {
    let server = Local::start();
    for (alpn, agreed) in
        [(&[b"http/1.1".as_slice()][..], Some(b"http/1.1".as_slice())), (&[][..], None)]
    {
        let mut raw = Raw::connect(&server, alpn);
        for _ in 0..3 {
            let answer = raw.call("GET", "health", "", "");
            assert_eq!(answer.status, 200);
            assert!(answer.head.starts_with("HTTP/1.1 200"));
        }
        assert_eq!(raw.protocol(), agreed);
    }
    assert_eq!(server.metric("cachekit_server_connections_total"), 2);
}

#[test]
fn a_get_answers_the_exact_bytes_with_exactly_one_freshness() {
    let server = Local::start();
    let mut raw = connect(&server);
    assert_eq!(raw.call("GET", "k", "", "").status, 404);
    // Every byte once, as one literal request.
    let bytes: Vec<u8> = (0..=255).collect();
    let put = request("PUT", "k", "X-CacheKit-TTL: 10\r\nX-CacheKit-Stale-TTL: 5\r\n", "");
    raw.send(&put.replace("Content-Length: 0", "Content-Length: 256"));
    raw.send_bytes(&bytes);
    assert_eq!(raw.answer(false).status, 200);
    for (seconds, freshness, fresh_for) in
        [(0, "fresh", "10"), (4, "fresh", "6"), (7, "stale", "0")]
    {
        server.hands.advance(Duration::from_secs(seconds));
        let answer = raw.call("GET", "k", "Accept-Encoding: gzip, br, zstd\r\n", "");
        assert_eq!((answer.status, &answer.body), (200, &bytes));
        assert_eq!(answer.lines("content-encoding"), [""; 0]);
        assert_eq!(answer.lines("transfer-encoding"), [""; 0]);
        assert_eq!(answer.lines("x-cachekit-freshness"), [freshness]);
        assert_eq!(answer.lines("x-cachekit-fresh-for"), [fresh_for]);
    }
    // Half a second before the whole one, what is left is rounded down.
    raw.call("PUT", "k", "X-CacheKit-TTL: 10\r\n", "v");
    server.hands.advance(Duration::from_millis(500));
    let answer = raw.call("GET", "k", "", "");
    assert_eq!(answer.lines("x-cachekit-fresh-for"), ["9"]);
}

#[test]
fn without_a_ttl_an_entry_has_no_end_and_no_bound() {
    let server = Local::start();
    let mut raw = connect(&server);
    raw.call("PUT", "k", "", "v");
    server.hands.advance(Duration::from_secs(400 * 24 * 3600));
    let answer = raw.call("GET", "k", "", "");
    assert_eq!((answer.status, answer.text()), (200, "v"));
    assert_eq!(answer.lines("x-cachekit-freshness"), ["fresh"]);
    assert_eq!(answer.lines("x-cachekit-fresh-for"), [""; 0]);
    let answer = raw.call("GET", "k/ttl", "", "");
    assert_eq!((answer.status, answer.text()), (200, r#"{"ttl":null}"#));
}

#[test]
fn a_head_has_no_body_and_no_bound() {
    let server = Local::start();
    let mut raw = connect(&server);
    assert_eq!(raw.call("HEAD", "k", "", "").status, 404);
    raw.call("PUT", "k", "X-CacheKit-TTL: 10\r\n", "value");
    let answer = raw.call("HEAD", "k", "", "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.lines("x-cachekit-fresh-for"), [""; 0]);
    // A body would be read as the beginning of this answer.
    assert_eq!(raw.call("GET", "k", "", "").text(), "value");
}

#[test]
fn windows_out_of_range_are_refused() {
    let server = Local::start();
    let mut raw = connect(&server);
    let (ttl, stale) = ("X-CacheKit-TTL", "X-CacheKit-Stale-TTL");
    for good in [
        format!("{ttl}: 1\r\n"),
        format!("{ttl}: 2592000\r\n"),
        format!("{ttl}: 1\r\n{stale}: 2591999\r\n"),
    ] {
        assert_eq!(raw.call("PUT", "k", &good, "v").status, 200, "{good}");
    }
    for bad in [
        format!("{ttl}: 0\r\n"),
        format!("{ttl}: -1\r\n"),
        format!("{ttl}: 1.5\r\n"),
        format!("{ttl}: x\r\n"),
        format!("{ttl}: \r\n"),
        format!("{ttl}: 2592001\r\n"),
        format!("{ttl}: 18446744073709551617\r\n"),
        format!("{ttl}: 1\r\n{ttl}: 2\r\n"),
        format!("{stale}: 5\r\n"),
        format!("{ttl}: 2\r\n{stale}: 2591999\r\n"),
    ] {
        assert_eq!(raw.call("PUT", "bad", &bad, "v").status, 400, "{bad}");
    }
    assert_eq!(raw.call("GET", "bad", "", "").status, 404, "nothing was stored");
}

#[test]
fn a_delete_succeeds_whether_or_not_there_was_something() {
    let server = Local::start();
    let mut raw = connect(&server);
    raw.call("PUT", "k", "", "v");
    for _ in 0..2 {
        let answer = raw.call("DELETE", "k", "", "");
        assert_eq!((answer.status, answer.text()), (200, r#"{"success":true}"#));
    }
    assert_eq!(raw.call("GET", "k", "", "").status, 404);
}

#[test]
fn too_large_a_value_is_refused_with_an_answer_that_a_sender_can_read() {
    let limit = 100_000;
    let server =
        Local::start_with(|builder| builder.limits(limits(|all| all.max_value_bytes = limit)));
    let mut raw = connect(&server);
    // Sent to its end before anything is read, as HTTP/1.1 clients do.
    let put = request("PUT", "k", "", "").replace("Content-Length: 0", "Content-Length: 3000000");
    raw.send(&put);
    raw.send_bytes(&vec![7; 3_000_000]);
    assert_eq!(raw.answer(false).status, 413);
    assert_eq!(raw.call("PUT", "k", "", &"v".repeat(limit)).status, 200, "it is still usable");
    assert_eq!(raw.call("PUT", "k", "", &"v".repeat(limit + 1)).status, 413);
    assert_eq!(raw.call("GET", "k", "", "").body.len(), limit);
}

#[test]
fn locks_answer_an_id_or_null_and_nothing_else() {
    let server = Local::start();
    let mut raw = connect(&server);
    let json = "Content-Type: application/json\r\n";
    let take = |raw: &mut Raw| {
        let answer = raw.call("POST", "k/lock", json, r#"{"timeout_ms":5000}"#);
        assert_eq!(answer.status, 200);
        answer.text().to_owned()
    };
    let taken = take(&mut raw);
    let id = taken.strip_prefix(r#"{"lock_id":""#).and_then(|id| id.strip_suffix(r#""}"#));
    let id = id.expect("an id and no other field").to_owned();
    assert!(id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'), "it fits a header");
    assert_eq!(take(&mut raw), r#"{"lock_id":null}"#);
    // Only the holder's id frees it; a late release is no server error.
    assert_eq!(raw.call("DELETE", "k/lock", "", "").status, 400);
    assert_eq!(raw.call("DELETE", "k/lock", "X-CacheKit-Lock-Id: other\r\n", "").status, 200);
    assert_eq!(take(&mut raw), r#"{"lock_id":null}"#);
    let header = format!("X-CacheKit-Lock-Id: {id}\r\n");
    assert_eq!(raw.call("DELETE", "k/lock", &header, "").status, 200);
    assert_eq!(raw.call("DELETE", "k/lock", &header, "").status, 200);
    // The lease ends by itself, at its millisecond.
    assert_ne!(take(&mut raw), r#"{"lock_id":null}"#);
    server.hands.advance(Duration::from_millis(4999));
    assert_eq!(take(&mut raw), r#"{"lock_id":null}"#);
    server.hands.advance(Duration::from_millis(1));
    assert_ne!(take(&mut raw), r#"{"lock_id":null}"#);
}

#[test]
fn ttl_counts_to_the_eviction_and_is_never_zero() {
    let server = Local::start();
    let mut raw = connect(&server);
    assert_eq!(raw.call("GET", "k/ttl", "", "").status, 404);
    raw.call("PUT", "k", "X-CacheKit-TTL: 10\r\nX-CacheKit-Stale-TTL: 5\r\n", "v");
    for (millis, ttl) in [(0, 15), (1, 15), (13_998, 2), (1000, 1)] {
        server.hands.advance(Duration::from_millis(millis));
        let answer = raw.call("GET", "k/ttl", "", "");
        assert_eq!((answer.status, answer.text()), (200, format!("{{\"ttl\":{ttl}}}").as_str()));
    }
    server.hands.advance(Duration::from_millis(1));
    assert_eq!(raw.call("GET", "k/ttl", "", "").status, 404);
    assert_eq!(raw.call("GET", "k", "", "").status, 404);
}

#[test]
fn a_refresh_extends_what_is_fresh_and_creates_nothing() {
    let server = Local::start();
    let mut raw = connect(&server);
    let json = "Content-Type: application/json\r\n";
    let refresh = |raw: &mut Raw, body: &str| raw.call("PATCH", "k/ttl", json, body).status;
    assert_eq!(refresh(&mut raw, r#"{"ttl":60}"#), 200, "absent");
    assert_eq!(raw.call("GET", "k", "", "").status, 404, "and absent it stays");
    raw.call("PUT", "k", "X-CacheKit-TTL: 10\r\nX-CacheKit-Stale-TTL: 5\r\n", "v");
    for bad in ["", "{}", r#"{"ttl":0}"#, r#"{"ttl":-1}"#, r#"{"ttl":1.5}"#, r#"{"ttl":2592001}"#] {
        assert_eq!(refresh(&mut raw, bad), 400, "{bad}");
    }
    server.hands.advance(Duration::from_secs(9));
    assert_eq!(refresh(&mut raw, r#"{"ttl":20}"#), 200);
    server.hands.advance(Duration::from_secs(19));
    assert_eq!(raw.call("GET", "k", "", "").lines("x-cachekit-freshness"), ["fresh"]);
    server.hands.advance(Duration::from_secs(2));
    assert_eq!(raw.call("GET", "k", "", "").lines("x-cachekit-freshness"), ["stale"]);
    assert_eq!(refresh(&mut raw, r#"{"ttl":20}"#), 409);
}

#[test]
fn health_is_a_json_object() {
    let server = Local::start();
    let answer = connect(&server).call("GET", "health", "", "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), r#"{"status":"ok","cache_entries":0,"active_locks":0}"#);
}

#[test]
fn refusals_have_the_statuses_that_clients_sort_by() {
    let server = Local::presenting(Leaf::Good, KeyKind::Sdk, |builder| builder);
    let mut raw = connect(&server);
    let get = request("GET", "k", "", "");
    assert_eq!(raw.ask(&get.replace("KEY", "ck_sdk_wrong")).status, 401);
    assert_eq!(raw.ask(&get.replace("Authorization: Bearer KEY\r\n", "")).status, 401);
    // Authentication comes before every other check.
    assert_eq!(
        raw.ask(&get.replace("KEY", "wrong").replace("/v1/cache/k", "/nowhere")).status,
        401
    );
    assert_eq!(raw.call("PUT", "nsapi%3Aa%3Ab", "", "v").status, 403);
    let answer = raw.call("POST", "k", "", "v");
    assert_eq!((answer.status, answer.lines("allow").len()), (405, 1));
    // Keys of this class have to tell about their own cache.
    assert_eq!(raw.ask(&get.replace("X-CacheKit-L1-Status: miss\r\n", "")).status, 400);
    assert_eq!(raw.ask(&get.replace("Status: miss", "Status: perhaps")).status, 400);
    for path in ["%2E", "%2e%2E", ".", "..", "a..b", "ttl", "lock", "", "a%2", "a%2Fb"] {
        assert_eq!(raw.call("PUT", path, "", "v").status, 400, "{path}");
    }
    for answer in [raw.call("GET", "k", "", ""), raw.call("GET", "health", "", "")] {
        assert_eq!(answer.lines("cache-control"), ["no-store"]);
        assert_eq!(answer.lines("vary"), ["Authorization"]);
    }
    let options = "OPTIONS /v1/cache/k HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(raw.ask(options).status, 204);
}
