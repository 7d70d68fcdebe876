//! The description of the API, and the server checked against it by a property-based client.

use crate::python::SCHEMATHESIS;
use crate::support::{Fixture, page};
use serde_json::Value;
use std::net::Ipv4Addr;
use tokio::process::Command;

const PATH: &str = "/openapi.json";

#[tokio::test]
async fn the_description_needs_a_key_but_no_scope_and_the_admin_listener_has_it_without() {
    let admin = (Ipv4Addr::LOCALHOST, 0).into();
    let fixture = Fixture::start_with(|builder| builder.admin(admin)).await;
    let admin = page(fixture.server.admin_addr().expect("there is one"), PATH).await;
    let (head, open) = admin.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("content-type: application/json"));
    let document: Value = serde_json::from_str(open).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    for client in fixture.both().await {
        // Also with keys that have to say more elsewhere.
        let mut client = client.with_key(&fixture.sdk);
        let answer = client.call("GET", PATH, b"").await;
        assert_eq!((answer.status, answer.text()), (200, open));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let answer = client.call("HEAD", PATH, b"").await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert_eq!(client.call("GET", "/openapi.json?x", b"").await.status, 400);
        let answer = client.call("PUT", PATH, b"{}").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
        let answer = client.ask_bare("GET", PATH, &[], b"").await;
        assert_eq!(answer.status, 401);
    }
}

#[tokio::test]
async fn options_are_those_of_the_path() {
    let fixture = Fixture::start().await;
    for mut client in fixture.both().await {
        for (path, allow) in [
            ("/v1/cache/health", "GET, HEAD, OPTIONS"),
            (PATH, "GET, HEAD, OPTIONS"),
            ("/v1/cache/k", "GET, HEAD, PUT, DELETE, OPTIONS"),
            ("/v1/cache/k/ttl", "GET, PATCH, OPTIONS"),
            ("/v1/cache/k/lock", "POST, DELETE, OPTIONS"),
            ("/nowhere", "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS"),
        ] {
            let answer = client.ask_bare("OPTIONS", path, &[], b"").await;
            assert_eq!((answer.status, answer.header("allow")), (204, Some(allow)), "{path}");
            let answer = client.call("BREW", path, b"").await;
            if answer.status == 405 {
                assert_eq!(answer.header("allow"), Some(allow), "{path}");
            } else {
                assert_eq!((answer.status, path), (404, "/nowhere"));
            }
        }
    }
}

/// Requests that are as described are accepted, others refused, and every answer is one that is described.
///
/// `CACHEKIT_TEST_SEED` chooses other requests, `CACHEKIT_TEST_EXAMPLES` more or fewer.
#[tokio::test]
async fn the_server_is_as_it_is_described() {
    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi");
    let schemathesis = SCHEMATHESIS.program("schemathesis").await;
    let fixture = Fixture::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, &fixture.ca).expect("written");
    let url = format!("https://localhost:{}{PATH}", fixture.server.local_addr().port());
    let setting = |name, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let seed = setting("CACHEKIT_TEST_SEED", "1");
    let examples = setting("CACHEKIT_TEST_EXAMPLES", "30");
    for (class, key) in [("live", &fixture.live), ("sdk", &fixture.sdk)] {
        let mut command = Command::new(&schemathesis);
        command
            .args(["--config-file", &format!("{FOLDER}/schemathesis.toml"), "run", &url])
            .args(["--checks", "all", "--max-examples", &examples, "--seed", &seed])
            // Few of the texts that are made up are keys.
            .args(["--suppress-health-check", "filter_too_much"])
            .args(["--header", &format!("Authorization: Bearer {key}")])
            .args(["--tls-verify", ca.to_str().expect("text")])
            .env("SCHEMATHESIS_HOOKS", format!("{FOLDER}/hooks.py"))
            .env("CACHEKIT_KEY_CLASS", class)
            .env("NO_PROXY", "localhost")
            .current_dir(directory.path());
        let output = command.output().await.expect("schemathesis runs");
        let said = String::from_utf8_lossy(&output.stdout);
        println!("{said}");
        assert!(output.status.success(), "as a client with a key of the class {class}:\n{said}");
        assert!(said.contains("Tested: 16"), "every operation:\n{said}");
    }
}
