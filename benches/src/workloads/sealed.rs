//! `sealed`: a hit on a sealed entry of this process, next to a hit on one that is not sealed and to the
//! published client of the ecosystem, which opens at every hit, too.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cachekit::secure::{KeySet, Keyring, MasterKey, set_keyring};
use published::backend::{Backend, HealthStatus};
use published::interop::{InteropValue, interop_key};
use published::{BackendError, CacheKit};
use tokio::runtime::{Builder, Runtime};

use crate::harness::{Batch, Contender, Role, measure};
use crate::options::Options;
use crate::report::{Expected, Report};
use crate::{ours, subjects};

pub(crate) const SEALED: &str = "#[cache::secure]";
pub(crate) const TYPED: &str = "#[cache::secure], l1 = typed";
pub(crate) const OPEN: &str = "#[cache], the same function";
pub(crate) const PUBLISHED: &str = "cachekit-rs, encrypted";

const KEYS: u64 = 64;

pub(crate) fn run(options: &Options, report: &mut Report) {
    let key = MasterKey::generate().expect("random bytes");
    let hex = key.to_hex();
    set_keyring(Keyring::new(KeySet::new(key, []).expect("one key")));
    let stream: Vec<u64> = (0..KEYS).collect();

    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let client = CacheKit::builder()
        .backend(Arc::new(Memory::default()))
        .encryption(&hex, "default")
        .and_then(|builder| builder.default_ttl(subjects::TTL).build())
        .expect("a client");
    // What a function annotated with its macro does at a hit, without the macro: it names the crate, whose
    // name is ours here, too.
    let key_of = |id: u64| {
        let id = InteropValue::from(i64::try_from(id).unwrap_or_default());
        interop_key("benches", "person", &[id]).expect("a key")
    };
    let names: Vec<String> = stream.iter().map(|id| key_of(*id)).collect();
    runtime.block_on(async {
        for (id, name) in (0..).zip(&names) {
            client.set(name, &subjects::person(id)).await.expect("it is stored");
        }
    });
    let made = opened(PUBLISHED, &runtime, &stream, async |id| {
        let found = client.interop_get::<subjects::Person>(&key_of(id)).await;
        found.expect("it opens").expect("it is there")
    });
    let ready = opened("cachekit-rs, with a key at hand", &runtime, &stream, async |id| {
        let name = &names[usize::try_from(id).unwrap_or(0)];
        let found = client.interop_get::<subjects::Person>(name).await;
        found.expect("it opens").expect("it is there")
    });

    let contenders = vec![
        Contender::keyed(SEALED, Role::Ours, &stream, ours::person_sealed)
            .counting(|| ours::HIT_RUNS.get()),
        Contender::keyed(TYPED, Role::Ours, &stream, ours::person_typed)
            .counting(|| ours::HIT_RUNS.get()),
        Contender::keyed(OPEN, Role::Ours, &stream, ours::person).counting(|| ours::HIT_RUNS.get()),
        made,
        ready,
    ];
    let title = "hit in this process, u64 -> struct of a number and two strings, 64 keys";
    let table = measure(options, "sealed", title, Batch::Calibrated, contenders);
    report.add(table, Expected::Hits);
}

/// Like [`Contender::keyed`], with the whole sample in one future.
fn opened<'a>(
    name: &'static str,
    runtime: &'a Runtime,
    stream: &'a [u64],
    operation: impl AsyncFn(u64) -> subjects::Person + 'a,
) -> Contender<'a> {
    let mut next = 0;
    Contender::timed(name, Role::Peer, move |n| {
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..n {
                let id = stream[next % stream.len()];
                next += 1;
                black_box(operation(black_box(id)).await);
            }
        });
        start.elapsed()
    })
}

/// Where the published client keeps what it evicts; it has no memory of its own to offer.
#[derive(Default)]
struct Memory(Mutex<HashMap<String, Vec<u8>>>);

impl Memory {
    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Backend for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.entries().get(key).cloned())
    }

    async fn set(
        &self,
        key: &str,
        value: Vec<u8>,
        _: Option<Duration>,
    ) -> Result<(), BackendError> {
        self.entries().insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<bool, BackendError> {
        Ok(self.entries().remove(key).is_some())
    }

    async fn exists(&self, key: &str) -> Result<bool, BackendError> {
        Ok(self.entries().contains_key(key))
    }

    async fn health(&self) -> Result<HealthStatus, BackendError> {
        unreachable!("it is never asked")
    }
}
