//! Changes of a place that this process has a copy of, and the backend's news of them.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cachekit_io::SetOptions;

use super::{Link, Written};
use crate::entry::AnyEntry;
use crate::shared::coherence::Own;
use crate::shared::guard::WriteRight;
use crate::site::StoreRef;

impl Link {
    /// Has the backend's news of this place end an entry. Asked before the backend is asked for the entry's value.
    pub(crate) fn cover(&self, entry: &Arc<AnyEntry>, store: &StoreRef) {
        if let Some(coherence) = self.known.listens(&self.backend) {
            coherence.cover(&self.key, entry, store);
        }
    }

    /// The entry's value is not in the backend: it is dropped when the backend answers next.
    pub(crate) fn made_blindly(&self, entry: &Arc<AnyEntry>, store: &StoreRef) {
        if let Some(coherence) = self.known.coherence() {
            coherence.made_blindly(&self.key, entry, store);
        }
    }

    /// This process begins to change the place of an entry.
    fn own(&self, entry: &Arc<AnyEntry>, store: &StoreRef, value: Option<&[u8]>) -> Option<Own> {
        Own::begin(self.known.coherence()?, &self.key, (entry, store), value)
    }

    /// The entry's function begins to run, and whether its value may be kept is for the backend to say.
    pub(in crate::shared) fn begin_run(
        &self,
        entry: &Arc<AnyEntry>,
        store: &StoreRef,
    ) -> Option<Own> {
        Own::run(self.known.coherence()?, &self.key, (entry, store))
    }

    /// Deletes at these places of an entry of this process that is not to end because of that.
    pub(crate) async fn delete_beside<'a>(
        links: &[&'a Self],
        entry: Option<&Arc<AnyEntry>>,
        store: &StoreRef,
        until: Instant,
    ) -> bool {
        let begun = |link: &&'a Self| Some((*link, link.own(entry?, store, None)?));
        let own: Vec<_> = links.iter().filter_map(begun).collect();
        let deleted = Self::delete_all(links, store, until).await;
        for (link, own) in own {
            own.stands(link, until).await;
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
        entry: &Arc<AnyEntry>,
        value: (Bytes, SetOptions),
    ) -> Written {
        let own = self.own(entry, store, Some(&value.0));
        let written = self.write_guarded(store, until, right, entry, value).await;
        let Some(own) = own else { return written };
        if written == Written::Refused {
            own.failed();
            return written;
        }
        if own.stands(self, until).await { written } else { Written::Overtaken }
    }
}
