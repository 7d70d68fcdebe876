//! A disk that fails or is full: what is recorded meanwhile, and the recovery.
//!
//! Everything in the file is in the index, except the names that are recorded here. A failed deletion is
//! recorded, so that its entry is not served again and leaves the file as soon as the disk works. For keys of
//! other failed writes, the state of the file is looked up as soon as it can be read.

use super::super::index::New;
use super::super::{EntryKey, StoreError};
use super::Shared;
use super::table::weight;
use crate::clock::Timestamp;
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Between two attempts to write again: the first pause, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A failure this soon after the last one continues its pauses.
const QUIET: Duration = Duration::from_secs(10);

/// What the writer knows of the disk.
#[derive(Default)]
pub(super) struct Disk {
    trouble: Option<Trouble>,
    /// To be removed from the file; the index contains none of these names.
    doomed: HashSet<Vec<u8>>,
    /// It is unknown which of these the file has; the index has none of them.
    unsure: VecDeque<EntryKey>,
    pause: Duration,
    recovered: Option<Instant>,
    /// The latest time that an order stated.
    pub(super) now: Option<Timestamp>,
}

struct Trouble {
    since: Instant,
    next: Instant,
    /// The file is open and writable: deletions are tried.
    deletes: bool,
    /// What must fit before values are accepted again.
    sizes: Vec<usize>,
}

/// What is allowed now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    Everything,
    /// No values: there is no space for them.
    Deletes,
    Nothing,
}

impl Disk {
    pub(super) fn with_doomed(names: Vec<Vec<u8>>) -> Self {
        Self { doomed: names.into_iter().collect(), ..Self::default() }
    }

    /// What is allowed; tries to recover if it is time for that.
    pub(super) fn allowed(&mut self, shared: &Shared) -> Allowed {
        if self.trouble.is_none() && !shared.volume.is_writable() {
            // A read failed.
            let error = StoreError::unavailable(&"the file cannot be read");
            self.begin(shared, &error, Vec::new());
        }
        if self.trouble.is_none() {
            if !self.doomed.is_empty()
                && let Err(error) = self.settle(shared)
            {
                self.fail(shared, &error, Vec::new());
            }
        } else if self.trouble.as_ref().is_some_and(|trouble| trouble.next <= Instant::now()) {
            self.recover(shared);
        }
        match &self.trouble {
            None => Allowed::Everything,
            Some(trouble) if trouble.deletes => Allowed::Deletes,
            Some(_) => Allowed::Nothing,
        }
    }

    /// A transaction failed: these sizes were to be stored in it.
    pub(super) fn fail(&mut self, shared: &Shared, error: &StoreError, sizes: Vec<usize>) {
        self.begin(shared, error, sizes);
        // Reads still work, and the content of the file is known again.
        let _ = shared.volume.reopen();
        self.resolve(shared);
    }

    fn begin(&mut self, shared: &Shared, error: &StoreError, sizes: Vec<usize>) {
        let now = Instant::now();
        if self.recovered.is_none_or(|at| at.elapsed() >= QUIET) && self.trouble.is_none() {
            self.pause = FIRST_PAUSE;
        }
        let next = now + self.pause;
        if let Some(trouble) = &mut self.trouble {
            trouble.next = next;
            trouble.deletes = false;
            return;
        }
        tracing::error!(
            error = %error.reason(),
            "the disk store failed: writes are refused until the disk takes them again"
        );
        shared.failing.store(true, Ordering::Relaxed);
        shared.failures.fetch_add(1, Ordering::Relaxed);
        self.trouble = Some(Trouble { since: now, next, deletes: false, sizes });
    }

    fn recover(&mut self, shared: &Shared) {
        self.pause = (2 * self.pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        let opened = shared.volume.reopen();
        self.resolve(shared);
        let deletes = opened.and_then(|()| self.settle(shared)).is_ok();
        let sizes = self.trouble.as_mut().map(|trouble| {
            trouble.next = Instant::now() + self.pause;
            trouble.deletes = deletes;
            std::mem::take(&mut trouble.sizes)
        });
        let sizes = sizes.unwrap_or_default();
        let fits = deletes
            && self.unsure.is_empty()
            && super::volume::attempt(|| shared.volume.now().writable()?.rehearse(&sizes)).is_ok();
        if fits {
            let seconds =
                self.trouble.take().map_or(0.0, |begun| begun.since.elapsed().as_secs_f64());
            shared.failing.store(false, Ordering::Relaxed);
            self.recovered = Some(Instant::now());
            tracing::info!(seconds, "the disk store takes writes again");
            return;
        }
        let reopened = !deletes || shared.volume.reopen().is_ok();
        if let Some(trouble) = &mut self.trouble {
            trouble.sizes = sizes;
            trouble.deletes = deletes && reopened;
        }
    }

    /// Removes from the file what should not be there. Commits a transaction even if there is nothing, to find
    /// out whether one succeeds.
    fn settle(&mut self, shared: &Shared) -> Result<(), StoreError> {
        super::volume::attempt(|| {
            let open = shared.volume.now();
            let transaction = open.writable()?.write()?;
            for name in &self.doomed {
                transaction.delete(name)?;
            }
            transaction.commit()
        })?;
        self.doomed.clear();
        Ok(())
    }

    /// Looks up in the file the keys whose state is unknown.
    fn resolve(&mut self, shared: &Shared) {
        while let Some(key) = self.unsure.front() {
            let Ok(facts) = shared.volume.read(|tables| tables.facts(key)) else { return };
            let Some(key) = self.unsure.pop_front() else { return };
            let now = self.now.unwrap_or(Timestamp::from_millis(0));
            let alive = facts.filter(|(lifetime, _)| lifetime.is_alive(now));
            let mut gone = Vec::new();
            let is_stored = alive.is_some_and(|(lifetime, length)| {
                let new = New { payload: (), lifetime, weight: weight(&key, length) };
                shared.index.insert(&key, new, None, now, &mut gone).is_ok()
            });
            if !is_stored {
                gone.push(key);
            }
            self.doomed.extend(gone.iter().map(|key| key.as_bytes().to_vec()));
        }
    }

    /// The file may have an entry that must not be served again.
    pub(super) fn doom(&mut self, shared: &Shared, key: &EntryKey) {
        let was_unsure = self.unsure.iter().position(|unsure| unsure == key);
        if let Some(at) = was_unsure {
            self.unsure.remove(at);
        }
        // An entry in the file that is not recorded here is in the index, so unknown keys take no memory here.
        if shared.index.remove(key) || was_unsure.is_some() {
            self.doomed.insert(key.as_bytes().to_vec());
        }
    }

    /// These keys were in a failed transaction; of those in `deleted` nothing may be served.
    pub(super) fn doubt(&mut self, shared: &Shared, touched: &[EntryKey], deleted: &[EntryKey]) {
        for key in deleted {
            shared.index.remove(key);
            self.doomed.insert(key.as_bytes().to_vec());
        }
        for key in touched {
            shared.index.remove(key);
            if !self.doomed.contains(key.as_bytes()) && !self.unsure.contains(key) {
                self.unsure.push_back(key.clone());
            }
        }
    }

    /// At the end: settles what is recorded if the disk allows it.
    pub(super) fn close(&mut self, shared: &Shared) {
        if self.trouble.is_some() {
            self.recover(shared);
        } else if !self.doomed.is_empty() {
            // None of it was confirmed: if it fails, the next start finds what the file has.
            let _ = self.settle(shared);
        }
    }
}
