//! How a batch passes a layer: as one call, and a further attempt is about what is left of it.

use super::call::{Attempt, Call};
use super::layered::{Layer, Layered};
use crate::{
    Backend, BackendError, BackendErrorKind, Batch, BatchEntry, BatchResults, BoxFuture, Fetched,
    Operation,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The results so far. An item without one was not asked about, or no answer came.
struct Items<T>(Mutex<Vec<Option<Result<T, BackendError>>>>);

impl<T> Items<T> {
    fn new(count: usize) -> Self {
        Self(Mutex::new((0..count).map(|_| None).collect()))
    }

    fn results(&self) -> MutexGuard<'_, Vec<Option<Result<T, BackendError>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The items that another attempt may help, of those that may be tried again.
    fn left(&self, may_repeat: impl Fn(usize) -> bool) -> Vec<usize> {
        let results = self.results();
        let is_left = |&item: &usize| match &results[item] {
            None => true,
            Some(Ok(_)) => false,
            Some(Err(error)) => error.is_retryable() && may_repeat(item),
        };
        (0..results.len()).filter(is_left).collect()
    }

    /// Notes what an attempt brought, and says how that is to be judged as one.
    fn note(
        &self,
        items: &[usize],
        brought: BatchResults<T>,
        operation: Operation,
    ) -> Result<(), BackendError> {
        let mut verdict = Ok(());
        let mut brought = brought.into_iter();
        let mut results = self.results();
        for &item in items {
            let result = brought.next().unwrap_or_else(|| {
                let error = BackendError::new(BackendErrorKind::Transient, operation);
                Err(error.with_context("the backend has left out an item of a batch"))
            });
            if let Err(error) = &result {
                let graver = match &verdict {
                    Ok(()) => error.is_retryable() || error.counts_for_breaker(),
                    Err(before) => error.is_retryable() && !BackendError::is_retryable(before),
                };
                if graver {
                    verdict = Err(error.clone());
                }
            }
            results[item] = Some(result);
        }
        verdict
    }

    /// The results of all items. What the layer says is that of those without one.
    fn finish(&self, carried: Result<(), BackendError>, operation: Operation) -> BatchResults<T> {
        let missing = match carried {
            Err(error) => error,
            Ok(()) => BackendError::new(BackendErrorKind::Transient, operation)
                .with_context("a layer says that it was carried out, and it was not"),
        };
        let results = std::mem::take(&mut *self.results());
        let result = |result: Option<_>| result.unwrap_or_else(|| Err(missing.clone()));
        results.into_iter().map(result).collect()
    }
}

impl<L: Layer, B: Backend> Layered<L, B> {
    /// `ask` asks the backend about the items with these numbers.
    fn carry_many<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        count: usize,
        may_repeat: impl Fn(usize) -> bool + Copy + Send + Sync + 'a,
        ask: impl Fn(&'a dyn Batch, &[usize]) -> BoxFuture<'a, BatchResults<T>> + Send + Sync + 'a,
    ) -> BoxFuture<'a, BatchResults<T>> {
        Box::pin(async move {
            let items = Arc::new(Items::new(count));
            let noted = Arc::clone(&items);
            let ask = Arc::new(ask);
            let attempt: Attempt<'a, ()> = Box::new(move || {
                let (items, ask) = (Arc::clone(&noted), Arc::clone(&ask));
                Box::pin(async move {
                    let left = items.left(may_repeat);
                    let Some(batch) = self.backend.batch() else {
                        return Err(BackendError::new(BackendErrorKind::Unsupported, operation));
                    };
                    let brought = ask(batch, &left).await;
                    items.note(&left, brought, operation)
                })
            });
            let carried = self.layer.carry(Call::keyless(operation), attempt).await;
            items.finish(carried, operation)
        })
    }
}

impl<L: Layer, B: Backend> Batch for Layered<L, B> {
    fn get_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<Option<Fetched>>> {
        self.carry_many(
            Operation::GetMany,
            keys.len(),
            |_| true,
            move |batch, left| {
                let keys: Vec<&str> = left.iter().map(|&item| keys[item]).collect();
                Box::pin(async move { batch.get_many(&keys).await })
            },
        )
    }

    fn set_many<'a>(&'a self, entries: &'a [BatchEntry<'a>]) -> BoxFuture<'a, BatchResults<()>> {
        // Of several items with the same key the last one wins: one that failed must not be written after it. And a write
        // under a lock would take the first attempt's value for another's.
        let may_repeat = move |item: usize| {
            let BatchEntry { key, options, .. } = &entries[item];
            options.lock.is_none() && entries[item + 1..].iter().all(|later| later.key != *key)
        };
        self.carry_many(Operation::SetMany, entries.len(), may_repeat, move |batch, left| {
            let entries: Vec<_> = left.iter().map(|&item| entries[item].clone()).collect();
            Box::pin(async move { batch.set_many(&entries).await })
        })
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str]) -> BoxFuture<'a, BatchResults<bool>> {
        self.carry_many(
            Operation::DeleteMany,
            keys.len(),
            |_| true,
            move |batch, left| {
                let keys: Vec<&str> = left.iter().map(|&item| keys[item]).collect();
                Box::pin(async move { batch.delete_many(&keys).await })
            },
        )
    }
}
