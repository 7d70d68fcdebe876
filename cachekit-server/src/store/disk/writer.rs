//! The one thread that writes: many orders, one transaction.

use super::super::index::New;
use super::super::{Entry, EntryKey, Lifetime, StoreError};
use super::Shared;
use super::table::{Row, Writing, weight};
use super::trouble::{Allowed, Disk};
use super::volume::{Open, attempt};
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
        now: Timestamp,
        answer: Answer,
    },
    /// Removes expired entries.
    Sweep {
        now: Timestamp,
    },
    /// Removes a damaged entry, unless another replaced it.
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

    fn now(&self) -> Option<Timestamp> {
        match self {
            Self::Put { now, .. } | Self::SetLifetime { now, .. } | Self::Sweep { now } => {
                Some(*now)
            }
            _ => None,
        }
    }
}

/// Writes until no more orders can come.
pub(super) fn run(shared: &Shared, mut disk: Disk, mut queue: mpsc::Receiver<Order>) {
    while let Some(first) = queue.blocking_recv() {
        let mut size = first.size();
        let mut batch = vec![first];
        while batch.len() < BATCH && size < BATCH_BYTES {
            let Ok(order) = queue.try_recv() else { break };
            size += order.size();
            batch.push(order);
        }
        disk.now = batch.iter().filter_map(Order::now).max().or(disk.now);
        let allowed = disk.allowed(shared);
        if allowed != Allowed::Everything {
            let values_only = allowed == Allowed::Deletes;
            let is_refused = |order: &Order| !values_only || matches!(order, Order::Put { .. });
            let (refused, done) = batch.into_iter().partition(is_refused);
            batch = done;
            refuse(shared, &mut disk, refused);
        }
        if !batch.is_empty() {
            write(shared, &mut disk, batch);
        }
    }
    disk.close(shared);
}

/// Answers orders that cannot be carried out while the disk rejects them.
fn refuse(shared: &Shared, disk: &mut Disk, batch: Vec<Order>) {
    let failing = || Err(StoreError::unavailable(&"the disk takes no writes at the moment"));
    for order in batch {
        let (answer, result) = match order {
            Order::Put { answer, .. } | Order::SetLifetime { answer, .. } => (answer, failing()),
            Order::Delete { key, answer } => {
                // The deletion is not confirmed, but its entry is not served from here on either.
                disk.doom(shared, &key);
                (answer, failing())
            }
            // An expired entry is a miss, swept or not; only its space is freed later. The next read finds the
            // damage again.
            Order::Sweep { .. } | Order::Purge { .. } => continue,
        };
        // A caller that went away needs no answer.
        let _ = answer.send(result);
    }
}

/// The keys that a transaction touches, and the callers that wait for it.
#[derive(Default)]
struct Outcome {
    touched: Vec<EntryKey>,
    /// Those of them that should be deleted.
    deleted: Vec<EntryKey>,
    sizes: Vec<usize>,
    waiting: Vec<Answer>,
}

fn write(shared: &Shared, disk: &mut Disk, batch: Vec<Order>) {
    let mut outcome = Outcome::default();
    let result = transact(shared, batch, &mut outcome);
    if let Err(error) = &result {
        // The file no longer matches the index.
        disk.doubt(shared, &outcome.touched, &outcome.deleted);
        disk.fail(shared, error, outcome.sizes);
    }
    for answer in outcome.waiting {
        // A caller that went away needs no answer.
        let _ = answer.send(result.clone());
    }
}

fn transact(shared: &Shared, batch: Vec<Order>, outcome: &mut Outcome) -> Result<(), StoreError> {
    // Held to the end: the file is not opened again under a transaction.
    let open = shared.volume.now();
    // Without an order that changes something there is nothing to sync.
    let mut transaction = None;
    let mut result = Ok(());
    for order in batch {
        // After a failure the transaction is lost, but every waiting caller needs an answer.
        let done = attempt(|| apply(shared, &open, &mut transaction, order, outcome));
        result = result.and(done);
    }
    if let Some(transaction) = transaction {
        // A transaction that is not committed has no effect.
        result = result.and_then(|()| attempt(|| Writing::commit(transaction)));
    }
    result
}

fn apply(
    shared: &Shared,
    open: &Open,
    transaction: &mut Option<Writing>,
    order: Order,
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    let index = &shared.index;
    match order {
        Order::Put { key, entry, quota, now, answer } => {
            let weight = weight(&key, entry.value.len());
            let mut gone = Vec::new();
            let new = New { payload: (), lifetime: entry.lifetime, weight };
            let stored = index.insert(&key, new, quota, now, &mut gone);
            let is_stored = stored.is_ok();
            if let Err(refused) = stored {
                let _ = answer.send(Err(refused));
            } else {
                outcome.waiting.push(answer);
                outcome.sizes.push(entry.value.len());
                outcome.touched.push(key.clone());
            }
            remove(gone, transaction, open, outcome)?;
            if is_stored {
                begun(transaction, open)?.put(&key, &entry, now)?;
            }
        }
        Order::Delete { key, answer } => {
            outcome.waiting.push(answer);
            outcome.deleted.push(key.clone());
            index.remove(&key);
            // Regardless of the index: it may have evicted an entry that the file still has.
            begun(transaction, open)?.delete(key.as_bytes())?;
        }
        Order::SetLifetime { key, lifetime, now, answer } => {
            outcome.waiting.push(answer);
            outcome.touched.push(key.clone());
            if index.set_lifetime(&key, lifetime) {
                begun(transaction, open)?.set_lifetime(&key, lifetime, now)?;
            }
        }
        Order::Sweep { now } => {
            let mut gone = Vec::new();
            index.sweep(now, &mut gone);
            remove(gone, transaction, open, outcome)?;
        }
        Order::Purge { key, row } => {
            let writing = begun(transaction, open)?;
            if writing.has_row(&key, &row)? {
                outcome.touched.push(key.clone());
                index.remove(&key);
                writing.delete(key.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// Removes from the file what the index removed.
fn remove(
    gone: Vec<EntryKey>,
    transaction: &mut Option<Writing>,
    open: &Open,
    outcome: &mut Outcome,
) -> Result<(), StoreError> {
    let from = outcome.touched.len();
    // First, so that none is forgotten if the transaction fails.
    outcome.touched.extend(gone);
    for key in &outcome.touched[from..] {
        begun(transaction, open)?.delete(key.as_bytes())?;
    }
    Ok(())
}

/// The transaction of the batch, begun when the first order needs it.
fn begun<'a>(transaction: &'a mut Option<Writing>, open: &Open) -> Result<&'a Writing, StoreError> {
    if transaction.is_none() {
        *transaction = Some(open.writable()?.write()?);
    }
    transaction.as_ref().ok_or_else(|| StoreError::unavailable(&"no transaction"))
}
