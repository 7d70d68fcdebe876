use super::server::{Reply, Server, Speaks, answer, reply, with};
use crate::{Backend, BackendErrorKind, CachekitIo, LockToken, SetOptions};
use bytes::Bytes;
use futures_util::future::join_all;
use h2::Reason;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LEASE: Duration = Duration::from_secs(5);

async fn value(client: &CachekitIo) -> Bytes {
    client.get("k").await.unwrap().unwrap().into_value()
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again() {
    let server = Server::new(|seen| reply(if seen.number < 2 { 503 } else { 200 }, "v"));
    assert_eq!(value(&server.client()).await, "v");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn retries_end() {
    let server = Server::new(|_| reply(500, ""));
    let client = server.builder().max_retries(2).build().unwrap();
    assert!(client.get("k").await.unwrap_err().is_transient());
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_long_retry_after_ends_it() {
    let server = Server::new(|_| Reply::Answer(with(answer(503, ""), "retry-after", "60")));
    let error = server.client().get("k").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for() {
    let server = Server::new(|seen| match seen.number {
        0 => Reply::Answer(with(answer(429, ""), "retry-after", "1")),
        _ => reply(200, "v"),
    });
    let started = Instant::now();
    assert_eq!(value(&server.client()).await, "v");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn quota_and_credentials_are_not_tried_again() {
    let server = Server::new(|seen| match seen.number {
        0 => Reply::Answer(with(answer(429, ""), "x-cachekit-deny-reason", "quota")),
        _ => reply(401, ""),
    });
    let client = server.client();
    assert_eq!(client.get("k").await.unwrap_err().kind(), BackendErrorKind::QuotaExceeded);
    assert!(client.get("k").await.unwrap_err().is_authentication());
    assert_eq!(server.seen().len(), 2);
}

/// The server did it, and the answer was lost: the second attempt finds nothing.
#[tokio::test]
async fn what_a_repeated_removal_finds_gone_was_there() {
    let lost: [fn() -> Reply; 3] =
        [|| reply(503, ""), || Reply::Reset(Reason::INTERNAL_ERROR), || Reply::Hangup];
    for lost in lost {
        let server = Server::new(move |seen| match seen.number {
            0 | 3 => lost(),
            // The requests after it have their first answer.
            1 | 2 => reply(404, ""),
            _ => Reply::Answer(with(answer(200, ""), "x-cachekit-lock-release", "not-held")),
        });
        let client = server.client();
        assert!(client.delete("k").await.unwrap());
        assert!(!client.delete("k").await.unwrap());
        let locks = client.locks().expect("it has locks");
        let token = LockToken::new("l");
        assert!(locks.release("k", &token).await.unwrap());
        assert!(!locks.release("k", &token).await.unwrap());
        assert_eq!(server.seen().len(), 6);
    }
}

/// A refusal for the number of requests did nothing: what the next attempt finds gone was gone before.
#[tokio::test]
async fn a_removal_that_was_put_off_has_removed_nothing() {
    let server = Server::new(|seen| reply(if seen.number == 0 { 429 } else { 404 }, ""));
    assert!(!server.client().delete("k").await.unwrap());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_lock_is_asked_for_once() {
    let server = Server::new(|seen| match seen.number {
        0 => reply(503, ""),
        1 => Reply::Reset(Reason::INTERNAL_ERROR),
        2 => Reply::Hangup,
        // Refused streams were not looked at.
        3 => Reply::Reset(Reason::REFUSED_STREAM),
        _ => reply(200, r#"{"lock_id":"l"}"#),
    });
    let client = server.client();
    for asked in 1..=3 {
        assert!(client.acquire_lock("k", LEASE).await.unwrap_err().is_transient());
        assert_eq!(server.seen().len(), asked);
    }
    let guard = client.acquire_lock("k", LEASE).await.unwrap().unwrap();
    assert_eq!(server.seen().len(), 5);
    guard.release().await.unwrap();
}

#[tokio::test]
async fn a_reset_in_the_middle_is_no_value() {
    let server = Server::new(|seen| match seen.number {
        0 => Reply::Half(answer(200, "half of this")),
        1 => Reply::Half(with(answer(200, "half of this"), "content-length", "12")),
        _ => reply(200, "whole"),
    });
    assert_eq!(value(&server.client()).await, "whole");
    let server = Server::new(|_| Reply::Half(answer(200, "half of this")));
    let client = server.builder().max_retries(1).build().unwrap();
    assert!(client.get("k").await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_stalled_answer_times_out() {
    let server = Server::new(|seen| match seen.number {
        0 => Reply::Stall,
        _ => reply(200, "v"),
    });
    let client = server.client();
    let impatient = client.with_timeout(Duration::from_millis(300));
    assert!(impatient.get("k").await.unwrap_err().is_timeout());
    // The connection is well and is used again once a ping said so.
    assert_eq!(value(&client).await, "v");
}

#[tokio::test]
async fn a_server_that_does_not_even_connect_times_out() {
    // Takes connections and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let client = CachekitIo::builder()
        .api_key("ck")
        .api_url(url)
        .allow_custom_host(true)
        .allow_private_addresses(true)
        .proxy(false)
        .timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    assert!(client.get("k").await.unwrap_err().is_timeout());
    assert!(client.warm_up().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_closed_port_is_a_transient_failure() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let client = CachekitIo::builder()
        .api_key("ck")
        .api_url(format!("https://127.0.0.1:{port}"))
        .allow_custom_host(true)
        .allow_private_addresses(true)
        .proxy(false)
        .build()
        .unwrap();
    assert!(client.get("k").await.unwrap_err().is_transient());
    assert!(client.warm_up().await.unwrap_err().is_transient());
}

#[tokio::test]
async fn an_unknown_certificate_is_refused() {
    let server = Server::new(|_| reply(200, "v"));
    let other = Server::new(|_| reply(200, "v"));
    let url = format!("https://{}:{}", super::server::HOST, server.port);
    let client = other.builder().api_url(url).build().unwrap();
    let error = client.get("k").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("TLS"), "{error}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn oversized_answers_are_refused() {
    let server = Server::new(|seen| match seen.number {
        0 => reply(200, vec![0; 1001]),
        1 => Reply::Head(with(answer(200, ""), "content-length", "9000000000")),
        _ => reply(200, vec![0; 1000]),
    });
    let client = server.builder().max_answer_bytes(1000).build().unwrap();
    assert!(client.get("k").await.unwrap_err().is_too_large());
    assert!(client.get("k").await.unwrap_err().is_too_large());
    assert_eq!(value(&client).await.len(), 1000);
}

#[tokio::test]
async fn a_going_server_is_left() {
    let server = Server::new(|seen| match seen.number {
        0 => Reply::GoAway(answer(200, "last")),
        _ => reply(200, r#"{"lock_id":"l"}"#),
    });
    let client = server.builder().max_retries(0).build().unwrap();
    assert_eq!(value(&client).await, "last");
    // Even what must not be done twice goes to the next connection.
    for _ in 0..20 {
        let guard = client.acquire_lock("k", LEASE).await.unwrap().unwrap();
        guard.release().await.unwrap();
    }
    assert_eq!(server.seen().last().unwrap().connection, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_survive_a_killed_connection() {
    // All fifty are under way, on one connection, before it is cut.
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&arrived);
    let server = Server::new(move |seen| {
        if seen.connection == 1 && seen.number > 0 {
            let before = counter.fetch_add(1, Ordering::SeqCst);
            return if before == 49 { Reply::Hangup } else { Reply::Stall };
        }
        reply(200, "v")
    });
    let client = server.client();
    assert_eq!(value(&client).await, "v");
    let values = join_all((0..50).map(|_| value(&client))).await;
    assert!(values.iter().all(|value| value == "v"));
    assert_eq!(arrived.load(Ordering::SeqCst), 50);
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced() {
    let server = Server::new(|_| reply(200, "v"));
    let client = server.builder().max_retries(1).build().unwrap();
    for _ in 0..5 {
        assert_eq!(value(&client).await, "v");
        server.hang_up();
    }
    assert!(server.connections() >= 2);
}

#[tokio::test]
async fn first_requests_share_a_connection() {
    let server = Server::new(|_| reply(200, "v"));
    let client = server.client();
    let values = join_all((0..100).map(|_| value(&client))).await;
    assert_eq!(values.len(), 100);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_full_connection_gets_company() {
    // With two streams at a time on each connection, eight stalled requests fill four.
    let server = Server::start(Speaks::H2, 2, |seen| {
        if seen.path.ends_with("stall") { Reply::Stall } else { reply(200, "v") }
    });
    let client = server.builder().pool_size(3).build().unwrap();
    assert_eq!(value(&client).await, "v");
    let stalled: Vec<_> = (0..8)
        .map(|_| {
            let client = client.with_timeout(Duration::from_millis(400));
            tokio::spawn(async move { client.get("stall").await.unwrap_err().is_timeout() })
        })
        .collect();
    for timed_out in stalled {
        assert!(timed_out.await.unwrap());
    }
    // The dials began one after the other, each while the ones before were full.
    assert!((2..=3).contains(&client.shared.pool.connections()));
    assert_eq!(value(&client).await, "v");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1_uses_each_connection_for_one_request() {
    let server = Server::start(Speaks::H1, 0, |_| reply(200, "v"));
    let client = server.builder().pool_size(3).build().unwrap();
    let values = join_all((0..60).map(|_| value(&client))).await;
    assert!(values.iter().all(|value| value == "v"));
    assert!((1..=3).contains(&server.connections()), "{}", server.connections());
    assert_eq!(server.seen()[0].header("host").unwrap(), format!("cache.test:{}", server.port));
    assert!(client.exists("k").await.unwrap());
    client.set("k", Bytes::new(), &SetOptions::new()).await.unwrap();
}
