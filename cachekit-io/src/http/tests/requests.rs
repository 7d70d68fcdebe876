use super::super::SessionMetrics;
use super::server::{KEY, Reply, Server, answer, reply, with};
use crate::{BackendErrorKind, Expiry, LockToken, SetOptions};
use bytes::Bytes;
use http::Method;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn every_request_says_who_asks() {
    let server = Server::new(|_| reply(404, ""));
    server.client().get("a:b c/d").await.unwrap();
    server.client().exists("k").await.unwrap();
    let seen = server.seen();
    let first = &seen[0];
    assert_eq!((&first.method, first.path.as_str()), (&Method::GET, "/v1/cache/a%3Ab%20c%2Fd"));
    assert_eq!(first.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(first.header("x-cachekit-l1-status"), Some("disabled"));
    assert!(first.header("user-agent").unwrap().starts_with("cachekit/"));
    let session = first.header("x-cachekit-session-id").unwrap();
    assert_eq!(uuid::Uuid::parse_str(session).unwrap().get_version_num(), 4);
    assert!(first.header("x-cachekit-session-start").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(seen[1].header("x-cachekit-session-id"), Some(session));
    for absent in ["x-cachekit-l1-hits", "x-cachekit-l1-hit-rate", "accept-encoding"] {
        assert_eq!(first.header(absent), None);
    }
}

#[tokio::test]
async fn counts_are_sent_where_there_is_an_l1() {
    let server = Server::new(|_| reply(404, ""));
    let counted = || SessionMetrics::new(2, 1, 0);
    server.builder().l1(true).session_metrics(counted).build().unwrap().get("k").await.unwrap();
    server.builder().session_metrics(counted).build().unwrap().get("k").await.unwrap();
    server.builder().l1(true).build().unwrap().get("k").await.unwrap();
    let broken = || panic!("a counter that panics on purpose");
    server.builder().l1(true).session_metrics(broken).build().unwrap().get("k").await.unwrap();

    let told: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| {
            ["l1-status", "l1-hits", "l2-hits", "misses", "l1-hit-rate"]
                .map(|name| seen.header(&format!("x-cachekit-{name}")).unwrap_or("-").to_owned())
                .join(" ")
        })
        .collect();
    assert_eq!(told, ["miss 2 1 0 0.667", "disabled - - - -", "miss - - - -", "disabled - - - -"]);
}

#[tokio::test]
async fn windows_are_whole_seconds_rounded_down() {
    let server = Server::new(|_| reply(200, ""));
    let client = server.client();
    let set = async |options: SetOptions| client.set("k", Bytes::from_static(b"v"), &options).await;
    let new = SetOptions::new;
    let millis = Duration::from_millis;
    set(new()).await.unwrap();
    set(new().ttl(millis(1))).await.unwrap();
    set(new().ttl(millis(1500)).stale_ttl(millis(2001))).await.unwrap();
    set(new().ttl(DAY * 30).stale_ttl(Duration::ZERO)).await.unwrap();
    set(new().ttl(DAY * 29).stale_ttl(DAY).lock(LockToken::new("l-1"))).await.unwrap();
    let windows: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| {
            ["ttl", "stale-ttl", "lock-id"]
                .map(|name| seen.header(&format!("x-cachekit-{name}")).unwrap_or("-").to_owned())
                .join(" ")
        })
        .collect();
    assert_eq!(windows, ["- - -", "1 - -", "1 2 -", "2592000 - -", "2505600 86400 l-1"]);
    assert_eq!(server.seen()[0].header("content-type"), Some("application/octet-stream"));
    assert_eq!(server.seen()[0].body, "v");

    for refused in [
        new().ttl(Duration::ZERO),
        new().ttl(DAY * 30 + millis(1)),
        new().ttl(DAY * 30).stale_ttl(millis(1)),
        new().ttl(DAY).stale_ttl(Duration::MAX),
        new().ttl(Duration::MAX),
        new().stale_ttl(DAY),
        new().ttl(DAY).lock(LockToken::new("two\nlines")),
    ] {
        let error = set(refused.clone()).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::InvalidOption, "{refused:?}");
    }
    assert_eq!(server.seen().len(), 5, "what is refused is not sent");
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_first() {
    let server = Server::new(|_| reply(200, ""));
    let client = server.client();
    for key in ["", ".", "..", "health", "ttl", "lock"] {
        assert!(client.get(key).await.unwrap_err().is_invalid_key(), "{key}");
        assert!(client.acquire_lock(key, DAY).await.unwrap_err().is_invalid_key(), "{key}");
        assert!(client.expiry(key).await.unwrap_err().is_invalid_key(), "{key}");
    }
    let value = Bytes::from(vec![0; 25 * 1024 * 1024 + 1]);
    assert!(client.set("k", value, &SetOptions::new()).await.unwrap_err().is_too_large());
    assert!(client.acquire_lock("k", DAY * 31).await.unwrap_err().is_invalid_option());
    assert!(client.refresh_ttl("k", DAY * 31).await.unwrap_err().is_invalid_option());
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn large_values_arrive_whole() {
    let value: Bytes = (0..25 * 1024 * 1024_u32).map(|i| (i % 251) as u8).collect();
    let stored = value.clone();
    let server = Server::new(move |seen| match seen.method {
        Method::GET => Reply::Answer(answer(200, stored.clone())),
        _ => reply(if seen.body == stored { 200 } else { 400 }, ""),
    });
    let client = server.client().with_timeout(Duration::from_secs(60));
    client.set("k", value.clone(), &SetOptions::new()).await.unwrap();
    assert_eq!(client.get("k").await.unwrap().unwrap().value(), &value);
}

#[tokio::test]
async fn statuses_become_kinds() {
    use BackendErrorKind as Kind;
    let server = Server::new(|seen| {
        let status = seen.path.rsplit('/').next().unwrap().parse().unwrap();
        Reply::Answer(with(answer(status, format!("because\r\n\u{1b}of {KEY}")), "location", "/x"))
    });
    let client = server.builder().max_retries(0).build().unwrap();
    for (status, kind) in [
        (201, Kind::Transient),
        (204, Kind::Transient),
        (301, Kind::Permanent),
        (307, Kind::Permanent),
        (400, Kind::Permanent),
        (401, Kind::Authentication),
        (403, Kind::Authentication),
        (405, Kind::Permanent),
        (408, Kind::Transient),
        (409, Kind::Permanent),
        (413, Kind::TooLarge),
        (429, Kind::Transient),
        (500, Kind::Transient),
        (503, Kind::Transient),
    ] {
        let error = client.get(&status.to_string()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(&format!("HTTP {status}")), "{shown}");
        assert!(!shown.contains(KEY) && !shown.contains("cache.test"), "{shown}");
        if status != 204 {
            assert!(shown.contains("becauseof ***"), "{shown}");
        }
    }
    assert_eq!(server.seen().len(), 14, "redirects are not followed");
    let set = client.set("412", Bytes::new(), &SetOptions::new()).await;
    assert!(set.unwrap_err().is_superseded());
}

#[tokio::test]
async fn excerpts_are_short() {
    let server = Server::new(|_| reply(400, "é".repeat(100_000)));
    let error = server.client().get("k").await.unwrap_err();
    assert_eq!(error.context().unwrap().chars().count(), "HTTP 400: ".len() + 256);
}

#[tokio::test]
async fn bodies_that_make_no_sense_are_malformed() {
    let server = Server::new(|_| reply(200, r#"{"lock_id": 5, "ttl": "#));
    let client = server.client();
    assert!(client.acquire_lock("k", DAY).await.unwrap_err().is_transient());
    assert!(client.expiry("k").await.unwrap_err().is_transient());
    assert_eq!(server.seen().len(), 2, "asking again would not help");
    // The health check only wants an answer.
    assert_eq!(client.health().await.unwrap().backend_type, "cachekit.io");

    let server = Server::new(|_| Reply::Answer(with(answer(200, "v"), "content-encoding", "gzip")));
    assert!(server.client().get("k").await.unwrap_err().is_transient());
    let server = Server::new(|_| reply(200, r#"{"lock_id":""}"#));
    assert!(server.client().acquire_lock("k", DAY).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn freshness_headers_are_read() {
    let server = Server::new(|seen| match seen.number {
        0 => Reply::Answer(with(answer(200, "v"), "x-cachekit-freshness", "Fresh")),
        1 => Reply::Answer(with(answer(200, "v"), "x-cachekit-fresh-for", "7")),
        _ => reply(200, "v"),
    });
    let client = server.client();
    assert!(!client.get("k").await.unwrap().unwrap().is_fresh());
    let bounded = client.get("k").await.unwrap().unwrap();
    assert_eq!(bounded.fresh_for(), Some(Duration::from_secs(7)));
    assert_eq!(client.get("k").await.unwrap().unwrap().fresh_for(), None);
}

#[tokio::test]
async fn times_to_live_are_told_and_changed() {
    let server = Server::new(|seen| match seen.number {
        0 => reply(200, r#"{"ttl":90,"more":true}"#),
        1 => reply(200, r#"{"ttl":null}"#),
        2 => reply(404, ""),
        3 => reply(200, ""),
        _ => reply(409, ""),
    });
    let client = server.client();
    assert_eq!(client.expiry("k").await.unwrap(), Expiry::In(Duration::from_secs(90)));
    assert_eq!(client.expiry("k").await.unwrap(), Expiry::Never);
    assert_eq!(client.expiry("k").await.unwrap(), Expiry::Absent);
    assert!(client.refresh_ttl("k", DAY).await.unwrap());
    assert!(!client.refresh_ttl("k", DAY).await.unwrap());
    assert_eq!(server.seen()[3].body, r#"{"ttl":86400}"#);
    assert_eq!(server.seen()[3].method, Method::PATCH);
}

#[tokio::test]
async fn a_dropped_guard_releases_its_lock() {
    let (sender, mut released) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::new(move |seen| {
        if seen.method == Method::DELETE {
            sender.send(seen.header("x-cachekit-lock-id").unwrap().to_owned()).unwrap();
        }
        reply(200, r#"{"lock_id":"l-7"}"#)
    });
    let client = server.client();
    let guard = client.acquire_lock("k", Duration::from_micros(1500)).await.unwrap().unwrap();
    assert_eq!((guard.id(), guard.key()), ("l-7", "k"));
    assert!(!format!("{guard:?}").contains("l-7"));
    assert_eq!(server.seen()[0].body, r#"{"timeout_ms":2}"#);
    drop(guard);
    assert_eq!(released.recv().await.unwrap(), "l-7");

    let guard = client.acquire_lock("k", DAY).await.unwrap().unwrap();
    assert!(guard.release().await.unwrap());
    assert_eq!(released.recv().await.unwrap(), "l-7");
    assert_eq!(server.seen().len(), 4, "a released lock is released once");
}

#[tokio::test]
async fn waiting_for_a_lock_ends() {
    let server = Server::new(|seen| match seen.number {
        0..3 => reply(200, r#"{"lock_id":null}"#),
        _ => reply(200, r#"{"lock_id":"mine"}"#),
    });
    let far = std::time::Instant::now() + Duration::from_secs(60);
    let guard = server.client().acquire_lock_wait("k", DAY, far).await.unwrap().unwrap();
    assert_eq!(guard.id(), "mine");

    let server = Server::new(|_| reply(200, "{}"));
    let now = std::time::Instant::now();
    assert!(server.client().acquire_lock_wait("k", DAY, now).await.unwrap().is_none());
}

#[tokio::test]
async fn a_free_lock_is_taken_without_time_to_wait_for_it() {
    let server = Server::new(|_| reply(200, r#"{"lock_id":"mine"}"#));
    let now = std::time::Instant::now();
    let guard = server.client().acquire_lock_wait("k", DAY, now).await.unwrap().unwrap();
    assert_eq!(guard.id(), "mine");
}

#[tokio::test]
async fn a_look_at_a_lock_ends_in_time_and_gives_back_what_comes_late() {
    let (answer, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let (sender, mut released) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::new(move |seen| {
        if seen.method == Method::DELETE {
            sender.send(seen.header("x-cachekit-lock-id").unwrap().to_owned()).unwrap();
        } else if seen.number == 0 {
            return reply(200, "{}");
        } else {
            held.lock().unwrap().recv().unwrap();
        }
        reply(200, r#"{"lock_id":"late"}"#)
    });
    let soon = std::time::Instant::now() + Duration::from_secs(1);
    assert!(server.client().acquire_lock_wait("k", DAY, soon).await.unwrap().is_none());
    answer.send(()).unwrap();
    assert_eq!(released.recv().await.unwrap(), "late");
}
