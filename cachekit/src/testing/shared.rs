//! What a scope has of its own for the shared tier.

use std::sync::Arc;
use std::time::Duration;

use super::Scope;

impl Scope {
    /// Gives the scope a shared backend of its own. Without it, functions in the scope have none.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit_io::MemoryBackend;
    /// use std::sync::Arc;
    ///
    /// #[cachekit::cache(ttl = 60)]
    /// fn double(n: u32) -> u32 { n * 2 }
    ///
    /// let backend = Arc::new(MemoryBackend::new());
    /// let machine_a = cachekit::testing::Scope::new().with_backend(backend.clone());
    /// let machine_b = cachekit::testing::Scope::new().with_backend(backend);
    /// machine_a.run(|| double(4));
    /// machine_b.run(|| double(4));
    /// assert_eq!(machine_b.run(double::stats).shared_hits, 1);
    /// ```
    #[must_use]
    pub fn with_backend(self, backend: Arc<dyn cachekit_io::Backend>) -> Self {
        if let Some(before) = self.set_backend(backend) {
            crate::shared::known::replaced(&before, self.number());
        }
        self
    }

    /// Gives the scope a budget of its own for the shared tier; see `cachekit::set_shared_budget`.
    #[must_use]
    pub fn with_shared_budget(self, budget: Duration) -> Self {
        self.set_budget(budget);
        self
    }
}

#[cfg(feature = "secure")]
impl Scope {
    /// Gives the scope keys of its own for `#[cache::secure]` functions. Without them, those of the process
    /// count. Given anew, they take the place of the ones before.
    ///
    /// # Example
    ///
    /// ```
    /// use cachekit::secure::{KeySet, Keyring, MasterKey};
    ///
    /// #[cachekit::cache::secure(ttl = 60, namespace = "sensitive")]
    /// fn secret(n: u32) -> u32 { n * 2 }
    ///
    /// let keyring = Keyring::new(KeySet::new(MasterKey::generate()?, [])?);
    /// let scope = cachekit::testing::Scope::new().with_keyring(keyring);
    /// assert_eq!(scope.run(|| (secret(2), secret(2), secret::stats().hits)), (4, 4, 1));
    /// # Ok::<(), cachekit::secure::EnvelopeError>(())
    /// ```
    #[must_use]
    pub fn with_keyring(self, keyring: impl Into<Arc<crate::secure::Keyring>>) -> Self {
        self.with_envelope(crate::secure::Envelope::new(keyring))
    }

    /// As [`with_keyring`](Self::with_keyring), with the settings of the envelope.
    #[must_use]
    pub fn with_envelope(self, envelope: crate::secure::Envelope) -> Self {
        self.set_keys(Arc::new(envelope));
        self
    }
}
