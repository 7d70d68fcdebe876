//! Every call misses, inserts and evicts: fresh keys in a full cache.

use crate::harness::{Batch, Contender, Role, measure};
use crate::options::Options;
use crate::report::{BOUNDED, Expected, OURS, OURS_STORE, REFERENCE, Report};
use crate::subjects::{self, CAPACITY, TTL};
use crate::{ours, peers};

pub(crate) fn run(options: &Options, report: &mut Report) {
    let store = cachekit::Cache::<u64, u64>::builder().capacity(CAPACITY).ttl(TTL).build();
    let quick = peers::quick::<u64, u64>();
    let moka = peers::moka::<u64, u64>();
    let contenders = vec![
        Contender::indexed(OURS, Role::Ours, ours::churned).counting(|| ours::CHURN_RUNS.get()),
        Contender::indexed(OURS_STORE, Role::Ours, |key| {
            store.get(&key).is_none().then(|| store.insert(key, subjects::number(key)))
        }),
        Contender::indexed(REFERENCE, Role::Peer, |key| {
            quick.get(&key).is_none().then(|| quick.insert(key, subjects::number(key)))
        }),
        Contender::indexed("cached(max_size)", Role::Peer, peers::churned),
        Contender::indexed(BOUNDED, Role::Peer, peers::churned_bounded),
        Contender::indexed(
            "concurrent_cached(max_size, ttl)",
            Role::Peer,
            peers::churned_concurrent,
        ),
        Contender::indexed("moka(ttl)", Role::Peer, |key| {
            moka.get(&key).is_none().then(|| moka.insert(key, subjects::number(key)))
        }),
        Contender::indexed("plain call", Role::Floor, subjects::number),
    ];
    let title = format!("miss + insert + evict, u64 -> u64, sequential keys, capacity {CAPACITY}");
    // The warm-up fills every cache, so that each measured insert has to evict.
    let batch = Batch::Fixed { warm: 3 * CAPACITY, operations: 15_000 };
    let table = measure(options, "churn", &title, batch, contenders);
    report.add(table, Expected::Misses);
}
