//! Times to live and stale windows, by a clock that the tests turn.

use crate::support::{Client, Fixture};

const KEY: &str = "/v1/cache/k";
const TTL: &str = "/v1/cache/k/ttl";

async fn freshness(client: &mut Client) -> Option<(String, Option<String>)> {
    let answer = client.call("GET", KEY, b"").await;
    if answer.status == 404 {
        return None;
    }
    assert_eq!(answer.status, 200);
    let label = answer.header("x-cachekit-freshness").expect("always there").to_owned();
    Some((label, answer.header("x-cachekit-fresh-for").map(str::to_owned)))
}

fn fresh(seconds: &str) -> (String, Option<String>) {
    ("fresh".into(), Some(seconds.into()))
}

#[tokio::test]
async fn a_value_is_fresh_then_stale_then_gone() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        let headers = [("x-cachekit-ttl", "60"), ("x-cachekit-stale-ttl", "30")];
        client.put(KEY, &headers, b"v").await;
        assert_eq!(freshness(&mut client).await, Some(fresh("60")));
        fixture.advance(0.001);
        assert_eq!(freshness(&mut client).await, Some(fresh("59")), "rounded down");
        assert_eq!(client.call("GET", TTL, b"").await.text(), r#"{"ttl":90}"#, "rounded up");
        fixture.advance(59.998);
        assert_eq!(freshness(&mut client).await, Some(fresh("0")));
        fixture.advance(0.001);
        assert_eq!(freshness(&mut client).await, Some(("stale".into(), Some("0".into()))));
        assert_eq!(
            client.call("HEAD", KEY, b"").await.header("x-cachekit-freshness"),
            Some("stale")
        );
        fixture.advance(29.999);
        assert_eq!(client.call("GET", TTL, b"").await.text(), r#"{"ttl":1}"#, "never zero");
        assert_eq!(client.call("GET", KEY, b"").await.text(), "v");
        fixture.advance(0.001);
        assert_eq!(freshness(&mut client).await, None);
        assert_eq!(client.call("HEAD", KEY, b"").await.status, 404);
        assert_eq!(client.call("GET", TTL, b"").await.status, 404);
        // It counts until it is swept: health checks of one tenant cost the others nothing.
        let nothing = r#"{"status":"ok","cache_entries":0,"active_locks":0}"#;
        while client.call("GET", "/v1/cache/health", b"").await.text() != nothing {}
    }
}

#[tokio::test]
async fn without_a_ttl_a_value_stays() {
    let fixture = Fixture::start().await;
    let mut client = fixture.h2().await;
    client.put(KEY, &[], b"v").await;
    fixture.advance(400.0 * 86_400.0);
    assert_eq!(freshness(&mut client).await, Some(("fresh".into(), None)));
    assert_eq!(client.call("GET", TTL, b"").await.text(), r#"{"ttl":null}"#);
    // A refresh gives it one.
    assert_eq!(client.call("PATCH", TTL, br#"{"ttl":5}"#).await.status, 200);
    assert_eq!(freshness(&mut client).await, Some(fresh("5")));
    // A write takes it away again: both windows are replaced.
    client.put(KEY, &[], b"v").await;
    assert_eq!(freshness(&mut client).await, Some(("fresh".into(), None)));
}

#[tokio::test]
async fn wrong_ttls_are_refused_and_change_nothing() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        client.put(KEY, &[], b"old").await;
        let (ttl, stale) = ("x-cachekit-ttl", "x-cachekit-stale-ttl");
        for headers in [
            vec![(ttl, "0")],
            vec![(ttl, "-1")],
            vec![(ttl, "1.5")],
            vec![(ttl, "2592001")],
            vec![(ttl, "60s")],
            vec![(ttl, "")],
            vec![(ttl, "+1")],
            vec![(ttl, "60"), (ttl, "60")],
            vec![(stale, "60")],
            vec![(ttl, "60"), (stale, "0")],
            vec![(ttl, "60"), (stale, "2592000")],
            vec![(ttl, "1"), (stale, "2592000")],
            vec![(ttl, "60"), (stale, "1"), (stale, "2")],
        ] {
            let answer = client.ask("PUT", KEY, &headers, b"new").await;
            assert_eq!(answer.status, 400, "{headers:?}");
            assert_eq!(client.get(KEY).await.as_deref(), Some(b"old".as_slice()));
        }
        client.put(KEY, &[(ttl, "2592000")], b"v").await;
        client.put(KEY, &[(ttl, "1"), (stale, "2591999")], b"v").await;
    }
}

#[tokio::test]
async fn the_ttl_header_of_before_counts_where_the_new_one_is_missing() {
    let fixture = Fixture::start().await;
    let (ttl, old, stale) = ("x-cachekit-ttl", "x-ttl", "x-cachekit-stale-ttl");
    for mut client in fixture.both().await {
        for (headers, left) in [
            (vec![(old, "60")], 60),
            (vec![(old, "2592000")], 2_592_000),
            (vec![(old, "60"), (stale, "30")], 90),
            // The new one is preferred, and then the old one says nothing, whatever it holds.
            (vec![(ttl, "5"), (old, "60")], 5),
            (vec![(old, "60"), (ttl, "5")], 5),
            (vec![(ttl, "5"), (old, "0")], 5),
            (vec![(ttl, "5"), (old, "forever"), (old, "60")], 5),
        ] {
            client.put(KEY, &headers, b"v").await;
            let text = client.call("GET", TTL, b"").await.text().to_owned();
            assert_eq!(text, format!("{{\"ttl\":{left}}}"), "{headers:?}");
        }
        client.put(KEY, &[(old, "60")], b"v").await;
        assert_eq!(freshness(&mut client).await, Some(fresh("60")));
        fixture.advance(60.0);
        assert_eq!(freshness(&mut client).await, None, "gone");

        client.put(KEY, &[], b"old").await;
        for headers in [
            vec![(old, "0")],
            vec![(old, "-1")],
            vec![(old, "1.5")],
            vec![(old, "")],
            vec![(old, "2592001")],
            vec![(old, "60"), (old, "60")],
            vec![(old, "1"), (stale, "2592000")],
            // What the new one says is not mended by the old one.
            vec![(ttl, "0"), (old, "60")],
            vec![(ttl, ""), (old, "60")],
        ] {
            let answer = client.ask("PUT", KEY, &headers, b"new").await;
            assert_eq!(answer.status, 400, "{headers:?}");
            assert_eq!(client.get(KEY).await.as_deref(), Some(b"old".as_slice()));
        }
    }
}

#[tokio::test]
async fn a_refresh_moves_the_end_of_what_is_fresh() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        // Absent: nothing to do, and nothing appears.
        assert_eq!(client.call("PATCH", TTL, br#"{"ttl":60}"#).await.status, 200);
        assert_eq!(client.get(KEY).await, None);

        let headers = [("x-cachekit-ttl", "60"), ("x-cachekit-stale-ttl", "30")];
        client.put(KEY, &headers, b"v").await;
        fixture.advance(50.0);
        let answer = client.call("PATCH", TTL, br#"{"ttl":100}"#).await;
        assert_eq!((answer.status, answer.text()), (200, r#"{"success":true}"#));
        assert_eq!(freshness(&mut client).await, Some(fresh("100")));
        assert_eq!(client.call("GET", TTL, b"").await.text(), r#"{"ttl":130}"#, "the window stays");

        for body in [
            r#"{"ttl":0}"#,
            r#"{"ttl":-1}"#,
            r#"{"ttl":1.5}"#,
            r#"{"ttl":2592001}"#,
            r#"{"ttl":2591971}"#,
            r#"{"ttl":"60"}"#,
            r#"{"ttl":null}"#,
            "{}",
            "",
            "60",
        ] {
            assert_eq!(client.call("PATCH", TTL, body.as_bytes()).await.status, 400, "{body}");
        }
        assert_eq!(freshness(&mut client).await, Some(fresh("100")));

        fixture.advance(100.0);
        assert_eq!(client.call("PATCH", TTL, br#"{"ttl":100}"#).await.status, 409, "stale");
        fixture.advance(30.0);
        assert_eq!(client.get(KEY).await, None);
    }
}
