//! The API as published clients know it, on both protocols.

use crate::support::{Fixture, H1};
use cachekit_server::KeyRule;

const KEY: &str = "/v1/cache/ns%3Ashop%3A7";

#[tokio::test]
async fn a_value_is_stored_read_and_deleted() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        assert_eq!(client.get(KEY).await, None);
        let every_byte: Vec<u8> = (0..=255).collect();
        client.put(KEY, &[("x-cachekit-ttl", "60")], &every_byte).await;
        let answer = client.call("GET", KEY, b"").await;
        assert_eq!((answer.status, &answer.body), (200, &every_byte));
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert_eq!(answer.header("content-length"), Some("256"));
        assert_eq!(answer.header("content-encoding"), None);
        // Once more over what is there, and an empty value is a value.
        client.put(KEY, &[], b"").await;
        assert_eq!(client.get(KEY).await.as_deref(), Some(b"".as_slice()));
        for _ in 0..2 {
            let answer = client.call("DELETE", KEY, b"").await;
            assert_eq!((answer.status, answer.text()), (200, r#"{"success":true}"#));
            assert_eq!(client.get(KEY).await, None);
        }
    }
}

#[tokio::test]
async fn what_one_connection_wrote_every_other_reads_at_once() {
    let fixture = Fixture::start().await;
    let [mut one, mut two] = fixture.both().await;
    for round in 0..50 {
        let value = format!("value {round}");
        one.put(KEY, &[], value.as_bytes()).await;
        assert_eq!(two.get(KEY).await.as_deref(), Some(value.as_bytes()));
    }
}

#[tokio::test]
async fn a_large_value_survives_both_ways() {
    let fixture = Fixture::start().await;
    let mut large: Vec<u8> = (0..25 * 1024 * 1024).map(|at: u32| at.to_le_bytes()[1]).collect();
    for mut client in fixture.both().await {
        client.put(KEY, &[], &large).await;
        assert!(client.get(KEY).await.as_ref() == Some(&large), "25 MiB come back as they went");
        large.push(1);
        let refused = client.call("PUT", KEY, &large).await;
        assert_eq!(refused.status, 413);
        large.pop();
        assert!(client.get(KEY).await.as_ref() == Some(&large), "the old value is still there");
    }
}

#[tokio::test]
async fn head_tells_existence_without_a_body() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        assert_eq!(client.call("HEAD", KEY, b"").await.status, 404);
        client.put(KEY, &[("x-cachekit-ttl", "60")], b"value").await;
        let answer = client.call("HEAD", KEY, b"").await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert_eq!(answer.header("x-cachekit-fresh-for"), None);
        // A body after the head would be taken for the next answer.
        assert_eq!(client.get(KEY).await.as_deref(), Some(b"value".as_slice()));
        client.call("DELETE", KEY, b"").await;
    }
}

#[tokio::test]
async fn health_has_exactly_its_three_fields() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        client.put(KEY, &[("x-cachekit-ttl", "60")], b"value").await;
        let id = client.lock(KEY, 5000).await.expect("free");
        let answer = client.call("GET", "/v1/cache/health", b"").await;
        let expected = r#"{"status":"ok","cache_entries":1,"active_locks":1}"#;
        assert_eq!((answer.status, answer.text()), (200, expected));
        assert_eq!(client.unlock(KEY, &id).await, (200, true));
        client.call("DELETE", KEY, b"").await;
        let answer = client.call("GET", "/v1/cache/health", b"").await;
        assert_eq!(answer.text(), r#"{"status":"ok","cache_entries":0,"active_locks":0}"#);
    }
}

#[tokio::test]
async fn every_answer_forbids_to_store_it() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        let answers = [
            client.call("GET", KEY, b"").await,
            client.call("PUT", KEY, b"v").await,
            client.call("GET", KEY, b"").await,
            client.call("HEAD", KEY, b"").await,
            client.call("TRACE", KEY, b"").await,
            client.call("GET", "/nowhere", b"").await,
            client.ask_bare("GET", KEY, &[], b"").await,
            client.ask_bare("OPTIONS", KEY, &[], b"").await,
        ];
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [404, 200, 200, 200, 405, 404, 401, 204]);
        for answer in &answers {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("vary"), Some("Authorization"));
        }
        client.call("DELETE", KEY, b"").await;
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        for (method, path, allow) in [
            ("POST", KEY.to_owned(), "GET, HEAD, PUT, DELETE, OPTIONS"),
            ("PUT", format!("{KEY}/ttl"), "GET, PATCH, OPTIONS"),
            ("GET", format!("{KEY}/lock"), "POST, DELETE, OPTIONS"),
            ("DELETE", "/v1/cache/health".to_owned(), "GET, HEAD, OPTIONS"),
        ] {
            let answer = client.call(method, &path, b"").await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{path}");
        }
    }
}

#[tokio::test]
async fn keys_are_taken_by_the_published_rules() {
    let fixture = Fixture::start().await;
    let (longest, too_long) = ("k".repeat(400), "k".repeat(401));
    for mut client in fixture.both().await {
        for key in ["a", "ns:a:b", "nsapi:a-_Z9:b", "ns", "health:", "a.b", longest.as_str()] {
            client.put(&format!("/v1/cache/{key}"), &[], b"v").await;
        }
        for key in [
            "",
            ".",
            "..",
            "%2E%2e",
            "health%20",
            "ttl",
            "lock",
            "%68ealth",
            "a..b",
            "a%2Fb",
            "a%20b",
            "%C3%BC",
            "a%2",
            "a%zz",
            "%ff",
            "ns::b",
            "ns:a:",
            "ns:a",
            "ns:%C3%BC:b",
            "nsapi:a.b:c",
            "a?b=c",
            "a~b",
            too_long.as_str(),
        ] {
            let answer = client.call("PUT", &format!("/v1/cache/{key}"), b"v").await;
            assert_eq!(answer.status, 400, "{key}");
        }
        for path in ["/", "/v1", "/v1/cache", "/v1/cache/a/b", "/v1/cache/a/ttl/", "//v1/cache/a"] {
            assert_eq!(client.call("GET", path, b"").await.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn any_key_is_taken_as_it_is_where_that_is_chosen() {
    let fixture = Fixture::start_with(|builder| builder.key_rule(KeyRule::Any)).await;
    let keys = [
        "a%2Fb", "a%252Fb", "a%20b", "a+b", "a%2Bb%00", "%C3%BC", "u%CC%88", "A", "%61", "a..b",
        "%3F", "...", "%0A", "a%2Fttl", "HEALTH",
    ];
    for mut client in fixture.both().await {
        for key in keys {
            client.put(&format!("/v1/cache/{key}"), &[], key.as_bytes()).await;
        }
        for key in keys {
            let found = client.get(&format!("/v1/cache/{key}")).await;
            assert_eq!(found.as_deref(), Some(key.as_bytes()), "{key}");
        }
        // `+` is a plus, in a path.
        assert_eq!(client.get("/v1/cache/a%2Bb").await.as_deref(), Some(b"a+b".as_slice()));
        let too_long = format!("/v1/cache/{}", "k".repeat(1025));
        assert_eq!(client.call("PUT", &too_long, b"v").await.status, 400);
    }
}

#[tokio::test]
async fn encoded_bodies_are_refused_and_none_is_sent() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        let encoded = [("content-encoding", "gzip")];
        assert_eq!(client.ask("PUT", KEY, &encoded, b"v").await.status, 415);
        client.put(KEY, &[("content-encoding", "identity")], b"v").await;
        let answer = client.ask("GET", KEY, &[("accept-encoding", "gzip, br")], b"").await;
        assert_eq!((answer.header("content-encoding"), answer.text()), (None, "v"));
    }
}

#[tokio::test]
async fn errors_say_nothing_of_the_request() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        let key = client.key.clone();
        for (method, path) in [("PUT", "/v1/cache/private%20key"), ("GET", "/v1/cache/private-key")]
        {
            let answer = client.call(method, path, b"private value").await;
            assert!((400..500).contains(&answer.status));
            assert!(answer.text().starts_with(r#"{"error":""#));
            assert!(!answer.text().contains("private") && !answer.text().contains(&key));
        }
    }
}

#[tokio::test]
async fn without_alpn_it_is_http1_with_keep_alive() {
    let fixture = Fixture::start().await;
    let stream = fixture.tls(&[]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    let mut wire = H1::new(stream);
    let request = format!(
        "GET /v1/cache/health HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        fixture.live
    );
    for _ in 0..3 {
        wire.send(request.as_bytes()).await;
        assert_eq!(wire.answer(false).await.expect("an answer").status, 200);
    }
}

#[tokio::test]
async fn one_host_is_required_on_http1() {
    let fixture = Fixture::start().await;
    for (hosts, status) in [("", 400), ("Host: a\r\n", 200), ("Host: a\r\nHost: b\r\n", 400)] {
        let mut wire = H1::new(fixture.tls(&[b"http/1.1"]).await);
        let request = format!(
            "GET /v1/cache/health HTTP/1.1\r\n{hosts}Authorization: Bearer {}\r\n\r\n",
            fixture.live
        );
        wire.send(request.as_bytes()).await;
        assert_eq!(wire.answer(false).await.expect("an answer").status, status, "{hosts:?}");
    }
}

#[tokio::test]
async fn an_early_answer_leaves_the_http1_connection_usable() {
    let fixture = Fixture::start().await;
    let mut client = fixture.h1().await;
    let body = vec![7; 3_000_000];
    // Each is answered by the head alone; the body is read to its end all the same.
    assert_eq!(client.ask_bare("PUT", KEY, &[], &body).await.status, 401);
    assert_eq!(client.call("POST", KEY, &body).await.status, 405);
    assert_eq!(client.call("PUT", "/v1/cache/a%20b", &body).await.status, 400);
    assert_eq!(client.ask("PUT", KEY, &[("x-cachekit-ttl", "0")], &body).await.status, 400);
    assert_eq!(client.call("GET", "/nowhere", &body).await.status, 404);
    assert_eq!(client.call("PATCH", &format!("{KEY}/ttl"), &body).await.status, 413);
    client.put(KEY, &[], &body).await;
    assert!(client.get(KEY).await == Some(body));
}
