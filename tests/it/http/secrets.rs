//! What is never written anywhere: the API key, at any level and in any error; keys and values of
//! entries, by this project's own code.

use super::local::{Local, limits};
use super::program::{Program, Store};
use super::relay::Relay;
use super::trust::{Authority, Leaf};
use bytes::Bytes;
use cachekit_io::{BackendError, CachekitIo, SetOptions};
use cachekit_server::{KeyKind, TenantLimits};
use cachekit_tests::{block_on, in_child};
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

const ENTRY: &str = "entry-that-nobody-may-see";
const VALUE: &str = "value-that-nobody-may-see";

/// A log in memory.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub(super) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Memory {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Every way to print an error.
fn printed(error: &BackendError) -> String {
    let mut texts = vec![format!("{error} {error:?} {error:#?}")];
    let mut next = error.source();
    while let Some(source) = next {
        texts.push(format!("{source} {source:?} {source:#?}"));
        next = source.source();
    }
    texts.join("\n")
}

/// The parts of an API key that must not be found: the whole, and its secret part in every half.
fn secrets(key: &str) -> [&str; 3] {
    let secret = key.rsplit('_').next().expect("there is one");
    let (first, second) = secret.split_at(secret.len() / 2);
    [key, first, second]
}

/// All operations, of which some succeed; what went wrong, printed.
fn use_everything(client: &CachekitIo, wrong: &mut Vec<String>) {
    let mut note = |error: Option<BackendError>| wrong.extend(error.as_ref().map(printed));
    let hasty = client.with_timeout(Duration::from_millis(500));
    block_on(async {
        let options = SetOptions::new().ttl(Duration::from_secs(60));
        note(hasty.set(ENTRY, Bytes::from_static(VALUE.as_bytes()), &options).await.err());
        note(hasty.set(ENTRY, VALUE.repeat(1000).into(), &options).await.err());
        note(hasty.get(ENTRY).await.err());
        note(hasty.exists(ENTRY).await.err());
        note(hasty.refresh_ttl(ENTRY, Duration::from_secs(60)).await.err());
        note(hasty.expiry(ENTRY).await.err());
        match hasty.acquire_lock(ENTRY, Duration::from_secs(60)).await {
            Ok(Some(guard)) => {
                let text = format!("{guard:?} {guard:#?} {:?}", guard.token());
                assert!(!text.contains(guard.id()) && !text.contains(ENTRY), "{text}");
                note(guard.release().await.err());
            }
            Ok(None) => {}
            Err(error) => note(Some(error)),
        }
        note(hasty.get("health").await.err());
        note(hasty.delete(ENTRY).await.err());
        note(hasty.health().await.err());
    });
}

#[test]
fn nothing_that_fails_tells_a_secret() {
    in_child("http::secrets::nothing_that_fails_tells_a_secret", || {
        let log = Memory::default();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .init();

        let quota = TenantLimits { requests_per_day: Some(5), ..TenantLimits::default() };
        let small = || limits(|all| all.max_value_bytes = 1000);
        let servers = [
            Local::start_with(|builder| builder.limits(small())),
            Local::limited(quota),
            Local::presenting(Leaf::OtherName, KeyKind::Sdk, |builder| builder),
        ];
        let mut written = Vec::new();
        let mut keys = Vec::new();
        for server in &servers {
            let key = server.key.as_str();
            let wrong = format!("{key}5");
            let (relay, http1) = (Relay::tcp(server), Relay::http1(server));
            let stalled = Relay::tcp(server);
            stalled.stall(true);
            // A server that says the key it was sent, as an error and as a value of a field.
            let echo =
                format!("HTTP/1.1 400 Bad\r\nContent-Length: {}\r\n\r\n{key}{key}", key.len() * 2);
            let echo = Relay::answering(server, echo);
            let stranger = Authority::new();
            let mut clients: Vec<CachekitIo> = [
                server.builder(),
                server.builder().api_key(wrong.clone()),
                server.builder().api_url(relay.url()),
                server.builder().api_url(http1.url()),
                server.builder().api_url(stalled.url()),
                server.builder().api_url(echo.url()),
                server.builder().api_url("https://localhost:1"),
                super::local::client_of(&server.url(), key, &stranger.pem),
            ]
            .into_iter()
            .map(|builder| {
                written.push(format!("{builder:?} {builder:#?}"));
                builder.max_retries(1).build().expect("a client")
            })
            .collect();
            relay.cut_after(3000);
            clients.push(server.client());
            for client in &clients {
                written.push(format!("{client:?} {client:#?}"));
                let before = written.len();
                use_everything(client, &mut written);
                assert!(written.len() > before, "each has something to complain about");
            }
            // Settings that are wrong beside a key that is right, and a key that cannot be one.
            for builder in [
                server.builder().api_url(format!("https://{key}@localhost/")),
                server.builder().timeout(Duration::ZERO),
                server.builder().api_key(format!("{key}\n")),
                server.builder().api_key(format!(" {key}")),
            ] {
                written.push(printed(&builder.build().expect_err("wrong")));
            }
            written.push(server.metrics());
            keys.extend([key.to_owned(), wrong]);
        }
        drop(servers);

        let log = log.text();
        // Both ends were heard, and the libraries below them.
        for target in ["cachekit_server", "rustls", "h2"] {
            assert!(log.contains(target), "nothing of {target} in {} bytes", log.len());
        }
        for key in &keys {
            for secret in secrets(key) {
                let found = log.lines().find(|line| line.contains(secret));
                assert!(found.is_none(), "in the log: {}", found.unwrap_or_default());
                let found = written.iter().find(|text| text.contains(secret));
                assert!(found.is_none(), "written: {}", found.map_or("", |text| text));
            }
        }
        let written = written.iter().map(String::as_str);
        let ours = log.lines().filter(|line| line.contains(" cachekit"));
        for text in written.chain(ours) {
            assert!(!text.contains(ENTRY) && !text.contains(VALUE), "{text}");
        }
    });
}

#[test]
fn the_log_of_the_program_tells_no_secret() {
    let mut server = Program::logging(Store::Disk, "trace");
    let mut wrong = Vec::new();
    use_everything(&server.client(), &mut wrong);
    let other = format!("{}5", server.key());
    use_everything(&server.builder().api_key(other).build().expect("a client"), &mut wrong);
    assert!(server.terminate().success());
    let log = server.log();
    assert!(log.contains("answered") && log.contains("TRACE"), "{log}");
    for secret in secrets(server.key()) {
        let found = log.lines().find(|line| line.contains(secret));
        assert!(found.is_none(), "{}", found.unwrap_or_default());
    }
    let ours = log.lines().filter(|line| line.contains(" cachekit"));
    for line in ours {
        assert!(!line.contains(ENTRY) && !line.contains(VALUE), "{line}");
    }
}
