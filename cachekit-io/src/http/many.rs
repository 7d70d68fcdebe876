//! Many keys at once: concurrent requests over the same connections.

use super::CachekitIo;
use crate::{BackendError, BatchEntry, BatchResults, Fetched};
use futures_util::StreamExt;
use futures_util::stream;
use std::collections::HashMap;
use std::future::Future;

/// Requests of one batch in flight at a time.
const CONCURRENT: usize = 64;

impl CachekitIo {
    /// [`get`](Self::get) for each key, concurrently; one result for each, in the order of the keys.
    pub async fn get_many(&self, keys: &[&str]) -> BatchResults<Option<Fetched>> {
        each(keys.len(), |index| self.get(keys[index])).await
    }

    /// [`set`](Self::set) for each entry, concurrently; one result for each, in the order of the
    /// entries. Of several entries with the same key the last one is stored.
    pub async fn set_many(&self, entries: &[BatchEntry<'_>]) -> BatchResults<()> {
        // Requests may overtake each other, so only the last entry of a key is sent.
        let mut last = HashMap::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            last.insert(entry.key, index);
        }
        let last = &last;
        each(entries.len(), |index| async move {
            let entry = &entries[index];
            if last.get(entry.key) != Some(&index) {
                // It would be overwritten at once, but its mistakes are still reported.
                return self.check_set(entry.key, &entry.value, &entry.options).map(drop);
            }
            self.set(entry.key, entry.value.clone(), &entry.options).await
        })
        .await
    }

    /// [`delete`](Self::delete) for each key, concurrently; one result for each, in the order of the
    /// keys.
    pub async fn delete_many(&self, keys: &[&str]) -> BatchResults<bool> {
        each(keys.len(), |index| self.delete(keys[index])).await
    }
}

/// Runs the work of each index, a limited number at a time.
async fn each<T, F>(count: usize, work: impl Fn(usize) -> F) -> BatchResults<T>
where
    F: Future<Output = Result<T, BackendError>>,
{
    stream::iter((0..count).map(work)).buffered(CONCURRENT).collect().await
}
