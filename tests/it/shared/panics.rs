//! Values whose `Serialize` or `Deserialize` panics are not shared, and fail no call.

use std::cell::Cell;
use std::sync::Arc;

use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::MemoryBackend;
use cachekit_tests::{Runs, block_on};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::secure::keyring;

static RUNS: Runs = Runs::new();

thread_local! {
    /// What panics on this thread.
    static BROKEN: Cell<(bool, bool)> = const { Cell::new((false, false)) };
}

fn broken(serialize: bool, deserialize: bool) {
    BROKEN.set((serialize, deserialize));
}

#[derive(Clone, Debug, PartialEq)]
struct Moody(u32);

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(!BROKEN.get().0, "on purpose");
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u32::deserialize(deserializer)?;
        assert!(!BROKEN.get().1, "on purpose");
        Ok(Self(value))
    }
}

/// Goes as MessagePack: untagged types have no schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Moody(Vec<Moody>),
    #[allow(dead_code)]
    Text(String),
}

#[cache(ttl = 60)]
fn plain(n: u32) -> Moody {
    RUNS.add();
    Moody(n)
}

#[cache(ttl = 60, stale = 30)]
async fn loose(n: u32) -> Loose {
    RUNS.add();
    Loose::Moody(vec![Moody(n)])
}

#[cache::secure(ttl = 60, namespace = "panics")]
fn sealed(n: u32) -> Moody {
    RUNS.add();
    Moody(n)
}

#[cache::secure(ttl = 60, namespace = "panics", l1 = typed)]
fn typed(n: u32) -> Result<Moody, String> {
    RUNS.add();
    Ok(Moody(n))
}

fn all(n: u32) {
    assert_eq!(plain(n), Moody(n));
    assert_eq!(block_on(loose(n)), Loose::Moody(vec![Moody(n)]));
    assert_eq!(sealed(n), Moody(n));
    assert_eq!(typed(n), Ok(Moody(n)));
}

fn errors() -> [u64; 4] {
    [plain::stats(), loose::stats(), sealed::stats(), typed::stats()].map(|it| it.shared_errors)
}

fn machine(backend: &Arc<MemoryBackend>) -> Scope {
    Scope::new().with_backend(backend.clone()).with_keyring(keyring(1, &[]))
}

#[test]
fn a_serialize_that_panics_loses_no_result() {
    let backend = Arc::new(MemoryBackend::new());
    machine(&backend).run(|| {
        broken(true, false);
        all(1);
        assert_eq!(errors(), [1; 4]);
        plain::set(&2, Moody(2));
        sealed::set(&2, Moody(2));
        assert_eq!(plain(2), Moody(2));
        broken(false, false);
        settle();
    });
    assert!(backend.is_empty(), "nothing was stored");
    RUNS.take();
    // Sealed in this process alone.
    Scope::new().with_keyring(keyring(1, &[])).run(|| {
        broken(true, false);
        all(1);
        broken(false, false);
        all(1);
        all(1);
    });
}

#[test]
fn a_deserialize_that_panics_is_a_miss() {
    let backend = Arc::new(MemoryBackend::new());
    machine(&backend).run(|| {
        all(3);
        settle();
    });
    RUNS.take();
    let reader = machine(&backend);
    reader.run(|| {
        broken(false, true);
        assert_eq!((plain::peek(&3), plain::contains(&3)), (None, false));
        assert_eq!((sealed::peek(&3), block_on(loose::peek(&3))), (None, None));
        all(3);
        assert_eq!(RUNS.take(), 4, "the functions ran");
        assert!(errors().iter().all(|errors| *errors >= 1), "{:?}", errors());
        broken(false, false);
        settle();
    });
    // They have a value again, if the writer could read what it wrote.
    machine(&backend).run(|| all(3));
}

#[test]
fn so_is_a_sealed_entry_of_this_process_at_which_it_panics() {
    for backend in [None, Some(Arc::new(MemoryBackend::new()))] {
        let scope = Scope::new().with_keyring(keyring(1, &[]));
        let scope = match backend {
            Some(backend) => scope.with_backend(backend),
            None => scope,
        };
        scope.run(|| {
            assert_eq!(sealed(4), Moody(4));
            RUNS.take();
            broken(false, true);
            assert_eq!((sealed(4), RUNS.take()), (Moody(4), 1));
            assert!(sealed::stats().shared_errors >= 1);
            broken(false, false);
            assert_eq!(sealed(4), Moody(4));
            settle();
        });
    }
}

#[test]
fn deep_values_are_sealed_as_little_as_they_are_shared() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Deep(Option<Box<Deep>>);
    #[cache::secure(ttl = 60, namespace = "panics")]
    fn deep(depth: u32) -> Deep {
        RUNS.add();
        (0..depth).fold(Deep(None), |inner, _| Deep(Some(Box::new(inner))))
    }
    Scope::new().with_keyring(keyring(1, &[])).run(|| {
        assert_eq!(deep(1000), deep(1000));
        assert_eq!(deep(3), deep(3));
    });
    RUNS.take();
}
