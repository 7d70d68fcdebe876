//! Sessions at a server: requests in any order, pipelined and cut anywhere, against a map that knows what each
//! has to answer.
#![no_main]

use cachekit_server::{ApiKey, ApiKeys, KeyRule, Running, Scope, Server, TenantLimits};
use libfuzzer_sys::fuzz_target;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::Runtime;

const KEY: &str = "ck_live_0123456789abcdef0123456789abcdef";

/// More would only be more of the same.
const REQUESTS: usize = 24;

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

/// What one request has to be answered with.
enum Answer {
    /// This status, and this body if one is named.
    Exactly(u16, Option<Vec<u8>>),
    /// Anything but a failure of the server's own.
    NoFailure,
}

struct Expected {
    /// Answers to `HEAD` have a length and no body.
    is_head: bool,
    answer: Answer,
}

fuzz_target!(|input: &[u8]| {
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    // What earlier inputs stored is gone before this one begins.
    let mut stored: HashMap<u8, Vec<u8>> = HashMap::new();
    for key in 0..4 {
        request(&mut bytes, "DELETE", &path(key), &[], None);
        expected.push(Expected { is_head: false, answer: Answer::Exactly(200, None) });
    }
    for step in input.chunks_exact(4).take(REQUESTS) {
        expected.push(act(&mut bytes, &mut stored, [step[0], step[1], step[2], step[3]]));
    }
    request(&mut bytes, "GET", "/v1/cache/health", &["Connection: close"], None);
    expected.push(Expected { is_head: false, answer: Answer::Exactly(200, None) });

    let mut stream = TcpStream::connect(TARGET.address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let mut sink = stream.try_clone().expect("a second handle");
    // The input says where the bytes are cut, which moves every boundary within the server.
    let cut = input.last().map_or(bytes.len(), |byte| usize::from(*byte) % bytes.len());
    sink.write_all(&bytes[..cut]).expect("the first part");
    sink.write_all(&bytes[cut..]).expect("the second part");
    let mut answers = BufReader::new(&mut stream);
    for (number, expected) in expected.into_iter().enumerate() {
        let (status, body) = answer(&mut answers, expected.is_head);
        match expected.answer {
            Answer::Exactly(right, _) if status != right => {
                panic!("request {number}: {status} instead of {right}")
            }
            Answer::Exactly(_, Some(right)) => {
                assert!(body == right, "request {number}: another body");
            }
            Answer::Exactly(..) => {}
            Answer::NoFailure => assert!(status < 500, "request {number}: {status}"),
        }
    }
});

fn path(key: u8) -> String {
    // Characters that have to be escaped, and keys that begin alike.
    ["a", "a%2Fb", "a%20", "%C3%A4"].map(|name| format!("/v1/cache/{name}"))[usize::from(key % 4)]
        .clone()
}

/// Appends the request of one step, and says what it leads to.
fn act(bytes: &mut Vec<u8>, stored: &mut HashMap<u8, Vec<u8>>, step: [u8; 4]) -> Expected {
    let [what, key, value, length] = step;
    let key = key % 4;
    let path = path(key);
    let found = |stored: &HashMap<u8, Vec<u8>>| match stored.get(&key) {
        Some(value) => Answer::Exactly(200, Some(value.clone())),
        None => Answer::Exactly(404, None),
    };
    let mut is_head = false;
    let answer = match what % 10 {
        0..=2 => {
            let value = vec![value; 1 + usize::from(length) * 16];
            request(bytes, "PUT", &path, &[], Some(&value));
            stored.insert(key, value);
            Answer::Exactly(200, None)
        }
        3..=5 => {
            request(bytes, "GET", &path, &[], None);
            found(stored)
        }
        6 => {
            request(bytes, "HEAD", &path, &[], None);
            is_head = true;
            Answer::Exactly(if stored.contains_key(&key) { 200 } else { 404 }, None)
        }
        7 => {
            request(bytes, "DELETE", &path, &[], None);
            stored.remove(&key);
            Answer::Exactly(200, None)
        }
        8 => {
            request(bytes, "GET", &format!("{path}/ttl"), &[], None);
            Answer::Exactly(if stored.contains_key(&key) { 200 } else { 404 }, None)
        }
        // Requests that are wrong in one way or another, and change nothing.
        _ => {
            let (method, header) = match value % 5 {
                0 => ("PUT", "X-CacheKit-TTL: -1"),
                1 => ("POST", "X-Nothing: 1"),
                2 => ("PUT", "X-CacheKit-TTL: 1x"),
                3 => ("PATCH", "X-CacheKit-TTL: 5"),
                _ => ("GET", "If-None-Match: *"),
            };
            let body = (method == "PUT").then_some(&b"wrong"[..]);
            request(bytes, method, &path, &[header], body);
            Answer::NoFailure
        }
    };
    Expected { is_head, answer }
}

fn request(bytes: &mut Vec<u8>, method: &str, path: &str, headers: &[&str], body: Option<&[u8]>) {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n");
    for header in headers {
        let _ = write!(head, "{header}\r\n");
    }
    if let Some(body) = body {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(body.unwrap_or_default());
}

/// Reads one answer.
fn answer(answers: &mut BufReader<&mut TcpStream>, is_head: bool) -> (u16, Vec<u8>) {
    let text = line(answers);
    let status = text.get(9..12).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line: {text:?}"));
    let mut length = 0;
    loop {
        let text = line(answers);
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            }
        }
    }
    let mut body = vec![0; if is_head { 0 } else { length }];
    answers.read_exact(&mut body).expect("the whole body");
    (status, body)
}

fn line(answers: &mut BufReader<&mut TcpStream>) -> String {
    let mut text = String::new();
    answers.read_line(&mut text).expect("an answer for each request");
    text.trim_end().to_owned()
}
