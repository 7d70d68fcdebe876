//! Whole connections at a server, over a socket: whatever comes, it answers no 5xx and goes on.
//!
//! Lines of the input that say `KEY` carry the API key, so that requests get past authentication.
#![no_main]

use cachekit_server::{ApiKey, ApiKeys, KeyRule, Running, Scope, Server, TenantLimits};
use libfuzzer_sys::fuzz_target;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::Runtime;

const KEY: &str = "ck_live_0123456789abcdef0123456789abcdef";

const HEALTH: &[u8] =
    b"GET /v1/cache/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nKEY\r\n\r\n";

struct Target {
    _runtime: Runtime,
    _server: Running,
    address: SocketAddr,
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let key = ApiKey::parse(KEY).expect("the form of a key");
    let mut keys = ApiKeys::new();
    keys.add(&key, "acme", &Scope::ALL, TenantLimits::default()).expect("a tenant");
    let server = Server::builder().cleartext().api_keys(keys).key_rule(KeyRule::Any);
    let server = runtime.block_on(server.bind()).expect("a free port");
    let address = server.local_addr();
    Target { _runtime: runtime, _server: server, address }
});

fuzz_target!(|input: &[u8]| {
    // Ends the connection, if the input was whole requests.
    let answer = talk(&with_key(&[input, HEALTH].concat()));
    // A body is a stored value; only status lines count.
    for line in answer.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"HTTP/1.")) {
        assert_ne!(line.get(9), Some(&b'5'), "{}", String::from_utf8_lossy(&answer));
    }
    if input.first().is_some_and(|byte| byte % 64 == 0) {
        let healthy = talk(&with_key(HEALTH));
        let shown = String::from_utf8_lossy(&healthy);
        assert!(shown.starts_with("HTTP/1.1 200"), "the server is not well: {shown}");
    }
});

fn with_key(input: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(input.len() + 64);
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"KEY") {
            bytes.extend_from_slice(format!("Authorization: Bearer {KEY}\r\n").as_bytes());
        } else {
            bytes.extend_from_slice(line);
        }
    }
    bytes
}

/// Sends all of it and reads to the end; where the server waits for more, says that there is no more.
fn talk(bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(TARGET.address).expect("the server listens");
    // The server may have answered and closed before all of it was sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    for patience in [Duration::from_millis(20), Duration::from_secs(30)] {
        stream.set_read_timeout(Some(patience)).expect("a timeout");
        match stream.read_to_end(&mut answer) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let _ = stream.shutdown(Shutdown::Write);
            }
            _ => return answer,
        }
    }
    panic!("neither an answer nor an end");
}
