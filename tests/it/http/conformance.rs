//! The contract of a backend, kept by client and server together.

use super::fronts::ThroughBlocking;
use super::local::{Local, client_of};
use super::relay::Relay;
use cachekit_io::Backend;
use cachekit_io::blocking::Blocking;
use cachekit_io::conformance::{Subject, check_all};
use cachekit_server::{DiskStore, KeyRule, Timestamp};
use cachekit_tests::block_on;

#[derive(Clone, Copy)]
enum Protocol {
    H1,
    H2,
}

#[derive(Clone, Copy)]
enum Store {
    Memory,
    Disk,
}

/// Keeps what is needed while the backend made of the client is checked.
fn keeps_the_contract<B: Backend>(
    protocol: Protocol,
    store: Store,
    front: impl FnOnce(cachekit_io::CachekitIo) -> B,
) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Local::start_with(|builder| match store {
        Store::Memory => builder.key_rule(KeyRule::Any),
        Store::Disk => {
            let begin = Timestamp::from_millis(0);
            let disk = DiskStore::open(directory.path(), 64 * 1024 * 1024, begin);
            builder.key_rule(KeyRule::Any).store(disk.expect("a store"))
        }
    });
    let relay = matches!(protocol, Protocol::H1).then(|| Relay::http1(&server));
    let url = relay.as_ref().map_or_else(|| server.url(), Relay::url);
    let client = client_of(&url, &server.key, &server.authority.pem).build().expect("a client");
    let backend = front(client);
    let hands = server.hands.clone();
    let subject = Subject::new(&backend).with_lock_fencing().advance(move |by| {
        hands.advance(by);
        std::future::ready(())
    });
    let report = block_on(check_all(&subject));
    report.assert_passed();
    // Everything the client can do was looked at: it offers neither fencing tokens nor events.
    for (check, reason) in report.skipped() {
        let cannot = ["fencing::", "events::"].iter().any(|module| check.starts_with(module));
        assert!(cannot, "{check} was skipped: {reason}");
    }
    // The relay really spoke to the server, and nobody went around it.
    assert!(server.requests() > 50);
    assert!(relay.is_none_or(|relay| relay.accepted() > 0));
    drop(subject);
    let ending = server.shutdown();
    assert!(server.block_on(ending).expect("no panic"), "the server ends by itself");
}

#[test]
fn over_http_2_with_the_memory_store() {
    keeps_the_contract(Protocol::H2, Store::Memory, |client| client);
}

#[test]
fn over_http_2_with_the_disk_store() {
    keeps_the_contract(Protocol::H2, Store::Disk, |client| client);
}

#[test]
fn over_http_1_with_the_memory_store() {
    keeps_the_contract(Protocol::H1, Store::Memory, |client| client);
}

#[test]
fn over_http_1_with_the_disk_store() {
    keeps_the_contract(Protocol::H1, Store::Disk, |client| client);
}

#[test]
fn through_the_blocking_api() {
    keeps_the_contract(Protocol::H2, Store::Memory, |client| {
        ThroughBlocking(Blocking::new(client))
    });
    keeps_the_contract(Protocol::H1, Store::Memory, |client| {
        ThroughBlocking(Blocking::new(client))
    });
}
