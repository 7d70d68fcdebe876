//! A skewed mix of hits and misses: ten times more keys than the caches may hold.

use std::sync::Arc;

use crate::crew::Crew;
use crate::harness::{Batch, Contender, Role, measure};
use crate::options::Options;
use crate::peers::{self, Moka, Papaya, Quick};
use crate::report::{BOUNDED, Expected, OURS, OURS_STORE, REFERENCE, Report};
use crate::subjects::{self, CAPACITY, Counter, TTL};
use crate::{ours, zipf};

const KEYS: usize = 100_000;
const STREAM: usize = 1 << 20;

pub(crate) fn run(options: &Options, report: &mut Report) {
    let stream: Arc<[u64]> = zipf::stream(KEYS, 0.99, STREAM, 1).into();
    mixed(options, report, "zipf", &Crew::new(1), &stream);
    mixed(options, report, "zipf-2", &Crew::new(2), &stream);
}

fn mixed(
    options: &Options,
    report: &mut Report,
    id: &'static str,
    crew: &Crew,
    stream: &Arc<[u64]>,
) {
    let keyed = Keyed { crew, stream };
    let store = cachekit::Cache::<u64, u64>::builder().capacity(CAPACITY).ttl(TTL).build();
    let quick = peers::quick();
    let moka = peers::moka();
    let map = Papaya::new();
    let contenders = vec![
        keyed.annotated(OURS, Role::Ours, ours::skewed, &ours::SKEWED_MISSES),
        keyed.by_hand(OURS_STORE, Role::Ours, store, cachekit::Cache::get, cachekit::Cache::insert),
        keyed.by_hand(REFERENCE, Role::Peer, quick, Quick::get, Quick::insert),
        keyed.annotated(BOUNDED, Role::Peer, peers::skewed, &peers::CACHED_MISSES),
        keyed.annotated(
            "concurrent_cached(max_size, ttl)",
            Role::Peer,
            peers::skewed_concurrent,
            &peers::CONCURRENT_MISSES,
        ),
        keyed.by_hand("moka(ttl)", Role::Peer, moka, Moka::get, Moka::insert),
        keyed.by_hand(
            "papaya, unbounded",
            Role::Floor,
            map,
            |map, key| map.pin().get(key).copied(),
            |map, key, value| {
                map.pin().insert(key, value);
            },
        ),
    ];
    let threads = crew.threads();
    let title = format!(
        "Zipf 0.99 over {KEYS} keys, capacity {CAPACITY}, {threads} thread(s) (time of one thread's call)"
    );
    // The warm-up passes over enough keys that every cache has settled on what it keeps.
    let batch = Batch::Fixed { warm: options.pick(200_000, 500_000), operations: 25_000 };
    let table = measure(options, id, &title, batch, contenders);
    report.add(table, Expected::Mixed);
}

/// Where the keys come from and who asks for them.
struct Keyed<'a> {
    crew: &'a Crew,
    stream: &'a Arc<[u64]>,
}

impl<'a> Keyed<'a> {
    fn annotated(
        &self,
        name: &'static str,
        role: Role,
        call: impl Fn(u64) -> u64 + Send + Sync + 'static,
        misses: &'static Counter,
    ) -> Contender<'a> {
        self.threads(name, role, call).counting(|| misses.get())
    }

    fn by_hand<C: Send + Sync + 'static>(
        &self,
        name: &'static str,
        role: Role,
        cache: C,
        get: impl Fn(&C, &u64) -> Option<u64> + Send + Sync + 'static,
        insert: impl Fn(&C, u64, u64) + Send + Sync + 'static,
    ) -> Contender<'a> {
        let misses = Arc::new(Counter::default());
        let counted = misses.clone();
        let call = move |key| {
            if let Some(value) = get(&cache, &key) {
                return value;
            }
            counted.add();
            let value = subjects::number(key);
            insert(&cache, key, value);
            value
        };
        self.threads(name, role, call).counting(move || misses.get())
    }

    fn threads(
        &self,
        name: &'static str,
        role: Role,
        call: impl Fn(u64) -> u64 + Send + Sync + 'static,
    ) -> Contender<'a> {
        let stream = self.stream.clone();
        Contender::in_threads(name, role, self.crew, move |thread, index| {
            // Each thread walks the same keys from another place.
            #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
            let at = (index as usize).wrapping_add(thread * (STREAM / 2 + 12_345)) % STREAM;
            call(stream[at])
        })
    }
}
