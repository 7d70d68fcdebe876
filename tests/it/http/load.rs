//! Many readers and writers at once, and a model that knows what each may see.
//!
//! Each key has one writer, which counts its writes and puts the number into the value. A read that
//! begins after a write was confirmed must see that write or a later one: never an older one, never
//! another key's, never a damaged one. In a store that keeps what it confirmed it must not miss it either.

use bytes::Bytes;
use cachekit_io::{BackendError, BackendErrorKind, CachekitIo, Operation, SetOptions};
use fastrand::Rng;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

const KEYS: usize = 96;
const WRITERS: usize = 8;
const READERS: usize = 8;

/// What is known of a key; the numbers count the writes and deletions of its one writer.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    issued: u64,
    confirmed: u64,
    last_deletion: u64,
}

/// The load and what came of it.
pub(crate) struct Load {
    clients: Vec<CachekitIo>,
    keeps: bool,
    seed: u64,
    known: Vec<Mutex<Known>>,
    stop: AtomicBool,
    done: watch::Sender<u64>,
    counts: Counts,
    wrong: Mutex<Vec<String>>,
    /// What failed and had an excuse; the first few.
    excused: Mutex<Vec<String>>,
}

#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    writes: AtomicU64,
    locked_writes: AtomicU64,
    deletions: AtomicU64,
    /// Writes refused because the lock was lost, with the server or to another write.
    superseded: AtomicU64,
    failures: AtomicU64,
    longest_millis: AtomicU64,
}

/// A load that runs.
pub(crate) struct Running {
    pub(crate) load: Arc<Load>,
    tasks: JoinSet<()>,
}

impl Load {
    /// Starts it on this runtime. `keeps`: the store keeps all it confirmed, whatever happens.
    pub(crate) fn start(client: &CachekitIo, keeps: bool, seed: u64) -> Running {
        Self::start_over(vec![client.clone()], keeps, seed)
    }

    /// The same over several clients, each operation over any of them.
    pub(crate) fn start_over(clients: Vec<CachekitIo>, keeps: bool, seed: u64) -> Running {
        let load = Arc::new(Self {
            clients,
            keeps,
            seed,
            known: (0..KEYS).map(|_| Mutex::default()).collect(),
            stop: AtomicBool::new(false),
            done: watch::channel(0).0,
            counts: Counts::default(),
            wrong: Mutex::default(),
            excused: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for index in 0..WRITERS {
            tasks.spawn(Arc::clone(&load).write(index));
        }
        for index in 0..READERS {
            tasks.spawn(Arc::clone(&load).read(index));
        }
        Running { load, tasks }
    }

    fn known(&self, index: usize) -> std::sync::MutexGuard<'_, Known> {
        self.known[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, random: &mut Rng) -> &CachekitIo {
        &self.clients[random.usize(0..self.clients.len())]
    }

    /// An operation is over long before that, however it ends.
    async fn in_time<T>(
        &self,
        operation: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let began = Instant::now();
        let result = tokio::time::timeout(4 * super::local::PATIENCE, operation).await;
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.counts.longest_millis.fetch_max(millis, SeqCst);
        result.unwrap_or_else(|_| {
            self.report("an operation hangs".to_owned());
            Err(BackendError::new(BackendErrorKind::Timeout, Operation::Get))
        })
    }

    async fn write(self: Arc<Self>, writer: usize) {
        let mut random = Rng::with_seed(self.seed ^ writer as u64);
        while !self.stop.load(SeqCst) {
            let index = random.usize(0..KEYS / WRITERS) * WRITERS + writer;
            let number = self.known(index).issued + 1;
            let deletes = random.u8(..) < 32;
            {
                let mut known = self.known(index);
                known.issued = number;
                if deletes {
                    known.last_deletion = number;
                }
            }
            let done = if deletes {
                let (client, key) = (self.client(&mut random), key(index));
                let done = self.in_time(client.delete(&key)).await;
                done.map(|_| &self.counts.deletions)
            } else {
                self.in_time(self.put(index, number, &mut random)).await
            };
            if self.note(done) {
                self.known(index).confirmed = number;
            }
        }
    }

    /// Stores the value of this number, now and then under a lock.
    async fn put(
        &self,
        index: usize,
        number: u64,
        random: &mut Rng,
    ) -> Result<&AtomicU64, BackendError> {
        let (key, client) = (key(index), self.client(random));
        let mut options = SetOptions::new().ttl(Duration::from_secs(3600));
        if random.u8(..) >= 32 {
            client.set(&key, value(index, number), &options).await?;
            return Ok(&self.counts.writes);
        }
        let lock = client.acquire_lock(&key, Duration::from_secs(20)).await?;
        if let Some(lock) = &lock {
            options = options.lock(lock.token());
        }
        // What was locked through one node may be written through another.
        let client = self.client(random);
        client.set(&key, value(index, number), &options).await?;
        if let Some(lock) = lock {
            lock.release().await?;
        }
        Ok(&self.counts.locked_writes)
    }

    async fn read(self: Arc<Self>, reader: usize) {
        let mut random = Rng::with_seed(!self.seed ^ reader as u64);
        while !self.stop.load(SeqCst) {
            let index = random.usize(0..KEYS);
            let found = self.in_time(self.look(self.client(&mut random), index)).await;
            self.note(found);
        }
    }

    /// Reads a key and compares with what is known.
    async fn look(&self, client: &CachekitIo, index: usize) -> Result<&AtomicU64, BackendError> {
        let before = *self.known(index);
        let found = client.get(&key(index)).await?;
        let after = *self.known(index);
        let Some(found) = found else {
            if self.keeps && after.last_deletion < before.confirmed {
                self.report(format!("{}: lost what was confirmed: {before:?}", key(index)));
            }
            return Ok(&self.counts.misses);
        };
        let allowed = before.confirmed.max(1)..=after.issued;
        match number_of(index, found.value()) {
            Some(number) if allowed.contains(&number) => {}
            Some(number) => {
                self.report(format!("{}: number {number}, not {allowed:?}", key(index)));
            }
            None => self.report(format!("{}: {} foreign bytes", key(index), found.value().len())),
        }
        Ok(&self.counts.hits)
    }

    fn report(&self, wrong: String) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(wrong);
    }

    /// Counts what was done; whether it was.
    fn note(&self, done: Result<&AtomicU64, BackendError>) -> bool {
        match done {
            Ok(counter) => {
                counter.fetch_add(1, SeqCst);
                self.done.send_modify(|done| *done += 1);
                true
            }
            Err(error) if error.is_superseded() => {
                self.counts.superseded.fetch_add(1, SeqCst);
                false
            }
            Err(error) => {
                // A fault of the server is allowed here; a mistake of the client is not.
                if !error.fails_open() {
                    self.report(format!("an operation failed for good: {error:?}"));
                }
                if self.counts.failures.fetch_add(1, SeqCst) < 10 {
                    let mut excused = self.excused.lock().unwrap_or_else(PoisonError::into_inner);
                    excused.push(format!("{error:?}"));
                }
                false
            }
        }
    }
}

impl Running {
    /// Waits until so many more operations were done.
    pub(crate) async fn progress(&self, operations: u64) {
        let mut done = self.load.done.subscribe();
        let goal = *done.borrow() + operations;
        let reached = done.wait_for(|done| *done >= goal);
        let reached = tokio::time::timeout(super::local::PATIENCE, reached).await.is_ok();
        assert!(reached, "operations do not go on: {:?}, {:?}", self.load.counts, self.failures());
    }

    /// The first few operations that failed so far.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.load.excused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it and looks once more at every key. Panics if anything was wrong; else tells the counts.
    pub(crate) async fn finish(mut self) -> String {
        self.load.stop.store(true, SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no task panics");
        }
        for client in &self.load.clients {
            for index in 0..KEYS {
                let found = self.load.look(client, index).await;
                self.load.note(found);
            }
        }
        let wrong = self.load.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(wrong.is_empty(), "{} wrong values, at first {:#?}", wrong.len(), &wrong[..1]);
        let counts = &self.load.counts;
        assert!(counts.hits.load(SeqCst) > 0 && counts.writes.load(SeqCst) > 0);
        format!("{counts:?}, wrong: {}", wrong.len())
    }
}

fn key(index: usize) -> String {
    format!("load:{index}")
}

/// The value of a write: its number, and bytes that follow from key and number.
fn value(index: usize, number: u64) -> Bytes {
    let mut random = Rng::with_seed(number.wrapping_mul(0x1_0001) ^ (index as u64) << 48);
    // Now and then larger than a window of HTTP/2.
    let length = if random.u8(..) == 0 { 200_000 } else { random.usize(0..8_000) };
    let mut bytes = vec![0; 8 + length];
    let (head, rest) = bytes.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    random.fill(rest);
    bytes.into()
}

/// The number in a value, if it is one of this key and whole.
fn number_of(index: usize, found: &Bytes) -> Option<u64> {
    let number = u64::from_be_bytes(*found.first_chunk()?);
    (value(index, number) == found).then_some(number)
}

#[test]
fn a_value_is_known_by_its_key_its_number_and_every_byte() {
    let whole = value(3, 17);
    assert_eq!(number_of(3, &whole), Some(17));
    assert_eq!(number_of(4, &whole), None);
    assert_eq!(number_of(3, &whole.slice(..whole.len() - 1)), None);
    assert_eq!(number_of(3, &Bytes::new()), None);
    for at in [0, 7, 8, whole.len() - 1] {
        let mut damaged = whole.to_vec();
        damaged[at] ^= 1;
        assert_eq!(number_of(3, &damaged.into()), None);
    }
}
