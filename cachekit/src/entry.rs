//! One cached value with everything that a hit must check.

mod fate;
mod head;
mod plan;
pub(crate) mod reuse;
#[cfg(all(test, not(cachekit_model)))]
mod tests;

use std::any::{Any, TypeId};
use std::mem;
use std::sync::Arc;

pub(crate) use self::fate::Fate;
pub(crate) use self::head::{Head, StoreNumber};
pub(crate) use self::plan::Plan;

/// An entry of one key and value type.
// In this order in memory: the head first, in reach of every hit.
#[repr(C)]
pub(crate) struct Entry<K, V> {
    pub(crate) head: Head,
    pub(crate) key: K,
    pub(crate) value: V,
}

impl<K, V> Entry<K, V> {
    /// Dropping its key and its value runs no code, and it is small.
    const IS_INERT: bool =
        !mem::needs_drop::<K>() && !mem::needs_drop::<V>() && mem::size_of::<Self>() <= reuse::MOST;
}

/// An entry of any key and value type.
pub(crate) trait AnyEntry: Any + Send + Sync {
    /// Its head, and whether its memory may wait for the next entry ([`reuse`]) if that is plain: in one call.
    fn look(&self) -> (&Head, bool);

    #[inline]
    fn head(&self) -> &Head {
        self.look().0
    }
}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> AnyEntry for Entry<K, V> {
    #[inline]
    fn look(&self) -> (&Head, bool) {
        (&self.head, Self::IS_INERT)
    }

    #[inline]
    fn head(&self) -> &Head {
        &self.head
    }
}

impl dyn AnyEntry {
    /// The entry, if its key and value are of these types.
    #[inline]
    pub(crate) fn typed<K: 'static, V: 'static>(&self) -> Option<&Entry<K, V>> {
        (self as &dyn Any).downcast_ref()
    }

    /// The entry, if it has these types and `same` accepts its key.
    #[inline]
    pub(crate) fn of_key<K: 'static, V: 'static>(
        &self,
        same: impl FnOnce(&K) -> bool,
    ) -> Option<&Entry<K, V>> {
        // Not `filter`: without optimization every call is a copy.
        let entry = self.typed::<K, V>()?;
        if same(&entry.key) { Some(entry) } else { None }
    }
}

/// An entry that several places may hold.
pub(crate) type Resident = Arc<dyn AnyEntry>;

/// What to do when an entry ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Only to drop it.
    Plain,
    /// A thread cache may hold it, and must release it.
    Fronted,
    /// Its memory may wait for the next entry ([`reuse`]).
    Inert,
}

impl End {
    /// For an entry that something else also holds.
    pub(crate) fn of(head: &Head) -> Self {
        // A thread cache that gets it later sees that it is dead.
        if head.is_in_thread_caches() { Self::Fronted } else { Self::Plain }
    }
}

/// Kills an entry that was just removed from its shard; `look` is the result of [`look`](AnyEntry::look). Called under
/// the shard's lock, so no other thread can obtain it from the store.
#[inline(always)]
pub(crate) fn end(entry: &Resident, (head, is_inert): (&Head, bool)) -> End {
    // Usually nothing else holds it, which saves an atomic exchange. A fate may be upgrading its `Weak` right now, but
    // never revives the entry.
    if Arc::strong_count(entry) == 1 {
        head.kill_unheld();
        return if is_inert && head.is_plain() { End::Inert } else { End::Plain };
    }
    head.kill();
    End::of(head)
}

/// Like [`end`], for an entry that made room. Its fate goes on: what is written to the shared tier is not in doubt.
#[inline(always)]
pub(crate) fn evict(entry: &Resident, (head, is_inert): (&Head, bool)) -> End {
    if Arc::strong_count(entry) == 1 {
        head.evict_unheld();
        return if is_inert && head.is_plain() { End::Inert } else { End::Plain };
    }
    head.evict();
    End::of(head)
}

/// Where the hash of a key is in its store: spread, so that equal keys of two caches use different slots of a thread cache.
#[inline]
pub(crate) fn mix(hash: u64, instantiation: TypeId, instance: u64) -> u64 {
    hash ^ type_bits(instantiation) ^ instance.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The 64 bits that `TypeId` feeds a hasher; folded to a constant by the optimizer.
#[inline]
fn type_bits(id: TypeId) -> u64 {
    use std::hash::{Hash, Hasher};
    struct Bits(u64);
    impl Hasher for Bits {
        #[inline]
        fn finish(&self) -> u64 {
            self.0
        }
        #[inline]
        fn write(&mut self, bytes: &[u8]) {
            for &byte in bytes {
                self.0 = self.0.rotate_left(8) ^ u64::from(byte);
            }
        }
        #[inline]
        fn write_u64(&mut self, bits: u64) {
            self.0 = self.0.rotate_left(32) ^ bits;
        }
    }
    let mut bits = Bits(0);
    id.hash(&mut bits);
    bits.finish()
}
