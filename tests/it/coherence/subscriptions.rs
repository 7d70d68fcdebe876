//! One subscription for each backend in use, for as long as it is, and none where no copies are kept.

use std::io::Write;
use std::sync::{Arc, Mutex};

use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{
    Backend, Capability, InvalidationEvent, InvalidationEvents, MemoryBackend, Operation,
};
use cachekit_tests::{block_on, in_child, together};

use crate::secure::{keyring, machine_with};
use crate::shared::tier::machine;

/// A backend that panics when it is asked for its events.
#[derive(Debug)]
pub(crate) struct Panics(pub(crate) FaultyBackend);

impl Backend for Panics {
    cachekit_tests::delegate!(0: get set delete exists health);

    fn events(&self) -> Option<&dyn InvalidationEvents> {
        panic!("asked for events")
    }
}

#[cache(ttl = 60)]
fn one(n: u32) -> u32 {
    n
}

#[cache(ttl = 60)]
async fn two(n: u32) -> u32 {
    n
}

#[cache::local(ttl = 60)]
fn local(n: u32) -> u32 {
    n
}

#[cache::secure(ttl = 60, namespace = "subscriptions", l1 = off)]
fn uncopied(n: u32) -> u32 {
    n
}

fn backend() -> FaultyBackend {
    FaultyBackend::new(MemoryBackend::new())
}

#[test]
fn all_functions_and_threads_share_one_subscription() {
    let backend = backend();
    let scope = machine(&backend);
    assert_eq!(scope.run(|| local(1)), 1);
    assert_eq!(backend.count(Operation::Subscribe), 0, "not before a function needs it");
    together(4, |thread| {
        let thread = u32::try_from(thread).unwrap();
        scope.run(|| (0..50).for_each(|n| assert_eq!(one(50 * thread + n), 50 * thread + n)));
        assert_eq!(block_on(scope.wrap(two(thread))), thread);
    });
    assert_eq!((backend.count(Operation::Subscribe), backend.subscriptions()), (1, 1));
}

#[test]
fn no_copies_no_subscription() {
    let backend = backend();
    let scope = machine_with(&backend, keyring(1, &[]));
    scope.run(|| (local(1), uncopied(1), uncopied(1)));
    assert_eq!(backend.count(Operation::Subscribe), 0);
    let disabled = Scope::disabled().with_backend(Arc::new(backend.clone()));
    disabled.run(|| one(1));
    assert_eq!(backend.count(Operation::Subscribe), 0);
    // No subscription either where the backend offers no events.
    backend.hide(Capability::Events);
    machine(&backend).run(|| (one(1), one(1)));
    assert_eq!(backend.count(Operation::Subscribe), 0);
}

#[test]
fn it_ends_with_the_scope_or_with_the_next_backend_of_it() {
    let (first, second) = (backend(), backend());
    let scope = machine(&first);
    scope.run(|| one(1));
    assert_eq!(first.subscriptions(), 1);
    let scope = scope.with_backend(Arc::new(second.clone()));
    assert_eq!(first.subscriptions(), 0);
    scope.run(settle);
    assert_eq!(scope.run(one::stats).entries, 0, "no event could reach the copy any more");
    scope.run(|| one(1));
    assert_eq!(second.subscriptions(), 1);
    drop(scope);
    assert_eq!(second.subscriptions(), 0);
}

#[test]
fn it_ends_when_another_backend_becomes_that_of_the_process() {
    in_child(
        "coherence::subscriptions::it_ends_when_another_backend_becomes_that_of_the_process",
        || {
            let (first, second) = (backend(), backend());
            let installed: Arc<dyn Backend> = Arc::new(first.clone());
            cachekit::set_default_backend(Arc::clone(&installed));
            assert_eq!((one(1), one(1)), (1, 1));
            assert_eq!(first.subscriptions(), 1);
            cachekit::set_default_backend(Arc::clone(&installed));
            assert_eq!((one(1), one::stats().hits), (1, 2), "it is the same one");
            cachekit::set_default_backend(Arc::new(second.clone()));
            assert_eq!((first.subscriptions(), second.subscriptions()), (0, 0));
            assert_eq!((one(1), one::stats().hits), (1, 2), "no event could reach the copy");
            assert_eq!(second.subscriptions(), 1);
            // And back: it listens anew.
            cachekit::set_default_backend(installed);
            assert_eq!((one(1), first.subscriptions(), second.subscriptions()), (1, 1, 0));
            assert!(cachekit::clear_default_backend().is_some());
            assert_eq!(first.subscriptions(), 0);
        },
    );
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_flush_is_one_line_in_the_log() {
    in_child("coherence::subscriptions::a_flush_is_one_line_in_the_log", || {
        let log = Memory::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        let backend = backend();
        let scope = machine(&backend);
        scope.run(|| (0..20).for_each(|n| assert_eq!(one(n), n)));
        // The second one finds nothing, and there is nothing to say.
        for event in [InvalidationEvent::Gap, InvalidationEvent::Gap] {
            backend.tell(event);
        }
        scope.run(settle);
        scope.run(|| one(1));
        backend.tell(InvalidationEvent::Cleared);
        scope.run(settle);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| line.contains("copies")).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains("may have been lost") && lines[0].contains("dropped=20"));
        assert!(lines[1].contains("was emptied") && lines[1].contains("dropped=1"));
        assert!(!text.contains("args:"), "{text}");
    });
}
