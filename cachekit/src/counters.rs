//! Hit counters without a shared write: every thread counts for itself, reports add the threads up.

use std::sync::{Arc, LazyLock, OnceLock, Weak};

// Plain std on purpose: statistics are no part of what the model checker explores.
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: usize = 64;
const BLOCKS: usize = 64;

/// Number of one store's hit counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CounterId(u32);

impl CounterId {
    /// More stores exist than counters: such a store counts its hits in shared memory.
    pub(crate) const NONE: Self = Self(u32::MAX);

    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// One thread's counters. Only that thread writes; any thread may read.
pub(crate) struct ThreadCounters {
    blocks: [OnceLock<Box<[AtomicU64; BLOCK]>>; BLOCKS],
}

impl ThreadCounters {
    const fn new() -> Self {
        Self { blocks: [const { OnceLock::new() }; BLOCKS] }
    }

    /// Counters for the calling thread, known to the reports from now on.
    pub(crate) fn register() -> Arc<Self> {
        let counters = Arc::new(Self::new());
        let mut threads = registry();
        threads.live.push(Arc::downgrade(&counters));
        counters
    }

    /// Counts one hit and returns the new count. A plain load and store suffice: no other thread writes
    /// here.
    #[inline(always)]
    pub(crate) fn hit(&self, id: CounterId) -> u64 {
        let index = id.0 as usize;
        let Some(block) = self.blocks.get(index / BLOCK) else { return 0 };
        let block = match block.get() {
            Some(block) => block,
            None => block.get_or_init(new_block),
        };
        let counter = &block[index % BLOCK];
        let count = counter.load(Ordering::Relaxed) + 1;
        counter.store(count, Ordering::Relaxed);
        count
    }

    fn read(&self, id: CounterId) -> u64 {
        let index = id.0 as usize;
        self.blocks
            .get(index / BLOCK)
            .and_then(OnceLock::get)
            .map_or(0, |block| block[index % BLOCK].load(Ordering::Relaxed))
    }
}

#[cold]
fn new_block() -> Box<[AtomicU64; BLOCK]> {
    Box::new([const { AtomicU64::new(0) }; BLOCK])
}

struct Registry {
    live: Vec<Weak<ThreadCounters>>,
    /// What ended threads counted.
    retired: ThreadCounters,
    next: u32,
    free: Vec<CounterId>,
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(|| {
    Mutex::new(Registry {
        live: Vec::new(),
        retired: ThreadCounters::new(),
        next: 0,
        free: Vec::new(),
    })
});

fn registry() -> std::sync::MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Adds an ending thread's counts to the retired ones.
pub(crate) fn retire(counters: &Arc<ThreadCounters>) {
    let mut registry = registry();
    for (mine, total) in counters.blocks.iter().zip(&registry.retired.blocks) {
        if let Some(mine) = mine.get() {
            let total = total.get_or_init(new_block);
            for (mine, total) in mine.iter().zip(total.iter()) {
                total.fetch_add(mine.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }
    registry.live.retain(|thread| !std::ptr::eq(thread.as_ptr(), Arc::as_ptr(counters)));
}

/// A store's hit counter, summed over all threads.
pub(crate) struct HitCounter {
    id: CounterId,
    /// What the counter read when it was handed out (ids are used again) or last reset.
    base: AtomicU64,
    /// Hits of stores that got no counter of their own.
    overflow: AtomicU64,
}

impl HitCounter {
    pub(crate) fn new() -> Self {
        let mut registry = registry();
        let id = registry.free.pop().unwrap_or_else(|| {
            let next = registry.next;
            if (next as usize) < BLOCK * BLOCKS {
                registry.next += 1;
                CounterId(next)
            } else {
                CounterId::NONE
            }
        });
        let base = AtomicU64::new(sum(&registry, id));
        Self { id, base, overflow: AtomicU64::new(0) }
    }

    pub(crate) fn id(&self) -> CounterId {
        self.id
    }

    pub(crate) fn count_shared(&self) {
        self.overflow.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        let counted = sum(&registry(), self.id).wrapping_sub(self.base.load(Ordering::Relaxed));
        counted + self.overflow.load(Ordering::Relaxed)
    }
}

impl Drop for HitCounter {
    fn drop(&mut self) {
        if !self.id.is_none() {
            registry().free.push(self.id);
        }
    }
}

fn sum(registry: &Registry, id: CounterId) -> u64 {
    let live: u64 =
        registry.live.iter().filter_map(Weak::upgrade).map(|thread| thread.read(id)).sum();
    live + registry.retired.read(id)
}
