//! Random bytes where a peer chooses them: paths, keys, header values, whole requests.
//!
//! Each run prints how much it did. `CACHEKIT_FUZZ_CASES=1000000 cargo test -p cachekit-server --test it
//! fuzz -- --nocapture` runs longer.

use crate::support::{Fixture, H1};
use cachekit_server::KeyRule;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::HashMap;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

/// How many cases each test runs.
fn cases(usual: u32) -> u32 {
    std::env::var("CACHEKIT_FUZZ_CASES").map_or(usual, |text| text.parse().expect("a number"))
}

/// The same cases every time: a failure can be repeated.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// A server, and one client that all cases share.
struct Target {
    runtime: Runtime,
    fixture: Fixture,
}

impl Target {
    fn start(rule: KeyRule) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let fixture = runtime.block_on(Fixture::start_with(|builder| builder.key_rule(rule)));
        Self { runtime, fixture }
    }
}

/// Percent-encodes everything that is not a letter or a digit: no code of the server is used for it.
fn encoded(key: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    key.bytes().map(byte).collect()
}

/// The published rule for keys, written a second time.
fn published_rule(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let reserved = ["", ".", "..", "health", "ttl", "lock"].contains(&key);
    let legal = key.chars().all(|c| plain(c) || matches!(c, '.' | ':'));
    if reserved || !legal || key.len() > 400 || key.contains("..") {
        return false;
    }
    let parts: Vec<&str> = key.splitn(3, ':').collect();
    match parts[..] {
        ["ns" | "nsapi", name, rest] => {
            !name.is_empty() && name.len() <= 64 && name.chars().all(plain) && !rest.is_empty()
        }
        ["ns" | "nsapi", _] => false,
        _ => true,
    }
}

#[test]
fn fuzz_keys_follow_the_published_rule() {
    let target = Target::start(KeyRule::Strict);
    let client = Mutex::new(target.runtime.block_on(target.fixture.h2()));
    let key = prop_oneof![
        "[a-z.:_-]{0,8}",
        "(ns|nsapi|n):[a-zA-Z.:_-]{0,5}(:[a-z./]{0,4})?",
        "\\PC{0,6}",
        "(health|ttl|lock|\\.{1,3}|[a-c]{398,402})",
    ];
    let cases = cases(512);
    let done = runner(cases).run(&key, |key| {
        let path = format!("/v1/cache/{}", encoded(&key));
        let answer = target
            .runtime
            .block_on(async { client.lock().await.call("PUT", &path, key.as_bytes()).await });
        // Not by the path's `health`, which is no key: it takes no PUT.
        let expected = if key == "health" {
            405
        } else if published_rule(&key) {
            200
        } else {
            400
        };
        prop_assert_eq!(answer.status, expected);
        Ok(())
    });
    done.expect("every key is judged as published");
    println!("fuzz: {cases} keys against the published rule");
}

#[test]
fn fuzz_any_key_comes_back_as_it_went() {
    let target = Target::start(KeyRule::Any);
    let client = Mutex::new(target.runtime.block_on(target.fixture.h2()));
    let model = std::sync::Mutex::new(HashMap::new());
    // Few letters, so that keys that are almost the same are likely.
    let key = prop_oneof!["[aA%2F/+ .]{1,4}", "[\u{e9}e\u{301}]{1,3}", any::<String>()];
    let cases = cases(512);
    let done = runner(cases).run(&(key, any::<Vec<u8>>()), |(key, value)| {
        if ["", ".", "..", "health", "ttl", "lock"].contains(&key.as_str()) || key.len() > 1024 {
            return Ok(());
        }
        let path = format!("/v1/cache/{}", encoded(&key));
        let (before, after) = target.runtime.block_on(async {
            let mut client = client.lock().await;
            let before = client.get(&path).await;
            client.put(&path, &[], &value).await;
            (before, client.get(&path).await)
        });
        let mut model = model.lock().expect("no panic");
        prop_assert_eq!(before, model.insert(key, value.clone()));
        prop_assert_eq!(after, Some(value));
        Ok(())
    });
    done.expect("no key is taken for another");
    println!("fuzz: {cases} keys and values stored and read");
}

#[test]
fn fuzz_ttl_headers_are_whole_numbers_or_refused() {
    let target = Target::start(KeyRule::Strict);
    let client = Mutex::new(target.runtime.block_on(target.fixture.h2()));
    let number = prop_oneof![
        (0_u64..2_600_000).prop_map(|number| number.to_string()),
        "[0-9]{1,9}",
        "[ -~]{0,6}",
        "[+-]?[0-9]{1,3}([.e][0-9])?",
    ];
    let cases = cases(512);
    let strategy = (number.clone(), proptest::option::of(number));
    let done = runner(cases).run(&strategy, |(ttl, stale)| {
        let mut headers = vec![("x-cachekit-ttl", ttl.as_str())];
        headers.extend(stale.as_ref().map(|stale| ("x-cachekit-stale-ttl", stale.as_str())));
        let answer = target.runtime.block_on(async {
            client.lock().await.ask("PUT", "/v1/cache/k", &headers, b"v").await
        });
        // Spaces around a value are not part of it.
        let read = |text: &str| {
            let text = text.trim_matches([' ', '\t']);
            let digits = text.len() <= 7 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u64>().ok().filter(|number| digits && (1..=2_592_000).contains(number))
        };
        let sum = match &stale {
            None => read(&ttl),
            Some(stale) => read(&ttl).zip(read(stale)).map(|(ttl, stale)| ttl + stale),
        };
        let good = sum.is_some_and(|sum| sum <= 2_592_000);
        prop_assert_eq!(answer.status, if good { 200 } else { 400 });
        Ok(())
    });
    done.expect("every life is judged as published");
    println!("fuzz: {cases} pairs of lives");
}

#[test]
fn fuzz_whole_requests_never_end_the_server() {
    let target = Target::start(KeyRule::Any);
    let key = &target.fixture.live;
    let piece = prop_oneof![
        Just("GET /v1/cache/k HTTP/1.1\r\n".to_owned()),
        Just("PUT /v1/cache/k HTTP/1.1\r\n".to_owned()),
        Just("POST /v1/cache/k/lock HTTP/1.1\r\n".to_owned()),
        Just("Host: x\r\n".to_owned()),
        Just(format!("Authorization: Bearer {key}\r\n")),
        Just("Content-Length: 3\r\n".to_owned()),
        Just("Transfer-Encoding: chunked\r\n".to_owned()),
        Just("Expect: 100-continue\r\n".to_owned()),
        Just("X-CacheKit-TTL: 5\r\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("3\r\nabc\r\n0\r\n\r\n".to_owned()),
        Just("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        any::<String>(),
        "[A-Z]{1,4} [!-~]{0,12} HTTP/1.[01]\r\n",
    ];
    let pieces = proptest::collection::vec(piece, 1..12);
    let cases = cases(256);
    let done = runner(cases).run(&pieces, |pieces| {
        let answers = target.runtime.block_on(async {
            let mut wire = H1::new(target.fixture.tls(&[b"http/1.1"]).await);
            // The server may have closed the connection before all of it was sent.
            let _ = wire.try_send(pieces.concat().as_bytes()).await;
            wire.rest().await
        });
        let answers = String::from_utf8_lossy(&answers);
        prop_assert!(!answers.contains("HTTP/1.1 5"), "{}", answers);
        Ok(())
    });
    done.expect("no request is answered 5xx");
    let mut client = target.runtime.block_on(target.fixture.h2());
    let alive = target.runtime.block_on(client.call("GET", "/v1/cache/health", b""));
    assert_eq!(alive.status, 200);
    println!("fuzz: {cases} connections with random requests");
}
