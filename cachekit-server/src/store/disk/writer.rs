//! The one thread that writes: many orders, one transaction.

use super::super::{Entry, EntryKey, Lifetime, StoreError};
use super::Shared;
use super::table::{Row, Tables, Writing, weight};
use crate::clock::Timestamp;
use tokio::sync::{mpsc, oneshot};

/// At most this many orders share a transaction, and about this many bytes.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 32 * 1024 * 1024;

type Answer = oneshot::Sender<Result<(), StoreError>>;

/// Something to be written.
pub(super) enum Order {
    Put {
        key: EntryKey,
        entry: Entry,
        quota: Option<u64>,
        now: Timestamp,
        answer: Answer,
    },
    Delete {
        key: EntryKey,
        answer: Answer,
    },
    SetLifetime {
        key: EntryKey,
        lifetime: Lifetime,
        answer: Answer,
    },
    /// Removes what expired.
    Sweep {
        now: Timestamp,
        answer: Option<Answer>,
    },
    /// Removes a damaged entry, unless another took its place.
    Purge {
        key: EntryKey,
        row: Row,
    },
}

impl Order {
    fn size(&self) -> usize {
        match self {
            Self::Put { entry, .. } => entry.value.len(),
            _ => 0,
        }
    }
}

/// Writes until nobody can order any more.
pub(super) fn run(shared: &Shared, mut queue: mpsc::Receiver<Order>) {
    while let Some(first) = queue.blocking_recv() {
        let mut size = first.size();
        let mut batch = vec![first];
        while batch.len() < BATCH && size < BATCH_BYTES {
            let Ok(order) = queue.try_recv() else { break };
            size += order.size();
            batch.push(order);
        }
        write(shared, batch);
    }
}

/// The keys that a transaction touches, and those who wait for it.
#[derive(Default)]
struct Outcome {
    touched: Vec<EntryKey>,
    waiting: Vec<Answer>,
}

fn write(shared: &Shared, batch: Vec<Order>) {
    let mut outcome = Outcome::default();
    // Without an order that changes something there is nothing to synchronise.
    let mut transaction = None;
    let mut result = Ok(());
    for order in batch {
        // After a failure the transaction is lost, but everybody who waits has to be told.
        let done = apply(shared, &mut transaction, order, &mut outcome);
        result = result.and(done);
    }
    if let Some(transaction) = transaction {
        // A transaction that is not committed leaves nothing behind.
        result = result.and_then(|()| Writing::commit(transaction));
    }
    if let Err(error) = &result {
        tracing::error!(%error, "a transaction failed");
        // What the file has now is not what the index says: these keys are misses from here on.
        for key in &outcome.touched {
            shared.index.remove(key);
        }
    }
    for answer in outcome.waiting {
        // Whoever does not wait any more needs no answer.
        let _ = answer.send(result.clone());
    }
}

fn apply(
    shared: &Shared,
    transaction: &mut Option<Writing>,
    order: Order,
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    let (index, tables) = (&shared.index, &shared.tables);
    match order {
        Order::Put { key, entry, quota, now, answer } => {
            let weight = weight(&key, entry.value.len());
            match index.insert(&key, (), entry.lifetime, weight, quota, now) {
                Err(refused) => {
                    let _ = answer.send(Err(refused));
                }
                Ok(gone) => {
                    outcome.waiting.push(answer);
                    outcome.touched.push(key.clone());
                    outcome.touched.extend(gone.iter().cloned());
                    let writing = begun(transaction, tables)?;
                    for gone in &gone {
                        writing.delete(gone)?;
                    }
                    writing.put(&key, &entry)?;
                }
            }
        }
        Order::Delete { key, answer } => {
            outcome.waiting.push(answer);
            outcome.touched.push(key.clone());
            index.remove(&key);
            // Whatever the index says: after a failed transaction the file may know more.
            begun(transaction, tables)?.delete(&key)?;
        }
        Order::SetLifetime { key, lifetime, answer } => {
            outcome.waiting.push(answer);
            outcome.touched.push(key.clone());
            if index.set_lifetime(&key, lifetime) {
                begun(transaction, tables)?.set_lifetime(&key, lifetime)?;
            }
        }
        Order::Sweep { now, answer } => {
            outcome.waiting.extend(answer);
            let gone = index.sweep(now);
            if !gone.is_empty() {
                let writing = begun(transaction, tables)?;
                for key in &gone {
                    writing.delete(key)?;
                }
            }
        }
        Order::Purge { key, row } => {
            let writing = begun(transaction, tables)?;
            if writing.has_row(&key, &row)? {
                index.remove(&key);
                writing.delete(&key)?;
            }
        }
    }
    Ok(())
}

/// The transaction of the batch, begun when the first order needs it.
fn begun<'a>(
    transaction: &'a mut Option<Writing>,
    tables: &Tables,
) -> Result<&'a Writing, StoreError> {
    if transaction.is_none() {
        *transaction = Some(tables.write()?);
    }
    transaction.as_ref().ok_or_else(|| StoreError::unavailable(&"no transaction"))
}
