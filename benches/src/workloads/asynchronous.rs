//! Hits on async functions, awaited one after the other in one task.

use std::hint::black_box;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use crate::harness::{Batch, Contender, Role, measure};
use crate::options::Options;
use crate::report::{BOUNDED, Expected, OURS, OURS_SYNC, REFERENCE, Report};
use crate::{ours, peers, subjects, zipf};

pub(crate) fn run(options: &Options, report: &mut Report) {
    let runtime = Builder::new_current_thread().build().expect("a runtime without drivers starts");
    let stream = zipf::uniform(1_024, 2048, 1);
    let quick = peers::quick();
    let moka = peers::moka_async();
    runtime.block_on(async {
        for &key in &stream {
            quick.insert(key, subjects::number(key));
            moka.insert(key, subjects::number(key)).await;
        }
    });
    let plain = async |key| subjects::number(key);
    let contenders = vec![
        awaited(OURS, Role::Ours, &runtime, &stream, ours::number_async)
            .counting(|| ours::HIT_RUNS.get()),
        Contender::keyed(OURS_SYNC, Role::Ours, &stream, ours::number)
            .counting(|| ours::HIT_RUNS.get()),
        awaited(REFERENCE, Role::Peer, &runtime, &stream, async |key| {
            match quick
                .get_or_insert_async(&key, async { Ok::<_, ()>(subjects::number(key)) })
                .await
            {
                Ok(value) => value,
                Err(()) => unreachable!("the computation cannot fail"),
            }
        }),
        awaited(BOUNDED, Role::Peer, &runtime, &stream, peers::number_async),
        awaited(
            "concurrent_cached(max_size, ttl)",
            Role::Peer,
            &runtime,
            &stream,
            peers::number_async_concurrent,
        ),
        awaited("moka(ttl)", Role::Peer, &runtime, &stream, async |key| {
            moka.get_with(key, async { subjects::number(key) }).await
        }),
        awaited("plain call", Role::Floor, &runtime, &stream, plain),
    ];
    let title = "hit, async u64 -> u64, 1024 keys";
    let table = measure(options, "async", title, Batch::Calibrated, contenders);
    report.add(table, Expected::Hits);
}

/// Like [`Contender::keyed`], with the whole sample in one future.
fn awaited<'a, R>(
    name: &'static str,
    role: Role,
    runtime: &'a Runtime,
    stream: &'a [u64],
    operation: impl AsyncFn(u64) -> R + 'a,
) -> Contender<'a> {
    let mask = stream.len() - 1;
    let mut next = 0;
    Contender::timed(name, role, move |n| {
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..n {
                let key = stream[next & mask];
                next += 1;
                black_box(operation(black_box(key)).await);
            }
        });
        start.elapsed()
    })
}
