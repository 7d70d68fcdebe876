//! `backend = …`: what leads to a backend.

use std::sync::{Arc, LazyLock};

use cachekit::cache;
use cachekit_io::MemoryBackend;

static BARE: LazyLock<MemoryBackend> = LazyLock::new(MemoryBackend::new);
static GOOD: LazyLock<Arc<MemoryBackend>> = LazyLock::new(|| Arc::new(MemoryBackend::new()));

#[cache(ttl = 60, backend = BARE)]
fn not_in_an_arc(n: u64) -> u64 {
    n
}

#[cache(ttl = 60, backend = 5 + 5)]
fn no_backend(n: u64) -> u64 {
    n
}

#[cache(ttl = 60, backend = GOOD, in = GOOD)]
fn two_places(n: u64) -> u64 {
    n
}

#[cache::local(ttl = 60, backend = GOOD)]
fn stays_here(n: u64) -> u64 {
    n
}

#[cache(ttl = 60, fill_lock = "soon")]
fn no_wait(n: u64) -> u64 {
    n
}

#[cache::io(ttl = 60, namespace = "my.app")]
fn no_dots(n: u64) -> u64 {
    n
}

struct Shop {
    id: cachekit::InstanceId,
}

impl Shop {
    #[cache::io(ttl = 60, self = instance)]
    fn of_one_process(&self, n: u64) -> u64 {
        n
    }
}

#[cache::io(ttl = 60)]
#[cache(ttl = 60)]
fn twice(n: u64) -> u64 {
    n
}

fn main() {}
