//! A backend whose batches fail item by item.

use crate::testing::FaultyBackend;
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BatchEntry, BatchResults, BoxFuture, Fetched,
    Health, MemoryBackend, Operation, SetOptions,
};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) memory: FaultyBackend,
    /// What items fail with, and how often.
    faults: Mutex<HashMap<&'static str, (BackendErrorKind, usize)>>,
    /// What a spent quota asks for.
    wait: Option<Duration>,
    /// Whether failures say that nothing was done.
    unprocessed: bool,
    /// The keys of each batch.
    pub(super) asked: Mutex<Vec<Vec<String>>>,
}

impl Scripted {
    pub(super) fn new(faults: &[(&'static str, BackendErrorKind, usize)]) -> Self {
        let faults = faults.iter().map(|&(key, kind, times)| (key, (kind, times)));
        Self {
            memory: FaultyBackend::new(MemoryBackend::new()),
            faults: Mutex::new(faults.collect()),
            wait: None,
            unprocessed: false,
            asked: Mutex::default(),
        }
    }

    pub(super) fn asking(self, wait: Duration) -> Self {
        Self { wait: Some(wait), ..self }
    }

    pub(super) fn unprocessed(self) -> Self {
        Self { unprocessed: true, ..self }
    }

    fn fault(&self, key: &str, operation: Operation) -> Result<(), BackendError> {
        match self.faults.lock().unwrap().get_mut(key) {
            Some((kind, times)) if *times > 0 => {
                *times -= 1;
                let error = BackendError::new(*kind, operation);
                let error = if self.unprocessed { error.with_unprocessed() } else { error };
                Err(match self.wait {
                    Some(wait) if *kind == BackendErrorKind::QuotaExceeded => {
                        error.with_retry_after(wait)
                    }
                    _ => error,
                })
            }
            _ => Ok(()),
        }
    }

    fn note<'a>(&self, keys: impl Iterator<Item = &'a str>) {
        self.asked.lock().unwrap().push(keys.map(str::to_owned).collect());
    }
}

impl Backend for Scripted {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        self.memory.get(key)
    }
    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        options: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        self.memory.set(key, value, options)
    }
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.memory.delete(key)
    }
    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        self.memory.exists(key)
    }
    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        self.memory.health()
    }
    fn batch(&self) -> Option<&dyn Batch> {
        Some(self)
    }
}

impl Batch for Scripted {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        Box::pin(async move {
            self.note(keys.iter().copied());
            let mut results = Vec::new();
            for key in keys {
                results.push(match self.fault(key, Operation::GetMany) {
                    Ok(()) => self.memory.get(key).await,
                    Err(error) => Err(error),
                });
            }
            results
        })
    }
    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        Box::pin(async move {
            self.note(entries.iter().map(|entry| entry.key));
            let mut results = Vec::new();
            for entry in entries {
                results.push(match self.fault(entry.key, Operation::SetMany) {
                    Ok(()) => self.memory.set(entry.key, entry.value.clone(), &entry.options).await,
                    Err(error) => Err(error),
                });
            }
            results
        })
    }
    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        Box::pin(async move {
            self.note(keys.iter().copied());
            // One answer is missing.
            vec![Ok(true); keys.len() - 1]
        })
    }
}
