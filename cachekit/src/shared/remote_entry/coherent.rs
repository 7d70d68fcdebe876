//! Changes of an entry in the backend that this process has a copy of, and the backend's events about them.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cachekit_io::SetOptions;

use super::{RemoteEntry, Written};
use crate::entry::Fate;
use crate::shared::coherence::Own;
use crate::shared::guard::WriteRight;
use crate::store::StoreRef;

impl RemoteEntry {
    /// Makes the backend's events about this key kill an entry. Called before the entry's value is requested.
    pub(crate) fn cover(&self, fate: &Arc<Fate>, store: &StoreRef) {
        if let Some(coherence) = self.known.listens(&self.backend) {
            coherence.cover(&self.key, fate, store);
        }
    }

    /// The entry's value is not in the backend: it is dropped when the backend answers next.
    pub(crate) fn made_blindly(&self, fate: &Arc<Fate>, store: &StoreRef) {
        if let Some(coherence) = self.known.coherence() {
            coherence.made_blindly(&self.key, fate, store);
        }
    }

    /// This process begins to change an entry in the backend.
    fn own(&self, fate: &Arc<Fate>, store: &StoreRef, value: Option<&[u8]>) -> Option<Own> {
        Own::begin(self.known.coherence()?, &self.key, (fate, store), value)
    }

    /// The entry's function begins to run, and the backend will decide whether its value may be kept.
    pub(in crate::shared) fn begin_run(&self, fate: &Arc<Fate>, store: &StoreRef) -> Option<Own> {
        Own::run(self.known.coherence()?, &self.key, (fate, store))
    }

    /// Deletes under these keys an entry of this process that must not be killed by that.
    pub(crate) async fn delete_beside<'a>(
        links: &[&'a Self],
        fate: Option<&Arc<Fate>>,
        store: &StoreRef,
        until: Instant,
    ) -> bool {
        let begun =
            |remote_entry: &&'a Self| Some((*remote_entry, remote_entry.own(fate?, store, None)?));
        let own: Vec<_> = links.iter().filter_map(begun).collect();
        let deleted = Self::delete_all(links, store, until).await;
        for (remote_entry, own) in own {
            own.stands(remote_entry, until).await;
        }
        deleted
    }

    /// Writes, with the right to do so. Unless a fence guards the write, it continues even if the caller does not,
    /// and is taken back if `entry` is killed or deleted meanwhile.
    pub(crate) async fn write(
        &self,
        store: &StoreRef,
        until: Instant,
        right: WriteRight,
        fate: &Arc<Fate>,
        value: (Bytes, SetOptions),
    ) -> Written {
        let own = self.own(fate, store, Some(&value.0));
        let written = self.write_guarded(store, until, right, fate, value).await;
        let Some(own) = own else { return written };
        if written == Written::Refused {
            own.failed();
            return written;
        }
        if own.stands(self, until).await { written } else { Written::Overtaken }
    }
}
