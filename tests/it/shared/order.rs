//! What a call asks of the shared tier, and in which order. A hit is one operation, whatever the backend offers.

use cachekit::cache;
use cachekit_io::testing::FaultyBackend;
use cachekit_io::{MemoryBackend, Operation};
use cachekit_tests::block_on;

use crate::shared::tier::machine;

#[cache(ttl = 600)]
async fn doubled(n: u32) -> u32 {
    n * 2
}

#[cache(ttl = 600, fill_lock = off)]
async fn unlocked(n: u32) -> u32 {
    n * 2
}

#[cache(ttl = 600)]
fn in_sync(n: u32) -> u32 {
    n * 2
}

/// What it was asked, but for the one subscription of a process.
fn asked(backend: &FaultyBackend) -> Vec<Operation> {
    let all = backend.calls().into_iter().map(|call| call.operation);
    all.filter(|operation| *operation != Operation::Subscribe).collect()
}

#[test]
fn a_hit_asks_once_and_a_fill_takes_its_fence_before_the_function_runs() {
    type Call = fn() -> u32;
    let calls: [(&str, Call, bool); 3] = [
        ("with a fill lock", || block_on(doubled(4)), true),
        ("without", || block_on(unlocked(4)), false),
        ("in sync", || in_sync(4), true),
    ];
    for (name, call, locks) in calls {
        let backend = FaultyBackend::new(MemoryBackend::new());
        assert_eq!(machine(&backend).run(call), 8);
        let (got, fenced) = (Operation::Get, Operation::SetFenced);
        let fill = asked(&backend);
        if locks {
            let (lock, unlock) = (Operation::Lock, Operation::Unlock);
            assert_eq!(fill[..5], [got, Operation::Fence, lock, got, fenced], "{name}");
            assert!(fill[5..].iter().all(|operation| *operation == unlock), "{name}: {fill:?}");
        } else {
            assert_eq!(fill, [got, Operation::Fence, fenced], "{name}");
        }

        backend.forget_calls();
        assert_eq!(machine(&backend).run(call), 8);
        let hit: Vec<_> =
            asked(&backend).into_iter().filter(|asked| *asked != Operation::Unlock).collect();
        assert_eq!(hit, [got], "{name}: a hit");
    }
}
