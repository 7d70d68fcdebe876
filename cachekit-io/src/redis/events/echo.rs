//! A server's events about this backend's own writes.
//!
//! Tracking has an option, `NOLOOP`, with which a connection gets no events about its own writes. With it
//! the server also sends none about entries that expire, are evicted or drop out of its tracking table
//! while it serves that connection: such entries were read, and no event about them will follow. So we let
//! the server send all events, and count those about own writes here instead: a write of a tracked entry
//! has one echo, before the answer to whatever is sent after it. More than one means another writer.

use super::super::connection::Connection;
use super::super::failure::Failure;
use super::super::request::Request;
use super::{Events, Shared};
use futures_util::future::join;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The writes in flight, by entry and connection.
#[derive(Default)]
pub(super) struct Echoes {
    writes: Mutex<HashMap<Box<str>, Vec<Write>>>,
    /// How many entries there are.
    count: AtomicUsize,
}

struct Write {
    generation: u64,
    /// Several writers may write one entry.
    under_way: usize,
    stored: usize,
    told: usize,
}

impl Echoes {
    /// Whether an event about this entry is held back until it is known who caused it.
    pub(super) fn keep(&self, generation: u64, name: &[u8]) -> bool {
        if self.count.load(Ordering::SeqCst) == 0 {
            return false;
        }
        let Ok(name) = std::str::from_utf8(name) else { return false };
        let mut writes = self.lock();
        let write = writes.get_mut(name).and_then(|of| find(of, generation));
        write.map(|write| write.told += 1).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Vec<Write>>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, generation: u64, name: &str) {
        let mut writes = self.lock();
        let of = writes.entry(name.into()).or_default();
        match find(of, generation) {
            Some(write) => write.under_way += 1,
            None => of.push(Write { generation, under_way: 1, stored: 0, told: 0 }),
        }
        self.count.store(writes.len(), Ordering::SeqCst);
    }

    /// Whether another client changed the entry meanwhile.
    fn end(&self, generation: u64, name: &str, stored: bool) -> bool {
        let mut writes = self.lock();
        let Some(of) = writes.get_mut(name) else { return false };
        let Some(write) = find(of, generation) else { return false };
        write.under_way -= 1;
        write.stored += usize::from(stored);
        if write.under_way > 0 {
            return false;
        }
        let others = write.told > write.stored;
        of.retain(|write| write.generation != generation);
        if of.is_empty() {
            writes.remove(name);
        }
        self.count.store(writes.len(), Ordering::SeqCst);
        others
    }
}

fn find(of: &mut [Write], generation: u64) -> Option<&mut Write> {
    of.iter_mut().find(|write| write.generation == generation)
}

/// A write in flight. Events about its entry are held back until this is dropped.
pub(in super::super) struct Writing<'a> {
    shared: &'a Shared,
    generation: u64,
    name: &'a str,
    stored: bool,
}

impl Writing<'_> {
    /// Whether an event about the entry has arrived since.
    fn is_told(&self) -> bool {
        let mut writes = self.shared.echoes.lock();
        let write = writes.get_mut(self.name).and_then(|of| find(of, self.generation));
        write.is_some_and(|write| write.told > 0)
    }

    /// It took effect, and all events about it have arrived.
    pub(in super::super) fn stored(&mut self) {
        self.stored = true;
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if self.shared.echoes.end(self.generation, self.name, self.stored) {
            self.shared.changed(self.name.as_bytes());
        }
    }
}

impl Events {
    /// An entry is about to be written over this connection, and is read in the same step, before and
    /// after. `None` if there will be no echo.
    pub(in super::super) fn writes<'a>(
        &'a self,
        connection: &Connection,
        name: &'a str,
    ) -> Option<Writing<'a>> {
        let shared = &*self.0;
        connection.is_heard().then(|| {
            let generation = connection.id().generation;
            shared.echoes.begin(generation, name);
            Writing { shared, generation, name, stored: false }
        })
    }
}

/// A request that writes an entry, and whose echo reaches no listener.
pub(in super::super) struct Quiet<'a, R: Request> {
    pub(in super::super) events: &'a Events,
    pub(in super::super) name: &'a str,
    pub(in super::super) request: R,
    /// Whether an answer says that the entry was written.
    pub(in super::super) stored: fn(&R::Answer) -> bool,
    /// How often it may be sent until it takes effect.
    pub(in super::super) attempts: usize,
}

impl<R: Request> Request for Quiet<'_, R> {
    type Answer = R::Answer;

    async fn send(&self, connection: &Connection) -> Result<R::Answer, Failure> {
        let Some(mut writing) = self.events.writes(connection, self.name) else {
            return self.request.send(connection).await;
        };
        let (answer, ()) = join(self.request.send(connection), connection.has_answered()).await;
        if answer.as_ref().is_ok_and(self.stored) {
            // With several attempts, the last one sent may be the one that took effect.
            if self.attempts > 1 && !writing.is_told() {
                connection.has_answered().await;
            }
            writing.stored();
        }
        answer
    }

    fn written(&self) -> Option<&str> {
        Some(self.name)
    }

    async fn send_asking(&self, connection: &Connection) -> Result<R::Answer, Failure> {
        self.request.send_asking(connection).await
    }
}
