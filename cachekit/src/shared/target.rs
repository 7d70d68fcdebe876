//! The shared tier of one call: looking for its entry there, and what is found.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit_io::{FenceToken, SetOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fill_lock::{Held, LEASE, Waiting};
use super::frame::{Compression, Frame, Lifetime, Place, now_ms};
use super::link::{Failed, Link, Written};
use super::wire::{Prepared, Windows, Wire, millis};
use crate::clock::{self, Ticks};
use crate::error::Error;
use crate::read_through::Purpose;
use crate::seal::{Seal, SealedBytes};
use crate::shape::Shape;
use crate::site::SiteRef;
use crate::stats::Refusal;
use crate::store::Store;

/// A value from the shared tier.
pub(crate) struct Fetched<S: Shape> {
    pub(crate) value: S::Value,
    /// The same for an entry of this process, if it may be kept.
    pub(crate) kept: Option<S::Stored>,
    /// How long it may be served from here: `NEVER` without end, 0 not beyond this call.
    pub(crate) remaining: Ticks,
    /// For how long after that it may be served while the function runs again.
    pub(crate) window: Ticks,
    pub(crate) weight: u64,
    /// It was written again, because a previous key had sealed it.
    pub(crate) moved: bool,
}

/// What the tier has for a call.
pub(crate) enum Answer<S: Shape> {
    /// A fresh value.
    Fresh(Fetched<S>),
    /// One that may be served while the function runs again.
    Stale(Fetched<S>),
    /// Nothing: run the function.
    Run,
    /// Nothing, and another process is about to refresh it: leave it alone.
    StandDown,
    /// An entry that nobody sealed for this call, and the function is not to run because of it.
    Refused(Error),
}

impl<S: Shape> Answer<S> {
    fn moved(mut self) -> Self {
        if let Self::Fresh(found) | Self::Stale(found) = &mut self {
            found.moved = true;
        }
        self
    }
}

/// What an entry of the shared tier came to.
struct Read<S: Shape> {
    answer: Answer<S>,
    /// The entry sealed anew, where a previous key had sealed it.
    again: Option<(SealedBytes, SetOptions)>,
}

/// The shared tier of one call: its place there, and the backend there was when it started.
pub(crate) struct Target<S: Shape> {
    /// The key names this call and no other. Else only removals go there: a value may have been written
    /// before the second owner of the name appeared, and removing is always safe.
    pub(crate) unambiguous: bool,
    pub(crate) link: Link,
    /// What the entries are sealed with, for functions that seal.
    pub(crate) seal: Option<Box<Seal>>,
    /// Where the entry is if a previous key sealed it.
    pub(crate) previous: Vec<Link>,
    /// Nothing is there: it was looked.
    pub(crate) previous_clear: AtomicBool,
    /// An entry was refused.
    pub(crate) refused: AtomicBool,
    /// What is found there is moved to where the current key puts it.
    pub(crate) moves: bool,
    /// Something is there or may be there that cannot be moved without the lock.
    pub(crate) wants_lock: AtomicBool,
    pub(crate) wire: Wire<S::Value>,
    /// Taken before the value was computed; a removal since then makes the backend refuse the value.
    pub(crate) fence: Option<FenceToken>,
    /// The lock that keeps other processes from running the function meanwhile.
    pub(crate) lock: Option<Held>,
    /// The tier is left alone, because it is down or has used up this call's time.
    pub(crate) given_up: bool,
    /// Results may be served for so long after their time.
    pub(crate) window: Ticks,
    /// How long to wait for another process that runs the function.
    pub(crate) lock_wait: Option<Duration>,
}

impl<S: Shape> Target<S> {
    /// For a call whose key is `link`'s; `previous` is where previous keys of the seal put it.
    pub(crate) fn new(
        site: SiteRef,
        link: Link,
        unambiguous: bool,
        (seal, previous): (Option<Box<Seal>>, Vec<Link>),
    ) -> Self
    where
        S::Value: Serialize + DeserializeOwned,
    {
        let policy = &site.site.info.policy;
        Self {
            unambiguous,
            link,
            seal,
            previous,
            previous_clear: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            moves: false,
            wants_lock: AtomicBool::new(false),
            wire: Wire::of(),
            fence: None,
            lock: None,
            given_up: false,
            window: site.site.window(),
            lock_wait: policy.fill_lock,
        }
    }

    fn place(&self) -> Place<'_> {
        Place { key: self.link.key(), type_name: std::any::type_name::<S::Value>() }
    }

    /// Looks for a whole value that may be served.
    pub(crate) async fn look(&self, store: &Store, until: Instant) -> Result<Answer<S>, Failed> {
        let Some(fetched) = self.link.get(store, until).await? else {
            return if self.previous.is_empty() {
                Ok(Answer::Run)
            } else {
                Box::pin(self.look_back(store, until)).await
            };
        };
        match self.read(&fetched, 0) {
            Ok(Some(Read { answer, again: None })) => Ok(answer),
            Ok(Some(read)) => Box::pin(self.settle(read, None, store, until)).await,
            Ok(None) => Ok(Answer::Run),
            Err(refusal) => Ok(self.refused(refusal, store)),
        }
    }

    /// Looks where previous keys put the entry, the latest first.
    async fn look_back(&self, store: &Store, until: Instant) -> Result<Answer<S>, Failed> {
        if self.moves && self.is_unguarded() && self.link.has_locks() {
            self.wants_lock.store(true, Ordering::Relaxed);
            return Ok(Answer::Run);
        }
        let mut clear = true;
        for (index, link) in self.previous.iter().enumerate() {
            let Some(fetched) = link.get(store, until).await? else { continue };
            clear = false;
            match self.read(&fetched, index + 1) {
                Ok(Some(read)) => return self.settle(read, Some(link), store, until).await,
                Ok(None) => {}
                Err(refusal) => match self.refused(refusal, store) {
                    Answer::Run => {}
                    error => return Ok(error),
                },
            }
        }
        self.previous_clear.store(clear, Ordering::Relaxed);
        Ok(Answer::Run)
    }

    /// The backend could show whether an entry was invalidated between its reading and its writing, and was not
    /// asked to.
    fn is_unguarded(&self) -> bool {
        let guards = self.link.has_fences() || self.link.has_locks();
        guards && self.fence.is_none() && self.lock.is_none()
    }

    /// Moves an entry that a previous key had sealed to where it belongs.
    async fn settle(
        &self,
        read: Read<S>,
        from: Option<&Link>,
        store: &Store,
        until: Instant,
    ) -> Result<Answer<S>, Failed> {
        let Read { answer, again } = read;
        let Some((sealed, mut options)) = again.filter(|_| self.moves) else { return Ok(answer) };
        if self.is_unguarded() {
            self.wants_lock.store(true, Ordering::Relaxed);
            return Ok(answer);
        }
        if let Some(token) = self.lock.as_ref().and_then(Held::token) {
            options = options.lock(token);
        }
        let options = (options, self.fence.clone());
        match self.link.set(store, until, sealed.into_bytes(), options).await {
            Written::Stored => {
                if let Some(link) = from {
                    let _ = link.delete(store).await;
                }
                Ok(answer.moved())
            }
            // It was invalidated, or somebody else was faster.
            Written::Refused => match self.link.get(store, until).await? {
                Some(newer) => match self.read(&newer, 0) {
                    Ok(read) => Ok(read.map_or(Answer::Run, |read| read.answer)),
                    Err(refusal) => Ok(self.refused(refusal, store)),
                },
                None => Ok(Answer::Run),
            },
            Written::Unknown => Ok(answer.moved()),
        }
    }

    /// Counts an entry that was refused: once for a call, which may look at it several times.
    fn refused(&self, refusal: Refusal, store: &Store) -> Answer<S> {
        if !self.refused.swap(true, Ordering::Relaxed) {
            store.count_refused(refusal);
        }
        match &self.seal {
            Some(seal) => seal.on_refusal(refusal).map_or(Answer::Run, Answer::Refused),
            None => Answer::Run,
        }
    }

    /// Reads an entry from where the key of this index put it.
    fn read(
        &self,
        fetched: &cachekit_io::Fetched,
        index: usize,
    ) -> Result<Option<Read<S>>, Refusal> {
        let Some(seal) = &self.seal else {
            let frame = Frame::decode(fetched.value(), self.place());
            let answer = frame.and_then(|frame| self.judge(&frame, fetched, None));
            return Ok(answer.map(|answer| Read { answer, again: None }));
        };
        seal.open(fetched.value(), index, |frame, is_current| {
            // For this process, too, what is kept is sealed with the current key.
            let sealed = if is_current {
                Some(seal.as_current(fetched.value().clone()))
            } else {
                seal.seal(frame).ok()
            };
            let answer = self.judge(frame, fetched, sealed.clone())?;
            let again = sealed.filter(|_| !is_current).zip(rest(frame, fetched));
            Some(Read { answer, again })
        })
    }

    fn judge(
        &self,
        frame: &Frame<'_>,
        fetched: &cachekit_io::Fetched,
        sealed: Option<SealedBytes>,
    ) -> Option<Answer<S>> {
        let now = now_ms();
        // What the backend calls stale is not for this process to keep, and what it bounds not beyond.
        let bound = if fetched.is_fresh() { clock::span(fetched.fresh_for()) } else { 0 };
        let lifetime = frame.lifetime(now);
        let (remaining, in_window) = match lifetime {
            Lifetime::Fresh(left) => (left.min(bound), true),
            // The writer's window and ours: the shorter one counts.
            Lifetime::Stale(_) => {
                (0, frame.age(now) < frame.fresh_ms.saturating_add(millis(self.window)))
            }
            Lifetime::Gone => (0, false),
        };
        let in_window = self.window > 0 && in_window;
        if remaining == 0 && !in_window {
            return None;
        }
        let value = (self.wire.decode)(frame.encoded())?;
        let window = if fetched.fresh_for().is_none() { self.window } else { 0 };
        let kept = self.kept(&value, sealed);
        let found = Fetched { value, kept, remaining, window, weight: frame.weight, moved: false };
        Some(if remaining > 0 { Answer::Fresh(found) } else { Answer::Stale(found) })
    }

    /// What an entry of this process holds of a value, if it may be kept here.
    fn kept(&self, value: &S::Value, sealed: Option<SealedBytes>) -> Option<S::Stored> {
        match &self.seal {
            Some(seal) => seal.kept::<S>(value, sealed),
            None => Some(S::kept(value)),
        }
    }

    pub(crate) fn prepare(&self, value: &S::Value, windows: Windows) -> Prepared<S> {
        let goes = self.unambiguous && !self.given_up;
        let frame = || self.wire.frame(value, windows);
        let Some(seal) = &self.seal else {
            let frame = goes.then(frame).flatten();
            let bytes = frame.and_then(|frame| frame.encode(self.place(), Compression::Lz4));
            let kept = Some(S::kept(value));
            return Prepared { kept, bytes: bytes.map(Bytes::from), windows };
        };
        let frame = if goes || S::SEALED { frame() } else { None };
        let sealed = frame.and_then(|frame| seal.seal(&frame).ok());
        let bytes = sealed.as_ref().map(SealedBytes::bytes);
        Prepared { kept: seal.kept::<S>(value, sealed), bytes, windows }
    }

    async fn take_fence(&mut self, store: &Store, until: Instant) -> Result<(), Failed> {
        self.fence = self.link.fence(store, until).await?;
        Ok(())
    }

    /// All steps before the function runs.
    pub(crate) async fn consult(
        &mut self,
        store: &Store,
        purpose: Purpose,
    ) -> Result<Answer<S>, Failed> {
        self.moves = true;
        let until = self.link.deadline();
        // Boxed, but for the look: a hit pays for the memory of its own steps only.
        // The fence stands before the look: a removal between the two is noticed.
        if self.link.has_fences()
            && Box::pin(self.take_fence(store, until)).await == Err(Failed::Late)
        {
            return Err(Failed::Late);
        }
        match purpose {
            Purpose::Forced => return Ok(Answer::Run),
            Purpose::Refresh => return Box::pin(self.refresh(store, until)).await,
            Purpose::Alone | Purpose::Fill => {}
        }
        let mut answer = self.look(store, until).await?;
        if self.wants_lock.load(Ordering::Relaxed) && self.link.has_locks() {
            answer = Box::pin(self.look_locked(store, until)).await?;
        }
        let leads = purpose == Purpose::Fill && self.lock_wait.is_some();
        match answer {
            Answer::Run if leads && self.lock.is_some() => Ok(answer),
            Answer::Run => {
                // Held for the move, which there is none of: the function runs without it.
                self.lock = None;
                if leads { Box::pin(self.lead(store, until)).await } else { Ok(answer) }
            }
            found => Ok(found),
        }
    }

    /// Looks again under the lock, where previous keys put the entry, too. If somebody else holds the lock, what is
    /// found there is served and stays where it is.
    async fn look_locked(&mut self, store: &Store, until: Instant) -> Result<Answer<S>, Failed> {
        match self.link.try_acquire(store, until, LEASE).await {
            Ok(Some(token)) => self.lock = Some(Held::new(&self.link, token)),
            Ok(None) | Err(_) => self.moves = false,
        }
        let answer = self.look(store, until).await?;
        if !matches!(answer, Answer::Run) {
            self.lock = None;
        }
        Ok(answer)
    }

    /// For a refresh: nobody waits for it, so it yields to any other process that is at it.
    async fn refresh(&mut self, store: &Store, until: Instant) -> Result<Answer<S>, Failed> {
        if self.lock_wait.is_some() && self.link.has_locks() {
            match self.link.try_acquire(store, until, LEASE).await {
                Ok(Some(token)) => self.lock = Some(Held::new(&self.link, token)),
                Ok(None) | Err(_) => return Ok(Answer::StandDown),
            }
        }
        // What is found without a guard stays where it is; the next call that is no refresh sees to that.
        self.moves = !self.is_unguarded();
        Ok(match self.look(store, until).await? {
            // Another process was faster.
            Answer::Fresh(found) => Answer::Fresh(found),
            _ => Answer::Run,
        })
    }

    /// For a miss: one process runs the function, the others wait for its value, up to a time.
    async fn lead(&mut self, store: &Store, mut until: Instant) -> Result<Answer<S>, Failed> {
        let Some(most) = self.lock_wait.filter(|_| self.link.has_locks()) else {
            return Ok(Answer::Run);
        };
        let mut waiting = None;
        loop {
            let token = match self.link.try_acquire(store, until, LEASE).await {
                Ok(token) => token,
                Err(Failed::Late) => return Err(Failed::Late),
                // A lock that cannot be asked for keeps nobody from running.
                Err(_) => return Ok(Answer::Run),
            };
            if let Some(token) = token {
                self.lock = Some(Held::new(&self.link, token));
                if waiting.is_some() {
                    // Who had the lock before may have written meanwhile.
                    self.take_fence(store, until).await?;
                }
                let answer = self.look(store, until).await?;
                if !matches!(answer, Answer::Run) {
                    self.lock = None;
                }
                return Ok(answer);
            }
            let waiting = waiting.get_or_insert_with(|| {
                store.count_lock_wait();
                Waiting::new(most)
            });
            if !waiting.pause(self.link.blocks()).await {
                return Ok(Answer::Run);
            }
            // A budget of their own for each round: what is cut short here would count as a failure.
            until = self.link.deadline();
            match self.look(store, until).await? {
                Answer::Run => {}
                found => return Ok(found),
            }
        }
    }
}

/// What is left of an entry's life, for writing it again; `None` if it is past its time.
fn rest(frame: &Frame<'_>, fetched: &cachekit_io::Fetched) -> Option<SetOptions> {
    let left = match frame.lifetime(now_ms()) {
        Lifetime::Fresh(left) if fetched.is_fresh() => left.min(clock::span(fetched.fresh_for())),
        _ => return None,
    };
    if left == clock::NEVER {
        return Some(SetOptions::new());
    }
    let options = SetOptions::new().ttl(clock::duration(left));
    Some(match frame.stale_ms {
        0 => options,
        stale_ms => options.stale_ttl(Duration::from_millis(stale_ms)),
    })
}
