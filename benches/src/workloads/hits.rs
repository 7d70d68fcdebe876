//! Hits from one thread, for several kinds of keys and values.

use crate::harness::{Batch, Contender, Role, measure};
use crate::options::Options;
use crate::peers::{self, Papaya, Quick};
use crate::report::{BOUNDED, Expected, OURS, OURS_STORE, REFERENCE, Report};
use crate::subjects::{self, CAPACITY, ProfileKey, ProfileQuery, TENANTS, TTL};
use crate::{ours, zipf};

/// Long enough that the order of the keys cannot be predicted, short enough to stay in L1.
const STREAM: usize = 2048;

pub(crate) fn run(options: &Options, report: &mut Report) {
    numbers(options, report, "u64-1", 1);
    numbers(options, report, "u64-64", 64);
    numbers(options, report, "u64-1024", 1_024);
    many_numbers(options, report);
    profiles(options, report);
    shared_profiles(options, report);
    let vectors = Kind {
        id: "vec",
        title: "hit, u64 -> Vec<u8> of 4 KiB, 64 keys",
        plain: subjects::vector,
        ours: ours::vector,
        cached: peers::vector,
        cached_bounded: peers::vector_bounded,
    };
    blobs(options, report, &vectors);
    let bytes = Kind {
        id: "bytes",
        title: "hit, u64 -> Bytes of 4 KiB, 64 keys",
        plain: subjects::bytes,
        ours: ours::shared_bytes,
        cached: peers::bytes,
        cached_bounded: peers::bytes_bounded,
    };
    blobs(options, report, &bytes);
}

fn numbers(options: &Options, report: &mut Report, id: &'static str, keys: u64) {
    let stream = zipf::uniform(keys, STREAM, 1);
    let store = cachekit::Cache::<u64, u64>::builder().capacity(CAPACITY).ttl(TTL).build();
    let quick = peers::quick();
    let moka = peers::moka();
    let map = Papaya::new();
    for &key in &stream {
        store.insert(key, subjects::number(key));
        quick.insert(key, subjects::number(key));
        moka.insert(key, subjects::number(key));
        map.pin().insert(key, subjects::number(key));
    }
    let contenders = vec![
        Contender::keyed(OURS, Role::Ours, &stream, ours::number).counting(|| ours::HIT_RUNS.get()),
        Contender::keyed(OURS_STORE, Role::Ours, &stream, |key| {
            store.get(&key).unwrap_or_else(absent)
        }),
        Contender::keyed(REFERENCE, Role::Peer, &stream, |key| {
            quick.get(&key).unwrap_or_else(absent)
        }),
        Contender::keyed("cached", Role::Peer, &stream, peers::number),
        Contender::keyed(BOUNDED, Role::Peer, &stream, peers::number_bounded),
        Contender::keyed(
            "concurrent_cached(max_size, ttl)",
            Role::Peer,
            &stream,
            peers::number_concurrent,
        ),
        Contender::keyed("moka(ttl)", Role::Peer, &stream, |key| {
            moka.get(&key).unwrap_or_else(absent)
        }),
        Contender::keyed("papaya", Role::Floor, &stream, |key| {
            map.pin().get(&key).copied().unwrap_or_else(absent)
        }),
        Contender::keyed("plain call", Role::Floor, &stream, subjects::number),
    ];
    let title = format!("hit, u64 -> u64, {keys} key(s)");
    let table = measure(options, id, &title, Batch::Calibrated, contenders);
    report.add(table, Expected::Hits);
}

/// More keys than a thread cache of ours holds, and fewer than the caches do.
fn many_numbers(options: &Options, report: &mut Report) {
    const KEYS: u64 = 9_000;
    let stream = zipf::uniform(KEYS, 1 << 16, 1);
    let store = cachekit::Cache::<u64, u64>::builder().capacity(CAPACITY).ttl(TTL).build();
    let quick = peers::quick::<u64, u64>();
    let moka = peers::moka::<u64, u64>();
    let contenders = vec![
        Contender::keyed(OURS, Role::Ours, &stream, ours::many).counting(|| ours::MANY_RUNS.get()),
        Contender::keyed(OURS_STORE, Role::Ours, &stream, |key| {
            store.get_or_insert_with(&key, || subjects::number(key))
        }),
        Contender::keyed(REFERENCE, Role::Peer, &stream, |key| {
            quick.get(&key).unwrap_or_else(|| {
                quick.insert(key, subjects::number(key));
                subjects::number(key)
            })
        }),
        Contender::keyed(BOUNDED, Role::Peer, &stream, peers::many),
        Contender::keyed("moka(ttl)", Role::Peer, &stream, |key| {
            moka.get_with(key, || subjects::number(key))
        }),
        Contender::keyed("plain call", Role::Floor, &stream, subjects::number),
    ];
    let title = format!("hit, u64 -> u64, {KEYS} keys, capacity {CAPACITY}");
    // Keys are not spread evenly over the parts of a cache: not all of them stay everywhere.
    let batch = Batch::Fixed { warm: 2 * (1 << 16), operations: 25_000 };
    let table = measure(options, "u64-9000", &title, batch, contenders);
    report.add(table, Expected::Mixed);
}

fn profile_stream() -> Vec<(&'static str, u64)> {
    let keys = zipf::uniform(64, STREAM, 2).into_iter();
    keys.map(|key| (TENANTS[(key % 4) as usize], key % 100_000_000)).collect()
}

/// A lookup by `(&str, u64)` in `quick_cache` and papaya, each filled with the stream's keys.
fn filled<V: Clone>(
    stream: &[(&'static str, u64)],
    compute: impl Fn(&str, u64) -> V,
) -> (Quick<ProfileKey, V>, Papaya<ProfileKey, V>) {
    let quick = peers::quick();
    let map = Papaya::new();
    for &(tenant, id) in stream {
        quick.insert((tenant.to_owned(), id), compute(tenant, id));
        map.pin().insert((tenant.to_owned(), id), compute(tenant, id));
    }
    (quick, map)
}

fn profiles(options: &Options, report: &mut Report) {
    let stream = profile_stream();
    let (quick, map) = filled(&stream, subjects::profile);
    let moka = peers::moka();
    for &(tenant, id) in &stream {
        moka.insert((tenant.to_owned(), id), subjects::profile(tenant, id));
    }
    let sample = subjects::profile(TENANTS[0], 1);
    let contenders = vec![
        Contender::keyed(OURS, Role::Ours, &stream, |(tenant, id)| ours::profile(tenant, id))
            .counting(|| ours::HIT_RUNS.get()),
        Contender::keyed(REFERENCE, Role::Peer, &stream, |(tenant, id)| {
            quick.get(&ProfileQuery(tenant, id)).unwrap_or_else(absent)
        }),
        Contender::keyed("cached", Role::Peer, &stream, |(tenant, id)| peers::profile(tenant, id)),
        Contender::keyed(BOUNDED, Role::Peer, &stream, |(tenant, id)| {
            peers::profile_bounded(tenant, id)
        }),
        Contender::keyed("moka(ttl)", Role::Peer, &stream, |(tenant, id)| {
            moka.get(&(tenant.to_owned(), id)).unwrap_or_else(absent)
        }),
        Contender::keyed("papaya", Role::Floor, &stream, |(tenant, id)| {
            map.pin().get(&ProfileQuery(tenant, id)).cloned().unwrap_or_else(absent)
        }),
        Contender::keyed("clone alone", Role::Floor, &stream, |_| sample.clone()),
        Contender::keyed("plain call", Role::Floor, &stream, |(tenant, id)| {
            subjects::profile(tenant, id)
        }),
    ];
    let title = "hit, (&str, u64) -> struct of two Strings, 64 keys";
    let table = measure(options, "struct", title, Batch::Calibrated, contenders);
    report.add(table, Expected::Hits);
}

fn shared_profiles(options: &Options, report: &mut Report) {
    let stream = profile_stream();
    let (quick, map) = filled(&stream, subjects::shared_profile);
    let sample = subjects::shared_profile(TENANTS[0], 1);
    let contenders = vec![
        Contender::keyed(OURS, Role::Ours, &stream, |(tenant, id)| {
            ours::shared_profile(tenant, id)
        })
        .counting(|| ours::HIT_RUNS.get()),
        Contender::keyed(REFERENCE, Role::Peer, &stream, |(tenant, id)| {
            quick.get(&ProfileQuery(tenant, id)).unwrap_or_else(absent)
        }),
        Contender::keyed("cached", Role::Peer, &stream, |(tenant, id)| {
            peers::shared_profile(tenant, id)
        }),
        Contender::keyed(BOUNDED, Role::Peer, &stream, |(tenant, id)| {
            peers::shared_profile_bounded(tenant, id)
        }),
        Contender::keyed("papaya", Role::Floor, &stream, |(tenant, id)| {
            map.pin().get(&ProfileQuery(tenant, id)).cloned().unwrap_or_else(absent)
        }),
        Contender::keyed("clone alone", Role::Floor, &stream, |_| sample.clone()),
    ];
    let title = "hit, (&str, u64) -> Arc<struct>, 64 keys";
    let table = measure(options, "arc", title, Batch::Calibrated, contenders);
    report.add(table, Expected::Hits);
}

/// A function by number and its cached versions, each by its own type so that calls are direct.
struct Kind<P, O, C, B> {
    id: &'static str,
    title: &'static str,
    plain: P,
    ours: O,
    cached: C,
    cached_bounded: B,
}

fn blobs<V, P, O, C, B>(options: &Options, report: &mut Report, kind: &Kind<P, O, C, B>)
where
    V: Clone + Send + Sync + 'static,
    P: Fn(u64) -> V,
    O: Fn(u64) -> V,
    C: Fn(u64) -> V,
    B: Fn(u64) -> V,
{
    let stream = zipf::uniform(64, STREAM, 3);
    let quick = peers::quick();
    let moka = peers::moka();
    let map = Papaya::new();
    for &key in &stream {
        quick.insert(key, (kind.plain)(key));
        moka.insert(key, (kind.plain)(key));
        map.pin().insert(key, (kind.plain)(key));
    }
    let sample = (kind.plain)(1);
    let contenders = vec![
        Contender::keyed(OURS, Role::Ours, &stream, &kind.ours).counting(|| ours::HIT_RUNS.get()),
        Contender::keyed(REFERENCE, Role::Peer, &stream, |key| {
            quick.get(&key).unwrap_or_else(absent)
        }),
        Contender::keyed("cached", Role::Peer, &stream, &kind.cached),
        Contender::keyed(BOUNDED, Role::Peer, &stream, &kind.cached_bounded),
        Contender::keyed("moka(ttl)", Role::Peer, &stream, |key| {
            moka.get(&key).unwrap_or_else(absent)
        }),
        Contender::keyed("papaya", Role::Floor, &stream, |key| {
            map.pin().get(&key).cloned().unwrap_or_else(absent)
        }),
        Contender::keyed("clone alone", Role::Floor, &stream, |_| sample.clone()),
    ];
    let table = measure(options, kind.id, kind.title, Batch::Calibrated, contenders);
    report.add(table, Expected::Hits);
}

/// Stands where a caller would compute the value: a workload of hits never gets here.
#[cold]
fn absent<V>() -> V {
    panic!("the key was inserted before, and far below the capacity")
}
