//! A leader's hold on its fill, from the lead to the landing.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use super::fills::Row;
use super::lists::admit;
use super::out::{Cause, Gone, Out};
use super::shard::Inner;
use super::watch;
use super::{Store, StoreRef};
use crate::clock::Ticks;
use crate::entry::{self, End, Fate, Resident};
use crate::flight::{FlightId, Landing, Until, Wait, wait_graph};
use crate::sync::{MutexGuard, lock};

/// The leader's hold on its fill. Dropping it (cancellation, panic) releases the waiters to try again.
pub(crate) struct Flight {
    store: StoreRef,
    hash: u64,
    row: Row,
    /// It leads for its caller alone.
    alone: bool,
    landed: bool,
}

impl Flight {
    #[inline]
    pub(crate) fn new(store: StoreRef, hash: u64, row: Row, alone: bool) -> Self {
        Self { store, hash, row, alone, landed: false }
    }

    pub(crate) fn id(&self) -> FlightId {
        self.row.flight()
    }

    pub(crate) fn row(&self) -> Row {
        self.row
    }

    /// The fill itself, for what gives it up from now on.
    pub(crate) fn into_row(mut self) -> Row {
        self.landed = true;
        self.row
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut Inner, Row) -> R) -> R {
        f(&mut lock(&self.store.shard(self.hash).inner), self.row)
    }

    /// A poll of the leader begins, not its first one.
    pub(crate) fn polled(&self) {
        self.store.polled(self.hash, self.row);
    }

    /// A poll of the leader ended without a result.
    pub(crate) fn pending(&self, waker: &Waker) {
        self.store.pending(self.hash, self.row, waker);
    }

    /// Whether it runs beside another of its key, that may even be waiting for it.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Whether a caller waits right now: worth cloning a value or an error for.
    pub(crate) fn has_waiters(&self) -> bool {
        self.with(Inner::has_waiters)
    }

    /// The shared tier is asked for it, and what it says of the key can end the fill.
    pub(crate) fn asks(&self, fate: &Arc<Fate>) {
        self.with(|inner, row| inner.asks(row, fate));
    }

    /// The function runs from now on: what it returns is as new as this moment.
    pub(crate) fn runs(&self) {
        self.with(Inner::runs);
    }

    /// Kills the fills of this key that started earlier: this fill has a newer value that is to be kept.
    ///
    /// True if a run is under way that started later: its value is to replace this one in every tier.
    pub(crate) fn overtake(&self) -> bool {
        let mut out = Out::default();
        let younger = self.with(|inner, row| inner.overtake(row, &mut out));
        self.store.let_go(out);
        younger
    }

    /// Lets the waiters continue with the stale value while this fill replaces it. False, and nothing changes, if
    /// another fill already does that.
    pub(crate) fn refreshes(&self, old: &Resident) -> bool {
        let ended = self.with(Inner::refreshes);
        let begun = ended.is_some();
        ended.unwrap_or_default().land(|| Landing::Ready(Arc::clone(old)));
        begun
    }

    /// Stores what the fill came to, unless it was invalidated or overtaken, and gives it to the waiters in any case.
    /// True if it was stored.
    #[inline(never)]
    pub(crate) fn land(mut self, entry: Resident, now: Ticks) -> bool {
        self.landed = true;
        let Self { store, hash, row, .. } = &self;
        store.unkept.forget(*hash);
        let (ends, is_fated) = (entry.head().first_end(), entry.head().fate().is_some());
        let mut entry = Some(entry);
        if !is_fated {
            store.land_plainly(*hash, *row, &mut entry, ends, now);
        }
        let Some(entry) = entry else { return true };
        let mut out = Out::default();
        let now = store.sweeping_now(ends, now);
        let mut inner = lock(&store.shard(*hash).inner);
        let ran = inner.overtake_by_run(*row, &mut out);
        inner.counts.loads += u64::from(ran);
        let at = inner.fill(*row).map(|fill| fill.at);
        let stored =
            inner.may_store(*row) && entry.head().fate().is_none_or(|fate| fate.becomes(&entry));
        let again = inner.has_wait(*row).then(|| Arc::clone(&entry));
        match at.filter(|_| stored) {
            Some(at) => inner.place(at, entry, now, &mut out),
            None => {
                entry.head().kill();
            }
        }
        let ended = inner.end(*row, true);
        if let Some(at) = at {
            inner.tidy(at);
        }
        drop(inner);
        // First: what is let go of runs destructors, which may take their time, or panic.
        if let Some(entry) = again {
            ended.land(|| Landing::Ready(entry));
        }
        store.let_go(out);
        stored
    }

    /// Ends the fill: its key is to have no value any more, unless the fill was invalidated or overtaken; then what is there
    /// is newer.
    pub(crate) fn land_nothing(mut self) {
        self.landed = true;
        let Self { store, hash, row, .. } = &self;
        let mut out = Out::default();
        let mut inner = lock(&store.shard(*hash).inner);
        inner.overtake_by_run(*row, &mut out);
        let at = inner.fill(*row).map(|fill| fill.at);
        if let Some(at) = at.filter(|_| inner.may_store(*row)) {
            inner.take(at, Cause::Removed, &mut out);
        }
        let ended = inner.end(*row, false);
        if let Some(at) = at {
            inner.tidy(at);
        }
        drop(inner);
        drop(ended);
        store.let_go(out);
    }

    /// Ends the fill without storing anything. The waiters learn how.
    #[inline]
    pub(crate) fn abandon(mut self, landing: Landing) {
        self.finish(landing);
    }

    fn finish(&mut self, landing: Landing) {
        self.landed = true;
        self.store.finish(self.hash, self.row, landing);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.landed {
            let landing =
                if std::thread::panicking() { Landing::Failed } else { Landing::Cancelled };
            self.finish(landing);
        }
    }
}

impl Store {
    /// A poll of a leader begins, not its first one.
    fn polled(&self, hash: u64, row: Row) {
        let former = lock(&self.shard(hash).inner).fill(row).and_then(|fill| fill.pulse().polled());
        // Dropped without our lock.
        drop(former);
    }

    /// A poll of a leader ended without a result.
    fn pending(&self, hash: u64, row: Row, waker: &Waker) {
        let mut waker = Some(waker.clone());
        if let Some(fill) = lock(&self.shard(hash).inner).fill(row)
            && let Some(waker) = waker.take()
        {
            fill.pulse().pending(waker);
        }
        // Dropped without our lock, if the fill has ended.
        drop(waker);
    }

    /// Stores what a fill came to that nothing but its caller has to do with: no other fill of the hash is under way, and
    /// no caller waits. Else the entry stays where it is, and nothing is done. `ends`: from when on it may not be served.
    #[inline(never)]
    pub(crate) fn land_plainly(
        &self,
        hash: u64,
        row: Row,
        entry: &mut Option<Resident>,
        ends: Ticks,
        now: Ticks,
    ) {
        self.unkept.forget(hash);
        let now = self.sweeping_now(ends, now);
        let mut inner = lock(&self.shard(hash).inner);
        if inner.ends_lone(row, ends, now) {
            if let Some(gone) = inner.turn_over(row.slot(), entry) {
                drop(inner);
                self.let_go_of(gone);
            } else {
                self.let_in(inner, row.slot(), entry);
            }
            return;
        }
        let mut out = Out::default();
        if let Some(at) = inner.ends_plain(row)
            && let Some(entry) = entry.take()
        {
            inner.counts.loads += 1;
            inner.place(at, entry, now, &mut out);
        }
        drop(inner);
        self.let_go(out);
    }

    /// Lets an entry into a slot whose fill has ended, and makes room for it.
    #[inline(never)]
    fn let_in(&self, mut inner: MutexGuard<'_, Inner>, at: u32, entry: &mut Option<Resident>) {
        let mut out = Out::default();
        admit(&mut inner.slots, at, entry.take());
        inner.came_in(1);
        inner.make_room_for_one(at, &mut out);
        drop(inner);
        match out.take_only() {
            Some(gone) => self.let_go_of(gone),
            None => self.let_go(out),
        }
    }

    /// Lets go of an entry that made room, without a lock.
    #[inline(always)]
    fn let_go_of(&self, gone: Gone) {
        if gone.end == End::Inert && self.listener.is_none() {
            entry::reuse::leave(gone.entry);
        } else {
            self.let_go(Out { first: Some(gone), more: None });
        }
    }
}

/// Drives a leader's future with its fill on the chain whenever it is polled, and keeps note of the polls for its
/// waiters. Pinned by the caller: by value it would take its place twice, as an argument and while it is driven.
pub(crate) async fn drive<F: Future>(
    store: &StoreRef,
    hash: u64,
    row: Row,
    mut future: Pin<&mut F>,
) -> F::Output {
    let mut pending = false;
    std::future::poll_fn(|cx| {
        let _running = wait_graph::enter(row.flight());
        if pending {
            store.polled(hash, row);
        }
        let polled = future.as_mut().poll(cx);
        pending = polled.is_pending();
        if pending {
            store.pending(hash, row, cx.waker());
        }
        polled
    })
    .await
}

/// Waits for a fill as a thread does. `None`: the caller must run the function itself.
pub(crate) fn block(wait: &Arc<Wait>, store: &StoreRef, hash: u64) -> Option<Landing> {
    wait.block(Until::Answered, || watch::begin(store, hash, wait), || true)
}

/// Waits as a thread does until a fill that changes a value is over, or was killed: the caller looks again then.
pub(crate) fn block_until_over(wait: &Arc<Wait>, store: &StoreRef, hash: u64) {
    let goes_on = || store.is_changing(hash, wait);
    drop(wait.block(Until::Over, || watch::begin(store, hash, wait), goes_on));
}

/// The same, as a future waits.
pub(crate) async fn landing(wait: &Arc<Wait>, store: &StoreRef, hash: u64) -> Option<Landing> {
    wait.landing(|| watch::begin(store, hash, wait)).await
}
