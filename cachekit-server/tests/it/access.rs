//! Who may do what, and how much.

use crate::support::{Client, Fixture};
use cachekit_server::{
    ApiKey, ApiKeys, DevAuthority, ENTRY_OVERHEAD, KeyKind, Scope, Server, TenantLimits,
};

const L1: [(&str, &str); 1] = [("x-cachekit-l1-status", "miss")];

#[tokio::test]
async fn without_a_valid_key_nothing_is_told() {
    let fixture = Fixture::start().await;
    let mut tampered = fixture.live.clone();
    let last = if tampered.ends_with('0') { "1" } else { "0" };
    tampered.replace_range(tampered.len() - 1.., last);
    for mut client in fixture.both().await {
        let live = fixture.live.clone();
        for authorization in [
            String::new(),
            "Bearer".into(),
            "Bearer ".into(),
            live.clone(),
            format!("Basic {live}"),
            format!("Bearer  {live}"),
            format!("Bearer {tampered}"),
            "Bearer ck_live_unknown_key".into(),
            format!("Bearer {}", live.replace("ck_live_", "ck_sdk_")),
        ] {
            // The same answer whatever else is wrong with the request.
            for (method, path) in
                [("GET", "/v1/cache/k"), ("BREW", "/nowhere"), ("PUT", "/v1/cache/%zz?a")]
            {
                let headers = [("authorization", authorization.as_str())];
                let answer = client.ask_bare(method, path, &headers, b"").await;
                assert_eq!(answer.status, 401, "{method}");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
                assert_eq!(answer.text(), r#"{"error":"a valid API key is required"}"#);
            }
        }
        let twice = format!("Bearer {live}");
        let headers = [("authorization", twice.as_str()), ("authorization", twice.as_str())];
        assert_eq!(client.ask_bare("GET", "/v1/cache/k", &headers, b"").await.status, 401);
        let small = format!("bearer {live}");
        let headers = [("authorization", small.as_str())];
        assert_eq!(client.ask_bare("GET", "/v1/cache/k", &headers, b"").await.status, 404);
        let answer = client.ask_bare("OPTIONS", "/v1/cache/k", &[], b"").await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
    }
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let fixture = Fixture::start().await;
    let [mut acme, other] = fixture.both().await;
    let mut other = other.with_key(&fixture.other);
    let path = "/v1/cache/k";
    acme.put(path, &[], b"of acme").await;
    assert_eq!(other.get(path).await, None);
    assert_eq!(other.call("HEAD", path, b"").await.status, 404);
    assert_eq!(other.call("GET", "/v1/cache/k/ttl", b"").await.status, 404);
    assert_eq!(other.call("PATCH", "/v1/cache/k/ttl", br#"{"ttl":1}"#).await.status, 200);
    other.call("DELETE", path, b"").await;
    fixture.advance(10.0);
    assert_eq!(acme.get(path).await.as_deref(), Some(b"of acme".as_slice()));

    let id = acme.lock(path, 60_000).await.expect("free");
    let theirs = other.lock(path, 60_000).await.expect("a lock of its own");
    assert_eq!(other.unlock(path, &id).await, (200, false));
    other.call("DELETE", path, b"").await;
    let fill = [("x-cachekit-lock-id", id.as_str())];
    assert_eq!(other.ask("PUT", path, &fill, b"x").await.status, 412);
    assert_eq!(acme.ask("PUT", path, &fill, b"mine").await.status, 200);
    assert_eq!(other.unlock(path, &theirs).await, (200, true));

    let health = other.call("GET", "/v1/cache/health", b"").await;
    assert_eq!(health.text(), r#"{"status":"ok","cache_entries":0,"active_locks":0}"#);
}

#[tokio::test]
async fn classes_of_keys_write_to_their_parts() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        for (key, path, status) in [
            (&fixture.sdk, "ns:a:k", 200),
            (&fixture.sdk, "nsapi:a:k", 403),
            (&fixture.sdk, "plain", 200),
            (&fixture.api, "ns:a:k", 403),
            (&fixture.api, "nsapi:a:k", 200),
            (&fixture.api, "plain", 200),
            (&fixture.live, "ns:a:k", 200),
            (&fixture.live, "nsapi:a:k", 200),
        ] {
            client = client.with_key(key);
            let path = format!("/v1/cache/{path}");
            let (ttl, lock) = (format!("{path}/ttl"), format!("{path}/lock"));
            for (method, path, body) in [
                ("PUT", &path, "v"),
                ("PATCH", &ttl, r#"{"ttl":60}"#),
                ("POST", &lock, r#"{"timeout_ms":1}"#),
                ("DELETE", &path, ""),
            ] {
                let answer = client.ask(method, path, &L1, body.as_bytes()).await;
                assert_eq!(answer.status, status, "{method} {path}");
            }
            // Reading is for all.
            assert_eq!(client.ask("GET", &path, &L1, b"").await.status, 404);
        }
    }
}

#[tokio::test]
async fn sdk_keys_have_to_say_what_their_own_cache_did() {
    let fixture = Fixture::start().await;
    for client in fixture.both().await {
        let mut client = client.with_key(&fixture.sdk);
        for path in ["/v1/cache/health", "/v1/cache/k", "/v1/cache/k/ttl"] {
            assert_eq!(client.call("GET", path, b"").await.status, 400);
            for wrong in ["", "MISS", "no", "miss, miss"] {
                let headers = [("x-cachekit-l1-status", wrong)];
                assert_eq!(client.ask("GET", path, &headers, b"").await.status, 400);
            }
            assert_eq!(client.ask("GET", path, &[L1[0], L1[0]], b"").await.status, 400);
            for right in ["hit", "miss", "disabled"] {
                let headers = [("x-cachekit-l1-status", right)];
                let status = client.ask("GET", path, &headers, b"").await.status;
                assert!(matches!(status, 200 | 404));
            }
        }
        client.key.clone_from(&fixture.live);
        assert_eq!(client.call("GET", "/v1/cache/health", b"").await.status, 200);
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let authority = DevAuthority::new().expect("an authority");
    let mut keys = ApiKeys::new();
    let mut scoped = Vec::new();
    for scope in Scope::ALL {
        let key = ApiKey::generate(KeyKind::Live).expect("random bytes");
        keys.add(&key, "acme", &[scope], TenantLimits::default()).expect("a good key");
        scoped.push((scope, key));
    }
    let identity = authority.issue(&[]).expect("a certificate");
    let server = Server::builder().tls(identity).api_keys(keys).bind().await.expect("starts");
    for (scope, key) in scoped {
        let ca = authority.certificate_pem();
        let mut client = Client::connect(server.local_addr(), ca, true, key.expose()).await;
        for (method, path, body, needs) in [
            ("GET", "/v1/cache/k", "", Scope::Read),
            ("HEAD", "/v1/cache/k", "", Scope::Read),
            ("GET", "/v1/cache/k/ttl", "", Scope::Read),
            ("PUT", "/v1/cache/k", "v", Scope::Write),
            ("PATCH", "/v1/cache/k/ttl", r#"{"ttl":1}"#, Scope::Write),
            ("DELETE", "/v1/cache/k", "", Scope::Delete),
            ("POST", "/v1/cache/k/lock", r#"{"timeout_ms":1}"#, Scope::Lock),
        ] {
            let status = client.call(method, path, body.as_bytes()).await.status;
            assert_eq!(status != 403, scope == needs, "{method} {path} with {scope:?}");
        }
        assert_eq!(client.call("GET", "/v1/cache/health", b"").await.status, 200);
    }
}

fn limits() -> TenantLimits {
    TenantLimits::default()
}

#[tokio::test]
async fn a_tenant_has_a_rate_of_its_own() {
    let rate = TenantLimits { requests_per_second: Some(2), burst: Some(3), ..limits() };
    let fixture = Fixture::start_with(|builder| builder.tenant_limits(rate)).await;
    for mut client in fixture.both().await {
        for _ in 0..3 {
            assert_eq!(client.call("GET", "/v1/cache/k", b"").await.status, 404);
        }
        let answer = client.call("PUT", "/v1/cache/k", b"v").await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
        assert_eq!(answer.header("x-cachekit-deny-reason"), None);
        let mut other = fixture.h2().await.with_key(&fixture.other);
        assert_eq!(other.call("GET", "/v1/cache/k", b"").await.status, 404);
        fixture.advance(0.5);
        assert_eq!(client.call("GET", "/v1/cache/k", b"").await.status, 404);
        assert_eq!(client.call("GET", "/v1/cache/k", b"").await.status, 429);
        fixture.advance(10.0);
    }
}

#[tokio::test]
async fn a_spent_quota_says_so() {
    let quota = TenantLimits {
        requests_per_day: Some(8),
        stored_bytes: Some(2 * (ENTRY_OVERHEAD + 100)),
        ..limits()
    };
    let fixture = Fixture::start_with(|builder| builder.tenant_limits(quota)).await;
    let mut client = fixture.h2().await;
    client.put("/v1/cache/a", &[], &[1; 50]).await;
    client.put("/v1/cache/b", &[], &[2; 50]).await;
    let answer = client.call("PUT", "/v1/cache/c", &[3; 50]).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("x-cachekit-deny-reason"), Some("storage-quota"));
    assert_eq!(client.get("/v1/cache/c").await, None);
    // In place of what is there it fits, and after a deletion as well.
    client.put("/v1/cache/b", &[], &[4; 60]).await;
    client.call("DELETE", "/v1/cache/a", b"").await;
    client.put("/v1/cache/c", &[], &[5; 50]).await;

    // Eight requests are the day's.
    let mut client = fixture.h1().await;
    assert_eq!(client.get("/v1/cache/c").await, Some(vec![5; 50]));
    let answer = client.call("GET", "/v1/cache/c", b"").await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("x-cachekit-deny-reason"), Some("request-quota"));
    let wait: u64 = answer.header("retry-after").expect("there").parse().expect("seconds");
    assert!((1..=86_400).contains(&wait));
    fixture.hands.advance(std::time::Duration::from_secs(wait));
    assert_eq!(client.get("/v1/cache/c").await, Some(vec![5; 50]), "another day");
}

/// It tells a tenant's own counts and shows no entry; the description of the API says the same.
#[tokio::test]
async fn the_health_check_needs_a_key_and_no_scope() {
    let key = ApiKey::generate(KeyKind::Live).expect("random bytes");
    let mut keys = ApiKeys::new();
    keys.add(&key, "acme", &[Scope::Lock], TenantLimits::default()).expect("a good key");
    let authority = DevAuthority::new().expect("an authority");
    let identity = authority.issue(&[]).expect("a certificate");
    let server = Server::builder().tls(identity).api_keys(keys).bind().await.expect("it starts");
    let address = server.local_addr();
    let mut client =
        Client::connect(address, authority.certificate_pem(), true, key.expose()).await;
    assert_eq!(client.call("GET", "/v1/cache/health", b"").await.status, 200);
    assert_eq!(client.call("HEAD", "/v1/cache/health", b"").await.status, 200);
    assert_eq!(client.call("GET", "/v1/cache/k", b"").await.status, 403);
}
