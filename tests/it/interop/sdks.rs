//! Cached functions next to the published SDKs: each finds in one store what the other has computed, in plain and
//! sealed, also after the keys have been rotated.
//!
//! Two [tenants](tenants) open their own entries, and not the other's.
//!
//! A hit proves the key, the value and, sealed, the AAD and the ciphertext at once: a reader's function must not run.

/// The tests of an SDK: all calls and two tenants, through each place.
macro_rules! exchanges {
    ($sdk:expr) => {
        #[test]
        fn two_tenants_through_a_directory() {
            super::tenants::exchange(&$sdk, &Place::directory(), "a directory");
        }

        #[test]
        fn two_tenants_through_redis() {
            super::tenants::exchange(&$sdk, &Place::redis(), "Redis");
        }

        #[test]
        fn through_a_directory() {
            super::exchange(&$sdk, Place::directory, "a directory");
        }

        #[test]
        fn through_redis() {
            super::exchange(&$sdk, Place::redis, "Redis");
        }

        #[test]
        fn through_our_server() {
            super::exchange(&$sdk, Place::server, "our server");
        }
    };
}

mod calls;
mod python;
mod rust;
mod tenants;

use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cachekit::secure::Keyring;
use cachekit::testing::Scope;
use cachekit_io::{Backend, FileBackend, Redis};
use cachekit_test_servers::Node;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::secure::keyring;
use crate::service::Service;

/// Calls for each pair and direction.
const CASES: usize = 1000;
/// The same calls in every run; printed with the counts.
const SEED: u64 = 20_261_201;
/// The calls that we store, and those that the SDK stores.
const OURS: u64 = 0;
const THEIRS: u64 = 1;
/// The name that the certificate of the server has besides `localhost`.
const HOST: &str = "cachekit.test";

/// Where both sides store.
enum Place {
    Directory(TempDir),
    Redis(Node),
    Server {
        service: Box<Service>,
        /// Runs it.
        _runtime: Runtime,
    },
}

impl Place {
    fn directory() -> Self {
        Self::Directory(tempfile::tempdir().unwrap())
    }

    fn redis() -> Self {
        Self::Redis(Node::start())
    }

    fn server() -> Self {
        let runtime = Runtime::new().unwrap();
        let service = runtime.block_on(Service::start(&["localhost", HOST]));
        Self::Server { service: Box::new(service), _runtime: runtime }
    }

    fn path(directory: &TempDir) -> PathBuf {
        directory.path().join("cache")
    }

    fn ours(&self) -> Arc<dyn Backend> {
        match self {
            Self::Directory(directory) => {
                let directory = Self::path(directory);
                Arc::new(FileBackend::builder().directory(directory).build().unwrap())
            }
            Self::Redis(node) => Arc::new(Redis::builder().url(node.url()).build().unwrap()),
            Self::Server { service, .. } => Arc::new(service.client()),
        }
    }
}

/// The keys of a sealer or a reader: one byte stands for a key.
#[derive(Clone, Copy)]
struct Ring {
    current: u8,
    previous: &'static [u8],
}

/// Calls of one writer, and its keys: after each rotation other calls follow. Without keys nothing is sealed.
fn writers(sealed: bool) -> Vec<(Range<usize>, Option<Ring>)> {
    if !sealed {
        return vec![(0..CASES, None)];
    }
    let third = CASES / 3;
    vec![
        (0..third, Some(Ring { current: 1, previous: &[] })),
        (third..2 * third, Some(Ring { current: 2, previous: &[1] })),
        (2 * third..CASES, Some(reader())),
    ]
}

/// The keys after the last rotation: they open what all of them have sealed.
fn reader() -> Ring {
    Ring { current: 3, previous: &[2, 1] }
}

/// A machine of ours that has just started: it finds nothing in its own memory.
fn machine(place: &Place, keys: Option<&Arc<Keyring>>) -> Scope {
    let scope = Scope::new().with_backend(place.ours()).with_shared_budget(Duration::from_secs(30));
    match keys {
        Some(keys) => scope.with_keyring(Arc::clone(keys)),
        None => scope,
    }
}

fn keys_of(ring: Option<Ring>) -> Option<Arc<Keyring>> {
    ring.map(|Ring { current, previous }| keyring(current, previous))
}

fn we_write(place: &Place, calls: &[calls::Call], sealed: bool) {
    for (range, ring) in writers(sealed) {
        machine(place, keys_of(ring).as_ref()).run(|| {
            for call in &calls[range] {
                assert_eq!(call.ours(sealed, Some(&call.record)), call.record);
            }
        });
    }
}

fn we_read(place: &Place, calls: &[calls::Call], sealed: bool) {
    let keys = keys_of(sealed.then(reader));
    machine(place, keys.as_ref()).run(|| {
        for call in calls {
            assert_eq!(call.ours(sealed, None), call.record, "seed {SEED}, call {}", call.number);
        }
    });
    if let Some(keys) = keys {
        let third = u64::try_from(CASES / 3).unwrap();
        assert_eq!(
            keys.previous_hits(),
            [third, third],
            "each of the other keys has sealed its part"
        );
    }
}

/// A published SDK, on the other side of an exchange.
trait Sdk {
    const NAME: &'static str;

    /// Finds what we have stored for these calls, all of them.
    fn read(&self, place: &Place, calls: &[calls::Call], sealed: bool);

    /// Stores what we are to find, with the keys of [`writers`].
    fn write(&self, place: &Place, calls: &[calls::Call], sealed: bool);
}

/// Both directions, in the clear and sealed, each through a new place.
fn exchange(sdk: &impl Sdk, place: fn() -> Place, through: &str) {
    let [first, second] = [OURS, THEIRS].map(calls::generated);
    for sealed in [false, true] {
        let place = place();
        we_write(&place, &first, sealed);
        sdk.read(&place, &first, sealed);
        sdk.write(&place, &second, sealed);
        we_read(&place, &second, sealed);
        report(sdk, through, sealed);
    }
}

/// What the run has compared.
fn report<S: Sdk>(_: &S, through: &str, sealed: bool) {
    let with = S::NAME;
    let how = if sealed { "sealed, keys rotated twice" } else { "plain" };
    let _ = writeln!(
        std::io::stderr(),
        "interop/v1 with the published {with} through {through}, {how}: {CASES} calls found theirs, {CASES} found ours, \
         seed {SEED}"
    );
}
