//! Leases, and writes that lose against what happened since.

use crate::support::{Client, Fixture};

const KEY: &str = "/v1/cache/k";
/// Both are a success; the header says which of them.
const RELEASED: (u16, bool) = (200, true);
const NOT_HELD: (u16, bool) = (200, false);

/// Stores a value under a lock.
async fn fill(client: &mut Client, id: &str, value: &[u8]) -> u16 {
    client.ask("PUT", KEY, &[("x-cachekit-lock-id", id)], value).await.status
}

#[tokio::test]
async fn one_holds_a_lock_until_it_is_given_back_or_runs_out() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        let id = client.lock(KEY, 5000).await.expect("free");
        assert_eq!(client.lock(KEY, 5000).await, None);
        // Only its holder gives it back, and only once.
        assert_eq!(client.unlock(KEY, "0123456789abcdef0123456789abcdef").await, NOT_HELD);
        assert_eq!(client.lock(KEY, 5000).await, None);
        assert_eq!(client.unlock(KEY, &id).await, RELEASED);
        assert_eq!(client.unlock(KEY, &id).await, NOT_HELD);

        let first = client.lock(KEY, 5000).await.expect("free again");
        assert_ne!(first, id);
        fixture.advance(4.999);
        assert_eq!(client.lock(KEY, 5000).await, None);
        fixture.advance(0.001);
        let second = client.lock(KEY, 5000).await.expect("the lease ran out");
        // Late: the lock is somebody else's now.
        assert_eq!(client.unlock(KEY, &first).await, NOT_HELD);
        assert_eq!(client.lock(KEY, 5000).await, None);
        assert_eq!(client.unlock(KEY, &second).await, RELEASED);
        // Locks are no entries.
        assert_eq!(client.get(KEY).await, None);
    }
}

#[tokio::test]
async fn leases_have_a_shortest_and_a_longest_life() {
    let fixture = Fixture::start().await;
    let mut client = fixture.h2().await;
    client.lock(KEY, 1).await.expect("free");
    assert_eq!(client.lock(KEY, 1).await, None, "a millisecond");
    fixture.advance(0.001);
    client.lock(KEY, u64::MAX).await.expect("ran out");
    fixture.advance(3599.0);
    assert_eq!(client.lock(KEY, 1).await, None);
    fixture.advance(1.0);
    client.lock(KEY, 1).await.expect("an hour is the longest");
    for body in
        ["", "{}", r#"{"timeout_ms":0}"#, r#"{"timeout_ms":-1}"#, r#"{"timeout_ms":"1"}"#, "[]"]
    {
        let answer = client.call("POST", "/v1/cache/k/lock", body.as_bytes()).await;
        assert_eq!(answer.status, 400, "{body}");
    }
    assert_eq!(client.call("DELETE", "/v1/cache/k/lock", b"").await.status, 400, "no id");
}

#[tokio::test]
async fn of_many_that_ask_at_once_one_gets_the_lock() {
    let fixture = Fixture::start().await;
    let mut asking = Vec::new();
    for _ in 0..8 {
        for mut client in fixture.both().await {
            asking.push(tokio::spawn(async move { client.lock(KEY, 60_000).await }));
        }
    }
    let mut granted = 0;
    for asked in asking {
        granted += usize::from(asked.await.expect("no panic").is_some());
    }
    assert_eq!(granted, 1);
}

#[tokio::test]
async fn a_fill_under_its_lock_is_stored() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        let id = client.lock(KEY, 5000).await.expect("free");
        assert_eq!(fill(&mut client, &id, b"one").await, 200);
        // Its own write does not end it.
        assert_eq!(fill(&mut client, &id, b"two").await, 200);
        assert_eq!(client.get(KEY).await.as_deref(), Some(b"two".as_slice()));
        assert_eq!(client.unlock(KEY, &id).await, RELEASED);
        assert_eq!(fill(&mut client, &id, b"late").await, 412, "given back");
        assert_eq!(client.get(KEY).await.as_deref(), Some(b"two".as_slice()));
    }
}

#[tokio::test]
async fn a_fill_loses_against_a_deletion_and_against_a_write() {
    let fixture = Fixture::start().await;
    let mut other = fixture.h1().await;
    for mut client in fixture.both().await {
        // A deletion counts even if it found nothing: it told of a change.
        let id = client.lock(KEY, 5000).await.expect("free");
        other.call("DELETE", KEY, b"").await;
        assert_eq!(fill(&mut client, &id, b"outdated").await, 412);
        assert_eq!(client.get(KEY).await, None);
        assert_eq!(client.unlock(KEY, &id).await, RELEASED, "the lock itself is still held");

        let id = client.lock(KEY, 5000).await.expect("free");
        other.put(KEY, &[], b"newer").await;
        assert_eq!(fill(&mut client, &id, b"outdated").await, 412);
        assert_eq!(client.get(KEY).await.as_deref(), Some(b"newer".as_slice()));
        client.unlock(KEY, &id).await;

        // A new lock, a new history.
        let id = client.lock(KEY, 5000).await.expect("free");
        assert_eq!(fill(&mut client, &id, b"fresh").await, 200);
        // Other keys and refreshed lives are no change of this key's value.
        other.put("/v1/cache/k2", &[], b"v").await;
        other.call("PATCH", "/v1/cache/k/ttl", br#"{"ttl":60}"#).await;
        assert_eq!(fill(&mut client, &id, b"fresh").await, 200);
        client.unlock(KEY, &id).await;
        other.call("DELETE", KEY, b"").await;
    }
}

#[tokio::test]
async fn a_fill_loses_when_its_lease_ran_out() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        let id = client.lock(KEY, 5000).await.expect("free");
        fixture.advance(5.0);
        assert_eq!(fill(&mut client, &id, b"late").await, 412);
        let next = client.lock(KEY, 5000).await.expect("free");
        assert_eq!(fill(&mut client, &id, b"late").await, 412);
        assert_eq!(fill(&mut client, "no-such-id", b"forged").await, 412);
        assert_eq!(fill(&mut client, &next, b"right").await, 200, "others' failures do not count");
        assert_eq!(client.get(KEY).await.as_deref(), Some(b"right".as_slice()));
        client.unlock(KEY, &next).await;
    }
}

#[tokio::test]
async fn a_lease_of_nothing_is_refused_and_leaves_the_lock_free() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        let answer = client.call("POST", "/v1/cache/k/lock", br#"{"timeout_ms":0}"#).await;
        assert_eq!(answer.status, 400);
        let id = client.lock(KEY, 1000).await.expect("free");
        let answer = client.call("POST", "/v1/cache/k/lock", br#"{"timeout_ms":0}"#).await;
        assert_eq!(answer.status, 400, "held or not");
        assert_eq!(client.unlock(KEY, &id).await, RELEASED);
    }
}

#[tokio::test]
async fn an_unlock_may_name_its_lock_in_the_query_as_clients_did_before() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        let id = client.lock(KEY, 5000).await.expect("free");
        let path = |query: &str| format!("/v1/cache/k/lock{query}");
        // Another id: a late release, which changes nothing.
        assert_eq!(client.call("DELETE", &path("?lock_id=other"), b"").await.status, 200);
        assert_eq!(client.lock(KEY, 5000).await, None);
        // The header is preferred, whatever the query says; an empty one counts as absent.
        let header = [("x-cachekit-lock-id", "other")];
        let both = client.ask("DELETE", &path(&format!("?lock_id={id}")), &header, b"").await;
        assert_eq!(both.status, 200);
        assert_eq!(client.lock(KEY, 5000).await, None, "the header named another lock");
        let header = [("x-cachekit-lock-id", "")];
        let query = format!("?lock_id=%{:02X}{}", id.as_bytes()[0], &id[1..]);
        let answer = client.ask("DELETE", &path(&query), &header, b"").await;
        assert_eq!((answer.status, answer.text()), (200, r#"{"success":true}"#));
        let id = client.lock(KEY, 5000).await.expect("released");
        let header = [("x-cachekit-lock-id", id.as_str())];
        client.ask("DELETE", &path("?lock_id=other"), &header, b"").await;
        let id = client.lock(KEY, 5000).await.expect("released by the header");
        // A repeated release.
        for _ in 0..2 {
            let answer = client.call("DELETE", &path(&format!("?lock_id={id}")), b"").await;
            assert_eq!(answer.status, 200);
        }
        for query in [
            "?",
            "?lock_id=",
            "?lock_id",
            "?id=x",
            "?lock_id=a&lock_id=b",
            "?lock_id=a&x=y",
            "?lock_id=%2",
        ] {
            assert_eq!(client.call("DELETE", &path(query), b"").await.status, 400, "{query}");
        }
        // Nothing else takes a query, and a `?` in a key is no query.
        for (method, path) in [
            ("GET", "/v1/cache/k?lock_id=x"),
            ("DELETE", "/v1/cache/k?lock_id=x"),
            ("POST", "/v1/cache/k/lock?lock_id=x"),
            ("DELETE", "/v1/cache/k?x/lock"),
        ] {
            assert_eq!(client.call(method, path, b"").await.status, 400, "{method} {path}");
        }
    }
}
