use std::sync::Arc;

use cachekit_io::{Backend, MemoryBackend};

use super::{Registered, is_overtaken};
use crate::entry::Fate;

#[test]
fn a_write_marks_the_older_ones_to_its_key_unless_it_is_dead_itself() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let begins = |key, fate| Registered::new(&backend, key, fate, true);
    let (first, other) = (begins("a", Fate::new(1)), begins("b", Fate::new(2)));
    // Invalidated before it began: it writes nothing, and the first one is as good as before.
    let dead = Fate::new(1);
    dead.condemn();
    let late = begins("a", dead);
    assert!(!first.write.is_overtaken());
    assert!(!late.end(), "it is not over as if nothing had happened");
    drop(late);
    assert!(!is_overtaken(&backend, "a"));

    let second = begins("a", Fate::new(1));
    assert!(first.write.is_overtaken() && is_overtaken(&backend, "a"));
    assert!(!second.write.is_overtaken() && !other.write.is_overtaken());
    assert!(!first.end() && second.end() && other.end());
    drop(first);
    assert!(!is_overtaken(&backend, "a"));
}

#[test]
fn a_write_with_a_lock_marks_no_other() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let first = Registered::new(&backend, "a", Fate::new(1), false);
    let second = Registered::new(&backend, "a", Fate::new(1), false);
    assert!(first.end() && second.end());
}
