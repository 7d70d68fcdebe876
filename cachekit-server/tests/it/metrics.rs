//! What `/metrics` says, read by Prometheus's own tool and sample by sample.

use crate::support::{Fixture, page};
use crate::tools::PROMTOOL;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// A page with something in every family.
pub(crate) async fn busy_page() -> (Fixture, String) {
    let admin = (Ipv4Addr::LOCALHOST, 0).into();
    let fixture = Fixture::start_with(|builder| builder.admin(admin)).await;
    for mut client in fixture.both().await {
        let life = [("x-cachekit-ttl", "10"), ("x-cachekit-stale-ttl", "10")];
        client.put("/v1/cache/secret-key", &life, b"secret-value").await;
        assert_eq!(client.get("/v1/cache/secret-key").await.as_deref(), Some(&b"secret-value"[..]));
        fixture.advance(11.0);
        assert!(client.get("/v1/cache/secret-key").await.is_some(), "stale");
        assert_eq!(client.get("/v1/cache/absent-key").await, None);
        let id = client.lock("/v1/cache/secret-key", 1000).await.expect("free");
        assert_eq!(client.unlock("/v1/cache/secret-key", &id).await, (200, true));
        assert_eq!(client.call("GET", "/v1/cache/health", b"").await.status, 200);
        assert_eq!(client.call("HEAD", "/v1/cache/secret-key", b"").await.status, 200);
        assert_eq!(client.call("GET", "/v1/cache/secret-key/ttl", b"").await.status, 200);
        assert_eq!(client.call("PATCH", "/v1/cache/x/ttl", br#"{"ttl":5}"#).await.status, 200);
        assert_eq!(client.call("PATCH", "/v1/cache/x/ttl", br#"{"ttl":0}"#).await.status, 400);
        assert_eq!(client.call("DELETE", "/v1/cache/secret-key", b"").await.status, 200);
        assert_eq!(client.call("OPTIONS", "/v1/cache/secret-key", b"").await.status, 204);
        assert_eq!(client.call("BREW", "/v1/cache/secret-key", b"").await.status, 405);
        let nobody = [("authorization", "Bearer ck_live_0_stranger")];
        assert_eq!(client.ask_bare("GET", "/v1/cache/k", &nobody, b"").await.status, 401);
    }
    fixture.server.note_reload(true);
    let answer = page(fixture.server.admin_addr().expect("there is one"), "/metrics").await;
    let (head, text) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    (fixture, text.to_owned())
}

/// The samples of a page: name and labels as they stand there, and the value.
fn samples(page: &str) -> BTreeMap<&str, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let mut samples = BTreeMap::new();
    for line in lines {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let value = value.parse().expect("a number");
        assert_eq!(samples.insert(name, value), None, "{name} is there twice");
    }
    samples
}

#[tokio::test]
async fn prometheus_own_linter_has_nothing_to_say() {
    let (_fixture, page) = busy_page().await;
    let said = PROMTOOL.succeeds(&["check", "metrics"], &page);
    assert_eq!(said.trim(), "", "promtool says nothing about good metrics");
    // It does say something about others, so this test can fail.
    let wrong = PROMTOOL.run(&["check", "metrics"], "# TYPE a_millis counter\na_millis 1\n");
    assert!(!wrong.status.success());
}

#[tokio::test]
async fn every_family_has_help_type_and_the_servers_prefix() {
    let (_fixture, page) = busy_page().await;
    let named = |what: &str| -> Vec<String> {
        let lines = page.lines().filter_map(|line| line.strip_prefix(what));
        lines.map(|line| line.split(' ').next().expect("a name").to_owned()).collect()
    };
    let (helps, types) = (named("# HELP "), named("# TYPE "));
    assert_eq!(helps, types);
    assert!(types.iter().all(|name| name.starts_with("cachekit_server_")), "{types:?}");
    assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len(), "each family once");
    for name in samples(&page).keys() {
        let name = name.split('{').next().expect("a name");
        let suffixes = ["_bucket", "_sum", "_count"];
        let family = suffixes.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(types.iter().any(|known| known == family), "{name} belongs to a family");
    }
}

#[tokio::test]
async fn samples_say_what_happened() {
    let (_fixture, page) = busy_page().await;
    let samples = samples(&page);
    for (name, value) in [
        (r#"cachekit_server_requests_total{operation="get",code="200"}"#, 4.0),
        (r#"cachekit_server_requests_total{operation="get",code="404"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="exists",code="200"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="set",code="200"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="delete",code="200"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="ttl",code="200"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="refresh",code="200"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="refresh",code="400"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="lock",code="200"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="unlock",code="200"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="health",code="200"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="options",code="204"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="refused",code="405"}"#, 2.0),
        (r#"cachekit_server_requests_total{operation="refused",code="401"}"#, 2.0),
        (r#"cachekit_server_lookups_total{result="hit"}"#, 2.0),
        (r#"cachekit_server_lookups_total{result="stale"}"#, 2.0),
        (r#"cachekit_server_lookups_total{result="miss"}"#, 2.0),
        ("cachekit_server_connections_total", 2.0),
        ("cachekit_server_last_reload_successful", 1.0),
        ("cachekit_server_store_up", 1.0),
        ("cachekit_server_store_entries", 0.0),
        ("cachekit_server_locks_held", 0.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name}");
    }
}

#[tokio::test]
async fn histograms_add_up_to_the_requests() {
    let (_fixture, page) = busy_page().await;
    let samples = samples(&page);
    let of = |start: &str| -> Vec<(&str, f64)> {
        let those = samples.iter().filter(|(name, _)| name.starts_with(start));
        those.map(|(name, value)| (*name, *value)).collect()
    };
    let counts = of("cachekit_server_request_duration_seconds_count{");
    let requests: f64 = of("cachekit_server_requests_total{").iter().map(|(_, count)| count).sum();
    let counted: f64 = counts.iter().map(|(_, count)| count).sum();
    assert!((counted - requests).abs() < 0.5, "{counted} of {requests}");
    for (name, count) in counts {
        let labels = name.split_once('{').and_then(|(_, rest)| rest.strip_suffix('}'));
        let labels = labels.expect("labels");
        let start = format!("cachekit_server_request_duration_seconds_bucket{{{labels},le=\"");
        let mut buckets: Vec<(f64, f64)> = of(&start)
            .into_iter()
            .map(|(name, value)| {
                let bound = name[start.len()..].trim_end_matches("\"}");
                (bound.parse().expect("a bound, or +Inf"), value)
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{labels}: buckets are cumulative");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)), "{labels}");
        let sum = format!("cachekit_server_request_duration_seconds_sum{{{labels}}}");
        assert!(samples[sum.as_str()] > 0.0, "{labels}: time passes");
    }
}

/// Whatever keys, tenants and statuses are used, the series stay the same.
#[tokio::test]
async fn labels_are_bounded_and_hold_nothing_of_a_request() {
    let (fixture, page) = busy_page().await;
    let before: BTreeSet<String> = samples(&page).into_keys().map(str::to_owned).collect();
    for client in fixture.both().await {
        for (tenant, key) in [("acme", &fixture.live), ("other", &fixture.other)] {
            let mut client = Fixture::h2(&fixture).await.with_key(key);
            for at in 0..20 {
                client.put(&format!("/v1/cache/{tenant}-{at}"), &[], b"v").await;
                client.get(&format!("/v1/cache/{tenant}-{at}")).await;
            }
        }
        drop(client);
    }
    let answer = page_again(&fixture).await;
    let after: BTreeSet<String> = samples(&answer).into_keys().map(str::to_owned).collect();
    assert_eq!(before, after);
    for hidden in ["secret", "acme", "other\"", "absent-key", "ck_", "127.0.0.1", "stranger"] {
        let found = answer.lines().find(|line| !line.starts_with('#') && line.contains(hidden));
        assert_eq!(found, None, "{hidden}");
    }
    for label in answer.lines().filter_map(|line| line.split_once('{')?.1.split_once('}')) {
        for pair in label.0.split("\",") {
            let name = pair.split('=').next().expect("a label");
            let known =
                ["operation", "code", "status_class", "le", "result", "limit", "of", "version"];
            assert!(known.contains(&name), "{name}");
        }
    }
}

async fn page_again(fixture: &Fixture) -> String {
    let answer = page(fixture.server.admin_addr().expect("there is one"), "/metrics").await;
    answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
}
