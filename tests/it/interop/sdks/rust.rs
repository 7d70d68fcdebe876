//! The published Rust SDK.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use cachekit_io::envelope::interop::DEFAULT_TENANT;
use published::backend::cachekitio::CachekitIO;
use published::backend::file::FileBackend;
use published::backend::redis::RedisBackend;
use published::interop::{InteropValue, interop_key};
use published::{CacheKit, CachekitError, SharedBackend};
use tokio::runtime::Runtime;

use super::calls::{Call, Record, generated};
use super::tenants::{self, Found, Tenant};
use super::{CASES, OURS, Place, Ring, SEED, Sdk, THEIRS, reader, writers};
use crate::service::{child, is_child};

const CHILD: &str = "interop::sdks::rust::in_a_process_of_its_own";
/// Tells the child what to do.
const ROLE: &str = "CACHEKIT_TEST_ROLE";
const MINUTES: Duration = Duration::from_secs(300);

/// The key that theirs computes.
fn key(call: &Call) -> String {
    let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    let arguments = [
        call.id.into(),
        call.offset.into(),
        call.name.as_str().into(),
        call.ratio.into(),
        InteropValue::Array(texts(&call.tags)),
        InteropValue::Map(
            call.limits.iter().map(|(name, limit)| (name.clone(), (*limit).into())).collect(),
        ),
        InteropValue::Set(call.ids.iter().map(|id| i32::from(*id).into()).collect()),
        call.parent.map_or(InteropValue::Null, Into::into),
        InteropValue::DateTime { unix_micros: call.at.unix_micros().unwrap() },
    ];
    interop_key("exchange", "search", &arguments).unwrap()
}

fn client(backend: SharedBackend, ring: Option<Ring>, tenant: &str) -> CacheKit {
    let builder = CacheKit::builder().backend(backend).no_l1();
    let builder = match ring {
        None => builder.no_encryption(),
        Some(Ring { current, previous }) => {
            let previous: Vec<[u8; 32]> = previous.iter().map(|byte| [*byte; 32]).collect();
            let previous: Vec<&[u8]> = previous.iter().map(<[u8; 32]>::as_slice).collect();
            builder.encryption_from_bytes_with_previous(&[current; 32], &previous, tenant).unwrap()
        }
    };
    builder.build().unwrap()
}

async fn write(backend: &SharedBackend, calls: &[Call], sealed: bool) {
    for (range, ring) in writers(sealed) {
        let client = client(backend.clone(), ring, DEFAULT_TENANT);
        for call in &calls[range] {
            client.set_with_ttl(&key(call), &call.record, MINUTES).await.unwrap();
        }
    }
}

async fn read(backend: &SharedBackend, calls: &[Call], sealed: bool) {
    let client = client(backend.clone(), sealed.then(reader), DEFAULT_TENANT);
    for call in calls {
        let name = format!("seed {SEED}, call {}", call.number);
        let found: Option<Record> = client.interop_get(&key(call)).await.expect(&name);
        assert_eq!(found.as_ref(), Some(&call.record), "{name}");
    }
    if sealed {
        let third = u64::try_from(CASES / 3).unwrap();
        assert_eq!(client.secure_cache().unwrap().previous_key_hits(), [third, third]);
    }
}

/// With a backend of theirs in this process, except against the server.
struct Rust;

impl Sdk for Rust {
    const NAME: &'static str = "Rust SDK";

    fn read(&self, place: &Place, calls: &[Call], sealed: bool) {
        match here(place) {
            Some((runtime, backend)) => runtime.block_on(read(&backend, calls, sealed)),
            None => in_child(place, "read", sealed),
        }
    }

    fn write(&self, place: &Place, calls: &[Call], sealed: bool) {
        match here(place) {
            Some((runtime, backend)) => runtime.block_on(write(&backend, calls, sealed)),
            None => in_child(place, "write", sealed),
        }
    }
}

/// A client of one tenant.
fn of_tenant(backend: SharedBackend, tenant: &str) -> CacheKit {
    client(backend, Some(Ring { current: tenants::MASTER, previous: &[] }), tenant)
}

fn page_key(of: &str, number: usize) -> String {
    interop_key("exchange", "page_of", &[of.into(), u64::try_from(number).unwrap().into()]).unwrap()
}

impl Tenant for Rust {
    const NAME: &'static str = "Rust SDK";

    fn write(&self, place: &Place, tenant: &str, of: &str, calls: Range<usize>) {
        let (runtime, backend) = here(place).expect("a backend in this process");
        let client = of_tenant(backend, tenant);
        runtime.block_on(async {
            for number in calls {
                let answer = tenants::answer(of, number);
                client.set_with_ttl(&page_key(of, number), &answer, MINUTES).await.unwrap();
            }
        });
    }

    fn read(&self, place: &Place, tenant: &str, of: &str, calls: Range<usize>, found: Found) {
        let (runtime, backend) = here(place).expect("a backend in this process");
        let client = of_tenant(backend, tenant);
        runtime.block_on(async {
            for number in calls {
                match (client.interop_get::<String>(&page_key(of, number)).await, found) {
                    (Ok(Some(answer)), Found::Opened) => {
                        assert_eq!(answer, tenants::answer(of, number));
                    }
                    (Err(CachekitError::Encryption(_)), Found::Refused) => {}
                    (other, _) => panic!("call {number} of {of} is to be {found:?}: {other:?}"),
                }
            }
        });
    }
}

exchanges!(Rust);

/// A backend of theirs in this process.
fn here(place: &Place) -> Option<(Runtime, SharedBackend)> {
    let runtime = Runtime::new().unwrap();
    let backend: SharedBackend = match place {
        Place::Directory(directory) => {
            let builder = FileBackend::builder().cache_dir(Place::path(directory));
            Arc::new(builder.build().unwrap())
        }
        Place::Redis(node) => runtime.block_on(async {
            let backend = RedisBackend::builder().url(node.url()).build().unwrap();
            // What it returns only says when the connection ends.
            drop(backend.connect().await.unwrap());
            let backend: SharedBackend = Arc::new(backend);
            backend
        }),
        Place::Server { .. } => return None,
    };
    Some((runtime, backend))
}

/// Runs the client against the server, which it trusts by `SSL_CERT_FILE`: only a new process can be given that.
fn in_child(place: &Place, what: &str, sealed: bool) {
    let role = &format!("{what} {}", if sealed { "sealed" } else { "plain" });
    let Place::Server { service, .. } = place else { unreachable!("only the server needs it") };
    let mut program = child(CHILD);
    service.configure(&mut program, "localhost");
    let output = program.env(ROLE, role).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains(&done(role)), "{said}\n{errors}");
}

fn done(role: &str) -> String {
    format!("{role}: {CASES} calls")
}

/// The child of the exchange through our server. It generates the same calls.
#[test]
fn in_a_process_of_its_own() {
    if !is_child(CHILD) {
        return;
    }
    let variable = |name: &str| std::env::var(name).unwrap();
    let backend = CachekitIO::builder()
        .api_key(variable("CACHEKIT_API_KEY"))
        .api_url(variable("CACHEKIT_API_URL"))
        .allow_custom_host(true);
    let backend: SharedBackend = Arc::new(backend.build().unwrap());
    let role = variable(ROLE);
    let sealed = role.ends_with("sealed");
    Runtime::new().unwrap().block_on(async {
        if role.starts_with("read") {
            read(&backend, &generated(OURS), sealed).await;
        } else {
            write(&backend, &generated(THEIRS), sealed).await;
        }
    });
    println!("{}", done(&role));
}
