use super::server::{Server, reply};
use crate::blocking::{self, Blocking};
use crate::{BatchEntry, CachekitIo, MemoryBackend, SetOptions};
use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

fn server() -> Server {
    Server::new(|_| reply(200, "v"))
}

async fn works(client: &CachekitIo) {
    assert_eq!(client.get("k").await.unwrap().unwrap().value(), "v");
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn no_runtime_is_needed() {
    let server = server();
    pollster::block_on(works(&server.client()));
}

#[test]
fn a_runtime_without_network_or_clock_will_do() {
    let server = server();
    let bare = Builder::new_current_thread().build().unwrap();
    bare.block_on(works(&server.client()));
}

#[test]
fn a_client_outlives_runtimes() {
    let server = server();
    let client = server.client();
    for _ in 0..3 {
        current_thread().block_on(works(&client));
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
            .block_on(works(&client));
    }
    pollster::block_on(works(&client));
}

#[test]
fn a_runtime_that_stands_still_holds_nobody_up() {
    let server = server();
    let client = server.client();
    let first = current_thread();
    first.block_on(works(&client));
    // The connection of `first` is open, and nobody moves its bytes now.
    current_thread().block_on(works(&client));
    pollster::block_on(works(&client));
    first.block_on(works(&client));
    assert_eq!(server.connections(), 3);
}

#[test]
fn blocking_calls_work_everywhere() {
    let server = server();
    let client = blocking::CachekitIo::new(server.client());
    let call = || assert_eq!(client.get("k").unwrap().unwrap().value(), "v");
    call();
    // The executor stands still during the call, and so does everything on it.
    current_thread().block_on(async { call() });
    let several = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    several.block_on(async { call() });
    client.warm_up().unwrap();
}

#[test]
fn a_blocking_call_that_would_wait_for_itself_fails() {
    let server = server();
    let inner = blocking::CachekitIo::new(server.client());
    let (sender, receiver) = std::sync::mpsc::channel();
    let outer = server
        .builder()
        .l1(true)
        .session_metrics(move || {
            sender.send(inner.get("k").is_err()).unwrap();
            crate::http::SessionMetrics::default()
        })
        .build()
        .unwrap();
    blocking::CachekitIo::new(outer).get("k").unwrap();
    assert!(receiver.recv().unwrap());
}

#[test]
fn any_backend_can_block() {
    let backend = Blocking::new(MemoryBackend::new());
    let entries = [BatchEntry::new("a", Bytes::from_static(b"1"))];
    assert!(backend.set_many(&entries).iter().all(Result::is_ok));
    backend.set("b", Bytes::from_static(b"2"), &SetOptions::new()).unwrap();
    assert!(backend.exists("b").unwrap());
    let found = backend.get_many(&["a", "b", "c"]);
    assert_eq!(found.iter().filter(|found| matches!(found, Ok(Some(_)))).count(), 2);
    let lease = std::time::Duration::from_secs(9);
    let token = backend.try_acquire("a", lease).unwrap().unwrap();
    assert!(backend.release("a", &token).unwrap());
    assert!(backend.refresh_ttl("a", lease).unwrap());
    assert!(matches!(backend.expiry("a").unwrap(), crate::Expiry::In(_)));
    assert!(backend.delete_many(&["a", "b"]).iter().all(|deleted| matches!(deleted, Ok(true))));
    assert_eq!(backend.health().unwrap().backend_type, "memory");
}
