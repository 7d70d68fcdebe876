//! The shared tier as one function sees it. No failure leaves this file: a tier that is down, slow or
//! corrupt is a miss.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachekit_io::{Backend, FenceToken, SetOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Purpose;
use crate::clock::{self, Ticks};
use crate::entry::Entry;
use crate::error::Error;
use crate::key::CacheKey;
use crate::rules::Verdict;
use crate::seal::{Seal, SealedBytes, Unsealed};
use crate::shape::Shape;
pub(crate) use crate::shared::Removal;
use crate::shared::fill_lock::{Held, LEASE, Waiting};
use crate::shared::frame::{Compression, Frame, Lifetime, Place, now_ms};
use crate::shared::key::storage_key;
use crate::shared::link::{Failed, Link, Written};
use crate::shared::{backend, codec};
use crate::site::{Site, SiteRef, Tier};
use crate::stats::Refusal;
use crate::store::Store;

impl Removal {
    /// A backend cannot list a function's keys, so clearing is not confirmed where there is one.
    pub(crate) fn for_clear(site: &'static Site) -> Self {
        let tier = site.info.tier;
        let uses_one = site.info.policy.own_backend || !matches!(backend(tier), Ok(None));
        if tier != Tier::Local && uses_one { Self::Failed } else { Self::NotUsed }
    }
}

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

/// How a value goes over the wire, as plain function pointers: one per type, not one per function.
struct Wire<V> {
    encode: fn(&V, codec::Choice) -> Option<codec::Encoded>,
    decode: fn(codec::EncodedRef<'_>) -> Option<V>,
}

impl<V> Clone for Wire<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Wire<V> {}

impl<V> Wire<V> {
    fn of() -> Self
    where
        V: Serialize + DeserializeOwned,
    {
        Self { encode: codec::encode, decode: codec::decode }
    }

    fn frame(&self, value: &V, (verdict, window): Windows) -> Option<Frame<'static>> {
        let encoded = (self.encode)(value, codec::Choice::Auto)?;
        let ttl = lifetime(&verdict);
        let fresh_ms =
            ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
        Some(Frame {
            created_ms: now_ms(),
            fresh_ms,
            stale_ms: if ttl.is_some() { millis(window) } else { 0 },
            cost_us: 0,
            weight: verdict.weight,
            codec: encoded.stamp,
            payload: encoded.bytes.into(),
        })
    }
}

/// What became of a result's judgement, and for how long it may be served after its time.
pub(crate) type Windows = (Verdict, Ticks);

/// How long a value is fresh; `None` without end.
fn lifetime(verdict: &Verdict) -> Option<Duration> {
    (verdict.ttl != clock::NEVER).then(|| clock::duration(verdict.ttl))
}

/// A value on its way to where it is kept.
pub(crate) struct Prepared<S: Shape> {
    /// For an entry of this process, if it may be kept there.
    pub(crate) kept: Option<S::Stored>,
    /// For the shared tier, if it goes there.
    bytes: Option<Bytes>,
    windows: Windows,
}

/// What an entry of the shared tier came to.
struct Read<S: Shape> {
    answer: Answer<S>,
    /// The entry sealed anew, where a previous key had sealed it.
    again: Option<(SealedBytes, SetOptions)>,
}

/// The shared tier of one call: its place there, and the backend there was when it started.
struct Target<S: Shape> {
    /// The key names this call and no other. Else only removals go there: a value may have been written
    /// before the second owner of the name appeared, and removing is always safe.
    unambiguous: bool,
    link: Link,
    /// What the entries are sealed with, for functions that seal.
    seal: Option<Box<Seal>>,
    /// Where the entry is if a previous key sealed it.
    previous: Vec<Link>,
    /// Nothing is there: it was looked.
    previous_clear: AtomicBool,
    /// An entry was refused.
    refused: AtomicBool,
    /// What is found there is moved to where the current key puts it.
    moves: bool,
    wire: Wire<S::Value>,
    /// Taken before the value was computed; a removal since then makes the backend refuse the value.
    fence: Option<FenceToken>,
    /// The lock that keeps other processes from running the function meanwhile.
    lock: Option<Held>,
    /// The tier is left alone, because it is down or has used up this call's time.
    given_up: bool,
    /// Results may be served for so long after their time.
    window: Ticks,
    /// How long to wait for another process that runs the function.
    lock_wait: Option<Duration>,
    blocking: bool,
}

impl<S: Shape> Target<S> {
    fn place(&self) -> Place<'_> {
        Place { key: self.link.key(), type_name: std::any::type_name::<S::Value>() }
    }

    /// Looks for a whole value that may be served.
    async fn look(&self, store: &Store, until: Instant) -> Result<Answer<S>, Failed> {
        let Some(fetched) = self.link.get(store, until).await? else {
            return if self.previous.is_empty() {
                Ok(Answer::Run)
            } else {
                Box::pin(self.look_back(store, until)).await
            };
        };
        match self.read(&fetched, 0) {
            Ok(Some(read)) => self.settle(read, None, store, until).await,
            Ok(None) => Ok(Answer::Run),
            Err(refusal) => Ok(self.refused(refusal, store)),
        }
    }

    /// Looks where previous keys put the entry, the latest first.
    async fn look_back(&self, store: &Store, until: Instant) -> Result<Answer<S>, Failed> {
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
            // It was invalidated, or there is something newer.
            Written::Refused => Ok(Answer::Run),
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

    fn prepare(&self, value: &S::Value, windows: Windows) -> Prepared<S> {
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
    async fn consult(&mut self, store: &Store, purpose: Purpose) -> Result<Answer<S>, Failed> {
        self.moves = true;
        let until = self.link.deadline();
        // The fence stands before the look: a removal between the two is noticed.
        if self.take_fence(store, until).await == Err(Failed::Late) {
            return Err(Failed::Late);
        }
        match purpose {
            Purpose::Forced => Ok(Answer::Run),
            Purpose::Refresh => self.refresh(store, until).await,
            Purpose::Alone => self.look(store, until).await,
            Purpose::Fill => match self.look(store, until).await? {
                Answer::Run => self.lead(store, until).await,
                found => Ok(found),
            },
        }
    }

    /// For a refresh: nobody waits for it, so it yields to any other process that is at it.
    async fn refresh(&mut self, store: &Store, until: Instant) -> Result<Answer<S>, Failed> {
        if self.lock_wait.is_some() && self.link.has_locks() {
            match self.link.try_acquire(store, until, LEASE).await {
                Ok(Some(token)) => self.lock = Some(Held::new(&self.link, token)),
                Ok(None) | Err(_) => return Ok(Answer::StandDown),
            }
        }
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
            if !waiting.pause(self.blocking).await {
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

fn millis(span: Ticks) -> u64 {
    u64::try_from(clock::duration(span).as_millis()).unwrap_or(u64::MAX)
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

/// The shared tier of one call, if there is one, and what its values are sealed with, if they are.
pub(crate) struct Remote<K, S: Shape>(Tiers<S>, PhantomData<fn() -> K>);

/// Boxed: most calls carry none.
enum Tiers<S: Shape> {
    /// Values stay in this process, as they are.
    Nowhere,
    /// They go to a backend.
    Shared(Box<Target<S>>),
    /// They stay in this process, sealed.
    #[allow(dead_code)] // Without the feature `secure` nothing is sealed.
    Here(Box<Seal>, Wire<S::Value>),
    /// They would have to be sealed, and cannot be: they are stored nowhere.
    #[allow(dead_code)]
    Nothing(Box<Unsealed>),
}

impl<K, S: Shape> Remote<K, S> {
    /// For values that stay in the process.
    #[inline]
    pub(crate) fn nowhere() -> Self {
        Self(Tiers::Nowhere, PhantomData)
    }

    /// At the backend that is configured, if there is one.
    pub(crate) fn of<Q>(site: SiteRef, key: &Q) -> Self
    where
        Q: CacheKey<Owned: Serialize>,
        S::Value: Serialize + DeserializeOwned,
    {
        match configured(site) {
            Some(backend) => Self::at(site, key, backend),
            None => Self::nowhere(),
        }
    }

    /// At this backend.
    pub(crate) fn at<Q>(site: SiteRef, key: &Q, backend: Arc<dyn Backend>) -> Self
    where
        Q: CacheKey<Owned: Serialize>,
        S::Value: Serialize + DeserializeOwned,
    {
        let Some((key, unambiguous)) = storage_key(site, key) else { return Self::nowhere() };
        let link = Link::new(backend, key, site.site.info.policy.is_async);
        Self::shared(site, link, unambiguous, (None, Vec::new()))
    }

    fn shared(
        site: SiteRef,
        link: Link,
        unambiguous: bool,
        (seal, previous): (Option<Box<Seal>>, Vec<Link>),
    ) -> Self
    where
        S::Value: Serialize + DeserializeOwned,
    {
        let policy = &site.site.info.policy;
        let target = Target {
            unambiguous,
            link,
            seal,
            previous,
            previous_clear: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            moves: false,
            wire: Wire::of(),
            fence: None,
            lock: None,
            given_up: false,
            window: site.site.window(),
            lock_wait: policy.fill_lock,
            blocking: !policy.is_async,
        };
        Self(Tiers::Shared(Box::new(target)), PhantomData)
    }

    /// Sealed, at this backend or, without one, in this process.
    #[cfg(feature = "secure")]
    pub(crate) fn sealed<Q>(
        site: SiteRef,
        key: &Q,
        backend: Option<Arc<dyn Backend>>,
        tenant: &str,
    ) -> Self
    where
        Q: CacheKey<Owned: Serialize>,
        S::Value: Serialize + DeserializeOwned,
    {
        let (seal, unambiguous) = match Seal::new::<Q, S::Value>(site, key, tenant) {
            Ok(sealed) => sealed,
            Err(reason) => {
                let unsealed = Unsealed::new(site.site, backend.is_some(), reason);
                return Self(Tiers::Nothing(Box::new(unsealed)), PhantomData);
            }
        };
        let seal = Box::new(seal);
        let Some(backend) = backend else {
            return Self(Tiers::Here(seal, Wire::of()), PhantomData);
        };
        let is_async = site.site.info.policy.is_async;
        let link = Link::new(backend, seal.key().to_owned(), is_async);
        let previous = seal.previous().map(|key| link.at(key)).collect();
        Self::shared(site, link, unambiguous, (Some(seal), previous))
    }

    fn target(&self) -> Option<&Target<S>> {
        match &self.0 {
            Tiers::Shared(target) => Some(target),
            _ => None,
        }
    }

    /// The tier, if it may hold this call's value.
    fn holding(&self) -> Option<&Target<S>> {
        self.target().filter(|target| target.unambiguous)
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        matches!(self.0, Tiers::Shared(_))
    }

    /// What the call returns because nothing could be sealed. `None`: it goes on.
    #[inline]
    pub(crate) fn refused(&self, store: &Store) -> Option<S::Return> {
        match &self.0 {
            Tiers::Nothing(unsealed) => unsealed.refuse::<S>(store),
            _ => None,
        }
    }

    /// Whether nothing may be stored anywhere.
    pub(crate) fn stores_nothing(&self) -> bool {
        matches!(self.0, Tiers::Nothing(_))
    }

    /// What this process keeps of a value that goes to no backend.
    #[inline]
    pub(crate) fn keep(&self, value: &S::Value, windows: Windows) -> Option<S::Stored> {
        match &self.0 {
            Tiers::Nowhere => Some(S::kept(value)),
            _ => self.prepare(value, windows).kept,
        }
    }

    /// A value for all tiers.
    pub(crate) fn prepare(&self, value: &S::Value, windows: Windows) -> Prepared<S> {
        match &self.0 {
            Tiers::Nowhere => Prepared { kept: Some(S::kept(value)), bytes: None, windows },
            Tiers::Shared(target) => target.prepare(value, windows),
            Tiers::Here(seal, wire) => {
                let sealed = if S::SEALED {
                    wire.frame(value, windows).and_then(|frame| seal.seal(&frame).ok())
                } else {
                    None
                };
                Prepared { kept: seal.kept::<S>(value, sealed), bytes: None, windows }
            }
            Tiers::Nothing(_) => Prepared { kept: None, bytes: None, windows },
        }
    }

    /// The value, if the tier has a whole and fresh one.
    pub(crate) async fn peek(&self, store: &Store) -> Option<S::Value> {
        let target = self.holding()?;
        if !target.link.admits(store) {
            return None;
        }
        match target.look(store, target.link.deadline()).await {
            Ok(Answer::Fresh(found)) => Some(found.value),
            _ => None,
        }
    }

    /// Asks the tier before the function runs.
    pub(crate) async fn consult(&mut self, store: &Store, purpose: Purpose) -> Answer<S> {
        let Tiers::Shared(target) = &mut self.0 else { return Answer::Run };
        if !target.unambiguous {
            return Answer::Run;
        }
        // Who forces a run wants the old value gone there, too: that is tried in any case.
        if purpose != Purpose::Forced && !target.link.admits(store) {
            target.given_up = true;
            return Answer::Run;
        }
        match target.consult(store, purpose).await {
            Ok(answer) => answer,
            Err(failed) => {
                target.given_up = failed == Failed::Late;
                Answer::Run
            }
        }
    }

    /// Writes a value, unless it was invalidated meanwhile. Gives what this process is to keep of it: nothing
    /// if the backend knows of an invalidation.
    pub(crate) async fn store(
        &self,
        entry: &Arc<Entry<K, S::Stored>>,
        value: &S::Value,
        windows: Windows,
        store: &Store,
    ) -> Option<S::Stored> {
        if entry.head.is_dead() {
            return None;
        }
        let prepared = self.prepare(value, windows);
        if !self.write(entry, &prepared, store).await {
            return None;
        }
        prepared.kept
    }

    /// Writes what was prepared. False if the backend knows of an invalidation.
    pub(crate) async fn write(
        &self,
        entry: &Arc<Entry<K, S::Stored>>,
        prepared: &Prepared<S>,
        store: &Store,
    ) -> bool {
        let Some(target) = self.holding() else { return true };
        if entry.head.is_dead() {
            return false;
        }
        if target.given_up {
            return true;
        }
        let Some(bytes) = prepared.bytes.clone() else {
            store.count_shared_error();
            return true;
        };
        let (verdict, window) = prepared.windows;
        let mut options = SetOptions::new();
        if let Some(ttl) = lifetime(&verdict) {
            options = options.ttl(ttl);
            if window > 0 {
                options = options.stale_ttl(clock::duration(window));
            }
        }
        if let Some(token) = target.lock.as_ref().and_then(Held::token) {
            options = options.lock(token);
        }
        let until = target.link.deadline();
        let written = target.link.set(store, until, bytes, (options, target.fence.clone())).await;
        if !target.previous.is_empty() && !target.previous_clear.load(Ordering::Relaxed) {
            // What a previous key left must not come back when this entry goes.
            for link in &target.previous {
                let _ = link.delete(store).await;
            }
        }
        // An invalidation that came while the write was under way may have reached the backend before
        // it: take the value back. A refused one is not there.
        if entry.head.is_dead() && written != Written::Refused {
            self.remove(store).await;
        }
        written != Written::Refused
    }

    pub(crate) async fn remove(&self, store: &Store) -> Removal {
        let target = match &self.0 {
            Tiers::Shared(target) => target,
            // Where the entry is, only the key tells.
            Tiers::Nothing(unsealed) if unsealed.has_backend() => return Removal::Failed,
            _ => return Removal::NotUsed,
        };
        let mut removal = Removal::Confirmed;
        for link in std::iter::once(&target.link).chain(&target.previous) {
            if link.delete(store).await.is_err() {
                removal = Removal::Failed;
            }
        }
        removal
    }
}

/// The backend that is configured for a function.
pub(crate) fn configured(site: SiteRef) -> Option<Arc<dyn Backend>> {
    backend(site.site.info.tier).unwrap_or_else(|_| {
        // Asked for and not to be had; `check` says why.
        site.store().count_shared_error();
        None
    })
}
