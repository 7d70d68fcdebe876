//! Hit counters without a shared write: every thread counts for itself, and reports add up the threads.

use std::sync::{Arc, LazyLock, OnceLock, Weak};

// Plain std on purpose: the model checker does not explore statistics.
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::contained::lock;

/// The counters of the first stores, in one array. Most programs never have more.
const FIRST: usize = 256;
/// Further counters, in blocks that a thread allocates when it needs them.
const BLOCK: usize = 64;
const BLOCKS: usize = 60;
const MOST: usize = FIRST + BLOCK * BLOCKS;

/// Number of one store's hit counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CounterId(u16);

impl CounterId {
    /// There are more stores than counters: such a store counts its hits in shared memory.
    pub(crate) const NONE: Self = Self(u16::MAX);

    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// One thread's counters. Only that thread writes; any thread may read.
// On its own cache lines: each hit writes it, and every other thread would have to fetch an entry on the same line
// again, which is allocated just before or after. Two lines, because processors fetch them in pairs.
#[repr(align(128))]
pub(crate) struct ThreadCounters {
    first: [AtomicU64; FIRST],
    more: [OnceLock<Box<Block>>; BLOCKS],
}

impl ThreadCounters {
    const fn new() -> Self {
        Self {
            first: [const { AtomicU64::new(0) }; FIRST],
            more: [const { OnceLock::new() }; BLOCKS],
        }
    }

    /// Counters for the calling thread, which reports include from now on.
    pub(crate) fn register() -> Arc<Self> {
        let counters = Arc::new(Self::new());
        let mut threads = lock(&REGISTRY);
        threads.live.push(Arc::downgrade(&counters));
        counters
    }

    /// Counts one hit. A plain load and store suffice: no other thread writes here.
    #[inline]
    pub(crate) fn hit(&self, id: CounterId) {
        match self.first.get(usize::from(id.0)) {
            Some(counter) => add(counter),
            None => self.hit_further(id),
        }
    }

    #[cold]
    #[inline(never)]
    fn hit_further(&self, id: CounterId) {
        let index = usize::from(id.0) - FIRST;
        if let Some(block) = self.more.get(index / BLOCK) {
            add(&block.get_or_init(Block::new).0[index % BLOCK]);
        }
    }

    fn read(&self, id: CounterId) -> u64 {
        let index = usize::from(id.0);
        if let Some(counter) = self.first.get(index) {
            return counter.load(Ordering::Relaxed);
        }
        let index = index - FIRST;
        self.more
            .get(index / BLOCK)
            .and_then(OnceLock::get)
            .map_or(0, |block| block.0[index % BLOCK].load(Ordering::Relaxed))
    }
}

#[inline]
fn add(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Further counters of a thread, on their own cache lines like the first ones.
#[repr(align(128))]
struct Block([AtomicU64; BLOCK]);

impl Block {
    #[cold]
    fn new() -> Box<Self> {
        Box::new(Self([const { AtomicU64::new(0) }; BLOCK]))
    }
}

struct Registry {
    live: Vec<Weak<ThreadCounters>>,
    /// The counts of threads that have ended.
    retired: ThreadCounters,
    next: u16,
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

/// Adds the counts of a thread that ends to the retired ones.
pub(crate) fn retire(counters: &Arc<ThreadCounters>) {
    let mut registry = lock(&REGISTRY);
    let gather = |(mine, total): (&AtomicU64, &AtomicU64)| {
        total.fetch_add(mine.load(Ordering::Relaxed), Ordering::Relaxed);
    };
    counters.first.iter().zip(&registry.retired.first).for_each(gather);
    for (mine, total) in counters.more.iter().zip(&registry.retired.more) {
        if let Some(mine) = mine.get() {
            let total = total.get_or_init(Block::new);
            mine.0.iter().zip(&total.0).for_each(gather);
        }
    }
    registry.live.retain(|thread| !std::ptr::eq(thread.as_ptr(), Arc::as_ptr(counters)));
}

/// A store's hit counter, summed over all threads.
pub(crate) struct HitCounter {
    id: CounterId,
    /// The counter's value when it was assigned (ids are reused) or last reset.
    base: AtomicU64,
    /// Hits of stores that have no counter of their own.
    overflow: AtomicU64,
}

impl HitCounter {
    pub(crate) fn new() -> Self {
        let mut registry = lock(&REGISTRY);
        let id = registry.free.pop().unwrap_or_else(|| {
            let next = registry.next;
            if usize::from(next) < MOST {
                registry.next += 1;
                CounterId(next)
            } else {
                CounterId::NONE
            }
        });
        let base = AtomicU64::new(sum(&registry, id));
        Self { id, base, overflow: AtomicU64::new(0) }
    }

    #[inline]
    pub(crate) fn id(&self) -> CounterId {
        self.id
    }

    pub(crate) fn count_shared(&self) {
        self.overflow.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        let counted =
            sum(&lock(&REGISTRY), self.id).wrapping_sub(self.base.load(Ordering::Relaxed));
        counted + self.overflow.load(Ordering::Relaxed)
    }
}

impl Drop for HitCounter {
    fn drop(&mut self) {
        if !self.id.is_none() {
            lock(&REGISTRY).free.push(self.id);
        }
    }
}

fn sum(registry: &Registry, id: CounterId) -> u64 {
    let live: u64 =
        registry.live.iter().filter_map(Weak::upgrade).map(|thread| thread.read(id)).sum();
    live + registry.retired.read(id)
}
