//! Two threads that ask for the same key all the time.

use std::hint::black_box;
use std::sync::Arc;

use crate::crew::Crew;
use crate::harness::{Batch, Contender, Role, measure};
use crate::options::Options;
use crate::peers::{self, Papaya};
use crate::report::{BOUNDED, Expected, OURS, OURS_ALONE, OURS_NUMBER, REFERENCE, Report};
use crate::{ours, subjects};

const KEY: u64 = 42;

pub(crate) fn run(options: &Options, report: &mut Report) {
    let crew = Crew::new(2);
    let alone = Crew::new(1);
    let quick = Arc::new(peers::quick());
    let moka = peers::moka();
    let map = Papaya::new();
    quick.insert(KEY, subjects::number(KEY));
    moka.insert(KEY, subjects::number(KEY));
    map.pin().insert(KEY, subjects::number(KEY));
    let contenders = vec![
        hot(OURS, Role::Ours, &crew, ours::number).counting(|| ours::HIT_RUNS.get()),
        hot(OURS_ALONE, Role::Ours, &alone, ours::number).counting(|| ours::HIT_RUNS.get()),
        hot(REFERENCE, Role::Peer, &crew, move |key| quick.get(&key)),
        hot("cached", Role::Peer, &crew, peers::number),
        hot(BOUNDED, Role::Peer, &crew, peers::number_bounded),
        hot("concurrent_cached(max_size, ttl)", Role::Peer, &crew, peers::number_concurrent),
        hot("moka(ttl)", Role::Peer, &crew, move |key| moka.get(&key)),
        hot("papaya", Role::Floor, &crew, move |key| map.pin().get(&key).copied()),
        hot("plain call", Role::Floor, &crew, subjects::number),
    ];
    let title = "hit, u64 -> u64, two threads on one key (time of one thread's call)";
    let table = measure(options, "threads", title, Batch::Calibrated, contenders);
    report.add(table, Expected::Hits);
    in_place(options, report, &crew);
}

/// A closure on a value in its place, beside a hit of a number: nothing is cloned, and no count is shared.
fn in_place(options: &Options, report: &mut Report, crew: &Crew) {
    ours::shared_by_number(KEY);
    ours::vector(KEY);
    let number =
        || hot(OURS_NUMBER, Role::Floor, crew, ours::number).counting(|| ours::HIT_RUNS.get());
    // With a key of the same type, or its hash would be compared as well.
    let arc = move |id| ours::shared_by_number::with(&id, Arc::strong_count);
    let contenders =
        vec![hot(OURS, Role::Ours, crew, arc).counting(|| ours::HIT_RUNS.get()), number()];
    let title = "`with` on an Arc, two threads on one key";
    let table = measure(options, "with-arc", title, Batch::Calibrated, contenders);
    report.add(table, Expected::Hits);

    let vector = move |id| ours::vector::with(&id, Vec::len);
    let contenders =
        vec![hot(OURS, Role::Ours, crew, vector).counting(|| ours::HIT_RUNS.get()), number()];
    let title = "`with` on 4 KiB, two threads on one key";
    let table = measure(options, "with-4k", title, Batch::Calibrated, contenders);
    report.add(table, Expected::Hits);
}

fn hot<'a, R>(
    name: &'static str,
    role: Role,
    crew: &'a Crew,
    operation: impl Fn(u64) -> R + Send + Sync + 'static,
) -> Contender<'a> {
    Contender::in_threads(name, role, crew, move |_, _| operation(black_box(KEY)))
}
