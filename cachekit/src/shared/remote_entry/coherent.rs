//! Changes of a place that this process has a copy of, and the backend's news of them.

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
    /// Has the backend's news of this place end an entry. Asked before the backend is asked for the entry's value.
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

    /// This process begins to change the place of an entry.
    fn own(&self, fate: &Arc<Fate>, store: &StoreRef, value: Option<&[u8]>) -> Option<Own> {
        Own::begin(self.known.coherence()?, &self.key, (fate, store), value)
    }

    /// The entry's function begins to run, and whether its value may be kept is for the backend to say.
    pub(in crate::shared) fn begin_run(&self, fate: &Arc<Fate>, store: &StoreRef) -> Option<Own> {
        Own::run(self.known.coherence()?, &self.key, (fate, store))
    }

    /// Deletes at these places of an entry of this process that is not to end because of that.
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

    /// Writes, with the right to do so. Unless a fence guards the write, it goes on when the caller does not, and is
    /// taken back if `entry` is killed or its place is emptied meanwhile.
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
