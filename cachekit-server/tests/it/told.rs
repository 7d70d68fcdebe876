//! Every limit that a tenant can reach is counted, and the log names both.

use crate::process::{Process, output};
use crate::support::{Client, Fixture};
use cachekit_server::{Limits, TenantLimits};
use std::net::SocketAddr;

const KEY: &str = "/v1/cache/k";

async fn start(tenant: TenantLimits, adapt: impl FnOnce(&mut Limits)) -> Fixture {
    let mut limits = Limits::default();
    adapt(&mut limits);
    let admin = SocketAddr::from(([127, 0, 0, 1], 0));
    let adapt = |builder: cachekit_server::Builder| builder.tenant_limits(tenant).limits(limits);
    Fixture::start_with(|builder| adapt(builder).admin(admin)).await
}

async fn reached(fixture: &Fixture, limit: &str) -> u64 {
    let name = "cachekit_server_limits_reached_total";
    fixture.metric(&format!("{name}{{limit=\"{limit}\",of=\"account\"}}")).await
}

#[tokio::test]
async fn rates_quotas_and_locks_are_counted() {
    let none = TenantLimits::default();
    let rate = TenantLimits { requests_per_second: Some(1), burst: Some(1), ..none };
    for (limit, tenant) in [
        ("requests_per_second", rate),
        ("requests_per_day", TenantLimits { requests_per_day: Some(1), ..none }),
    ] {
        let fixture = start(tenant, |_| {}).await;
        let mut client = fixture.h2().await;
        assert_eq!(client.call("GET", KEY, b"").await.status, 404);
        assert_eq!(reached(&fixture, limit).await, 0);
        assert_eq!(client.call("GET", KEY, b"").await.status, 429);
        assert_eq!(reached(&fixture, limit).await, 1, "{limit}");
    }
    let stored = TenantLimits { stored_bytes: Some(1), ..none };
    let fixture = start(stored, |limits| limits.max_locks_per_tenant = 1).await;
    let mut client = fixture.h2().await;
    assert_eq!(client.call("PUT", KEY, b"v").await.status, 429);
    assert_eq!(reached(&fixture, "stored_bytes").await, 1);
    client.lock(KEY, 60_000).await.expect("free");
    let lock = br#"{"timeout_ms":60000}"#;
    assert_eq!(client.call("POST", "/v1/cache/other/lock", lock).await.status, 429);
    assert_eq!(reached(&fixture, "locks").await, 1);
}

/// The alert sends the operator to the log: each tenant's first refusal is there.
#[tokio::test]
async fn the_log_names_every_tenant_and_its_limit_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("keys").display().to_string();
    let mut keys = Vec::new();
    for tenant in ["one", "two"] {
        let new = ["key", "new", "--tenant", tenant, "--append", &file, "--quota-requests", "1"];
        let made = output(&new).await;
        keys.push(String::from_utf8(made.stdout).expect("text").trim().to_owned());
    }
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let path = |name| directory.path().join(name).display().to_string();
    let (certificate, key) = (path("tls.crt"), path("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let arguments = ["--tls-cert", &certificate, "--tls-key", &key, "--api-keys", &file];
    let mut server = Process::start(&arguments).await;
    for _ in 0..3 {
        for key in &keys {
            let mut client = Client::connect(server.address, &made.cert.pem(), true, key).await;
            client.call("GET", KEY, b"").await;
        }
    }
    server.signal("-TERM");
    assert_eq!(server.end().await, Some(0));
    let mut told = Vec::new();
    while let Some(line) = server.log.next_line().await.expect("text") {
        assert!(!line.contains("ck_live"), "{line}");
        if line.contains("\"limit\":\"requests_per_day\"") {
            let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(line["level"], "WARN");
            told.push(line["fields"]["tenant"].as_str().expect("a name").to_owned());
        }
    }
    told.sort();
    assert_eq!(told, ["one", "two"]);
}
