//! One cached value with everything a hit has to check.

#[cfg(feature = "shared")]
mod doubt;
#[cfg(all(test, not(cachekit_model)))]
mod tests;

use std::any::{Any, TypeId};
use std::sync::OnceLock;

use crate::clock::{NEVER, Ticks};
use crate::counters::CounterId;
use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Whose entry it is: a function's instantiation or one [`crate::Cache`], inside a test scope or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The type of a closure inside the annotated function: it names every enclosing generic parameter.
    pub(crate) function: TypeId,
    /// Tells caches apart that share `function`: a `Cache` instance, or a test scope. 0 otherwise.
    pub(crate) instance: u64,
}

impl Owner {
    /// Spreads the owner over the hash, so that equal keys of two functions use different slots.
    #[inline]
    pub(crate) fn mix(&self, hash: u64) -> u64 {
        hash ^ type_bits(self.function) ^ self.instance.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
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

/// Being computed, or computed and not yet published. Readers treat it as absent.
const PENDING: u8 = 0;
/// Published: any thread that holds the entry may serve it until it expires.
const ALIVE: u8 = 1;
/// A copy that may be out of date: the shared tier's news came. Nothing serves it, but what the tier itself guards may
/// still be written there.
const OUTDATED: u8 = 3;
/// Invalidated, replaced or evicted. Final, and the highest.
const DEAD: u8 = 4;

/// What the type-erased store knows of an entry.
// What a hit reads stands last, next to the key and the value: as few cache lines as can be.
#[repr(C)]
pub(crate) struct Head {
    /// Hash of the key, mixed with the owner: the store's key.
    pub(crate) hash: u64,
    /// Until when it may be served while it is replaced; 0: no longer than it is fresh.
    stale_until: AtomicU64,
    /// From when on a stale hit may order a refresh; `NEVER` while one is under way.
    refresh_from: AtomicU64,
    weight: AtomicU64,
    pub(crate) owner: Owner,
    /// When it stops being fresh: the one thing a hit compares with the time.
    expires: AtomicU64,
    /// Which hit counter the entry's hits go to.
    pub(crate) counter: CounterId,
    state: AtomicU8,
}

impl Head {
    pub(crate) fn new(owner: Owner, hash: u64, counter: CounterId) -> Self {
        Self {
            owner,
            hash,
            counter,
            expires: AtomicU64::new(NEVER),
            stale_until: AtomicU64::new(0),
            refresh_from: AtomicU64::new(0),
            weight: AtomicU64::new(1),
            state: AtomicU8::new(PENDING),
        }
    }

    #[inline]
    pub(crate) fn is_alive(&self) -> bool {
        // Pairs with the release in `publish`: a thread that sees ALIVE sees expiry and value.
        self.state.load(Ordering::Acquire) == ALIVE
    }

    #[inline]
    pub(crate) fn is_dead(&self) -> bool {
        self.state.load(Ordering::Acquire) >= OUTDATED
    }

    /// Whether the entry itself was invalidated, replaced or evicted, and not only its copy here.
    pub(crate) fn is_invalidated(&self) -> bool {
        self.state.load(Ordering::Acquire) == DEAD
    }

    /// Makes the entry servable unless an invalidation came first.
    pub(crate) fn publish(&self) -> bool {
        self.state.compare_exchange(PENDING, ALIVE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends the entry for every thread at once. True if it was alive.
    pub(crate) fn kill(&self) -> bool {
        self.state.swap(DEAD, Ordering::AcqRel) == ALIVE
    }

    /// As [`kill`](Self::kill), where it does not matter what it was.
    #[inline]
    pub(crate) fn evict(&self) {
        self.state.store(DEAD, Ordering::Release);
    }

    #[inline]
    pub(crate) fn expires(&self) -> Ticks {
        self.expires.load(Ordering::Relaxed)
    }

    pub(crate) fn set_expires(&self, at: Ticks) {
        self.expires.store(at, Ordering::Relaxed);
    }

    pub(crate) fn stale_until(&self) -> Ticks {
        self.stale_until.load(Ordering::Relaxed)
    }

    /// Lets the entry be served for a while after it expires.
    pub(crate) fn set_window(&self, window: Ticks) {
        let expires = self.expires();
        if window > 0 && expires != NEVER {
            self.stale_until.store(expires.saturating_add(window), Ordering::Relaxed);
        }
    }

    /// Makes the caller the one that refreshes the entry, unless another call is at it or failed just now.
    pub(crate) fn claim_refresh(&self, now: Ticks) -> bool {
        let from = self.refresh_from.load(Ordering::Acquire);
        from <= now
            && self
                .refresh_from
                .compare_exchange(from, NEVER, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    /// Lets another call try, from a moment on.
    pub(crate) fn release_refresh(&self, from: Ticks) {
        self.refresh_from.store(from, Ordering::Release);
    }

    pub(crate) fn weight(&self) -> u64 {
        self.weight.load(Ordering::Relaxed)
    }

    /// Only before the entry enters the store: a resident's weight must not change.
    pub(crate) fn set_weight(&self, weight: u64) {
        // Zero would exempt the entry from eviction.
        self.weight.store(weight.max(1), Ordering::Relaxed);
    }
}

/// An entry: what it is about, and after it the key and the value.
///
/// `B` is a [`Body`], or [`dyn Any`](Any) where many types meet: the head is read without asking which.
pub(crate) struct Held<B: ?Sized> {
    pub(crate) head: Head,
    pub(crate) body: B,
}

/// A key and its value. The value is absent until the fill ends.
pub(crate) struct Body<K, V> {
    pub(crate) key: K,
    pub(crate) value: OnceLock<V>,
}

/// An entry of one key and value type.
pub(crate) type Entry<K, V> = Held<Body<K, V>>;

/// An entry of any key and value type.
pub(crate) type AnyEntry = Held<dyn Any + Send + Sync>;

impl<K, V> Held<Body<K, V>> {
    /// An entry that waits for its value.
    pub(crate) fn new(head: Head, key: K) -> Self {
        Self { head, body: Body { key, value: OnceLock::new() } }
    }
}

impl AnyEntry {
    /// The key and the value, if they are of these types.
    #[inline]
    pub(crate) fn body_as<K: 'static, V: 'static>(&self) -> Option<&Body<K, V>> {
        self.body.downcast_ref()
    }
}

impl<K: Eq + 'static, V: 'static> Entry<K, V> {
    /// Whether `other` is an entry for the same key of the same cache.
    pub(crate) fn is_same(&self, other: &AnyEntry) -> bool {
        other.head.owner == self.head.owner
            && other.body_as::<K, V>().is_some_and(|other| other.key == self.body.key)
    }
}
