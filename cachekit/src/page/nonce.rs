//! Tells the browser that the page's own script and style are ours.

use std::hash::{BuildHasher, RandomState};

/// A new one for each answer: two keyed hashes, with keys from the system's random numbers.
pub(super) fn nonce() -> String {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static KEYS: LazyLock<[RandomState; 2]> =
        LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [first, second] = KEYS.each_ref().map(|key| key.hash_one(number));
    format!("{first:016x}{second:016x}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_are_the_same() {
        let some: std::collections::HashSet<_> = (0..1_000).map(|_| super::nonce()).collect();
        assert_eq!(some.len(), 1_000);
        assert!(some.iter().all(|nonce| nonce.len() == 32));
    }
}
