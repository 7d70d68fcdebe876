//! The shared tier of one call: looking up its entry there, and the result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cachekit_io::{Fetched, SetOptions};

use super::coherence::Own;
use super::guard::Guard;
use super::remote_entry::{Failed, RemoteEntry, Written};
use super::sealing::Sealing;
use super::windows::served_as;
use crate::cached_function::{FunctionRef, L1, Policy};
use crate::clock::{self, Ticks};
use crate::contained::lock;
use crate::entry::Fate;
use crate::flight::Purpose;
use crate::format::frame::{Frame, FrameContext, now_ms};
use crate::read_through::behind::{Answer, Reader, Use};
use crate::sealed::SealedBytes;
use crate::stats::Refusal;
use crate::store::StoreRef;

/// One call to the tier.
pub(super) struct Call<'a> {
    /// The store that counts it.
    pub(super) store: &'a StoreRef,
    /// When the caller stops waiting.
    pub(super) until: Instant,
    /// Where its value is decoded to.
    pub(super) reader: &'a mut Reader<'a>,
}

/// What an entry of the shared tier is for its call; and the entry, sealed again, if a previous key had sealed it.
type Read = (Answer, Option<(SealedBytes, SetOptions)>);

/// The shared tier of one call: its storage key, and the backend at the time when it started.
pub(crate) struct SharedTier {
    /// The key names this call and no other. If it does not, only removals go there: a value may have been written
    /// before the second owner of the name appeared, and removing is always safe.
    pub(crate) unambiguous: bool,
    pub(crate) remote_entry: RemoteEntry,
    /// What the entries are sealed with, for functions that seal.
    pub(crate) seal: Option<Box<dyn Sealing>>,
    /// The entry's storage keys under previous keys of the seal.
    pub(crate) previous: Vec<RemoteEntry>,
    /// A look-up found nothing under the previous keys.
    pub(crate) previous_clear: AtomicBool,
    /// An entry was refused.
    pub(crate) refused: AtomicBool,
    /// An entry found under a previous key is moved to the storage key of the current key.
    pub(crate) moves: bool,
    /// A previous key may have an entry, which cannot be moved without the lock.
    pub(crate) wants_lock: AtomicBool,
    /// The type of its values.
    type_name: &'static str,
    /// Taken before the value is computed; a removal since then makes the backend refuse the value.
    pub(crate) guard: Guard,
    /// The entry that the call fills. None before [`consult`](Self::consult): nothing is moved then.
    pub(crate) fate: Option<Arc<Fate>>,
    /// Why the tier was consulted, if it was.
    pub(crate) purpose: Option<Purpose>,
    /// The call skips the tier, because it is down or has used up this call's time.
    pub(crate) given_up: bool,
    /// The backend has an entry there, and sends events about its changes.
    pub(crate) found: AtomicBool,
    /// Results may be served for this long after their TTL.
    pub(crate) window: Ticks,
    /// What the attribute says.
    pub(crate) policy: &'static Policy,
    /// Upper bound for copies of found values, if neither the value nor the backend states a lifetime.
    ttl: Ticks,
    /// A forced run that no other call joins. Events do not kill it; the backend decides when it writes.
    pub(super) run: Mutex<Option<Own>>,
}

impl SharedTier {
    /// `previous` are the entry's storage keys under previous keys of the seal.
    pub(crate) fn new(
        function: FunctionRef,
        remote_entry: RemoteEntry,
        unambiguous: bool,
        type_name: &'static str,
        (seal, previous): (Option<Box<dyn Sealing>>, Vec<RemoteEntry>),
    ) -> Self {
        let policy = &function.definition.info.policy;
        Self {
            unambiguous,
            remote_entry,
            seal,
            previous,
            previous_clear: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            moves: false,
            wants_lock: AtomicBool::new(false),
            type_name,
            guard: Guard::default(),
            fate: None,
            purpose: None,
            given_up: false,
            found: AtomicBool::new(false),
            window: function.definition.window(),
            policy,
            ttl: function.definition.ttl(),
            run: Mutex::default(),
        }
    }

    pub(super) fn place(&self) -> FrameContext<'_> {
        FrameContext { key: self.remote_entry.key(), type_name: self.type_name }
    }

    /// Whether its entries are documents of the interop protocol, without our header: other programs read them.
    pub(super) fn holds_documents(&self) -> bool {
        self.policy.interop.is_some()
    }

    /// The bytes of an entry that is not sealed.
    pub(super) fn bytes_of(&self, frame: Frame<'_>) -> Option<Vec<u8>> {
        if self.holds_documents() {
            return Some(frame.value.bytes.into_owned());
        }
        frame.encode(self.place())
    }

    /// What such bytes hold.
    pub(super) fn frame_in<'b>(&self, bytes: &'b [u8]) -> Option<Frame<'b>> {
        if self.holds_documents() {
            return Some(Frame::around(bytes));
        }
        Frame::decode(bytes, self.place())
    }

    /// Makes the backend's events about the entry's keys kill it.
    pub(crate) fn cover(&self, fate: &Arc<Fate>, store: &StoreRef) {
        if self.policy.l1 != L1::Off {
            self.remote_entries().for_each(|remote_entry| remote_entry.cover(fate, store));
        }
    }

    /// The value is kept here, and was not written. If the backend has no entry for it, it would send no event when
    /// another process removes it. So the copy is dropped when the backend answers next.
    pub(super) fn kept_alone(&self, fate: &Arc<Fate>, store: &StoreRef) {
        if self.policy.l1 != L1::Off && !self.found.load(Ordering::Relaxed) {
            self.remote_entry.made_blindly(fate, store);
        }
    }

    pub(super) fn take_run(&self) -> Option<Own> {
        lock(&self.run).take()
    }

    /// Looks for an intact value that may be served.
    pub(super) async fn look(&self, call: &mut Call<'_>) -> Result<Answer, Failed> {
        let Some(fetched) = self.remote_entry.get(call.store, call.until).await? else {
            return if self.previous.is_empty() {
                Ok(Answer::Run)
            } else {
                Box::pin(self.look_back(call)).await
            };
        };
        self.found.store(true, Ordering::Relaxed);
        match self.read(&fetched, 0, call)? {
            Ok(Some((answer, None))) => Ok(answer),
            Ok(Some(read)) => Box::pin(self.settle(read, None, call)).await,
            Ok(None) => Ok(Answer::Run),
            Err(refusal) => Ok(self.refused(refusal, call.store)),
        }
    }

    /// Looks under previous keys, the latest first.
    async fn look_back(&self, call: &mut Call<'_>) -> Result<Answer, Failed> {
        if self.moves && self.guard.wants_lock() {
            self.wants_lock.store(true, Ordering::Relaxed);
            return Ok(Answer::Run);
        }
        let mut clear = true;
        for (index, remote_entry) in self.previous.iter().enumerate() {
            let Some(fetched) = remote_entry.get(call.store, call.until).await? else { continue };
            clear = false;
            match self.read(&fetched, index + 1, call)? {
                Ok(Some(read)) => return self.settle(read, Some(remote_entry), call).await,
                Ok(None) => {}
                Err(refusal) => match self.refused(refusal, call.store) {
                    Answer::Run => {}
                    error => return Ok(error),
                },
            }
        }
        self.previous_clear.store(clear, Ordering::Relaxed);
        Ok(Answer::Run)
    }

    /// Moves an entry that a previous key had sealed to its current storage key.
    async fn settle(
        &self,
        (answer, again): Read,
        from: Option<&RemoteEntry>,
        call: &mut Call<'_>,
    ) -> Result<Answer, Failed> {
        let again = again.filter(|_| self.moves).zip(self.fate.as_ref());
        let Some(((sealed, options), fate)) = again else { return Ok(answer) };
        let Ok(right) = self.guard.permit() else {
            // Without a guard it is not moved. If the guard is a lock, the lock is requested.
            self.wants_lock.store(true, Ordering::Relaxed);
            return Ok(answer);
        };
        let (store, until) = (call.store, call.until);
        match self.remote_entry.write(store, until, right, fate, (sealed.bytes(), options)).await {
            Written::Stored => {
                if let Some(remote_entry) = from {
                    RemoteEntry::delete_beside(&[remote_entry], Some(fate), store, until).await;
                }
                Ok(answer)
            }
            // It was invalidated, or another process was faster.
            Written::Refused | Written::Overtaken => {
                match self.remote_entry.get(store, until).await? {
                    Some(newer) => match self.read(&newer, 0, call)? {
                        Ok(read) => Ok(read.map_or(Answer::Run, |(answer, _)| answer)),
                        Err(refusal) => Ok(self.refused(refusal, store)),
                    },
                    None => Ok(Answer::Run),
                }
            }
            Written::Unknown => Ok(answer),
        }
    }

    /// Counts a refused entry: once for a call, which may read it several times.
    fn refused(&self, refusal: Refusal, store: &StoreRef) -> Answer {
        if !self.refused.swap(true, Ordering::Relaxed) {
            store.count_refused(refusal);
        }
        match &self.seal {
            Some(seal) => seal.on_refusal(refusal).map_or(Answer::Run, Answer::Refused),
            None => Answer::Run,
        }
    }

    /// Reads an entry that was stored under the key of this index. Opening and decoding count towards the time: a
    /// value that comes too late is a miss.
    fn read(
        &self,
        fetched: &Fetched,
        index: usize,
        call: &mut Call<'_>,
    ) -> Result<Result<Option<Read>, Refusal>, Failed> {
        let read = self.read_now(fetched, index, call);
        if matches!(read, Ok(Some(_))) && RemoteEntry::is_late(call.store, call.until) {
            return Err(Failed::Late);
        }
        Ok(read)
    }

    fn read_now(
        &self,
        fetched: &Fetched,
        index: usize,
        call: &mut Call<'_>,
    ) -> Result<Option<Read>, Refusal> {
        let Some(seal) = &self.seal else {
            let frame = self.frame_in(fetched.value());
            let answer = frame.and_then(|frame| self.judge(&frame, fetched, None, call));
            return Ok(answer.map(|answer| (answer, None)));
        };
        let mut read = None;
        seal.open(fetched.value(), index, &mut |frame, is_current| {
            // A copy in this process is also sealed with the current key.
            let sealed = if is_current {
                Some(seal.as_current(fetched.value().clone()))
            } else {
                seal.seal(frame).ok()
            };
            let Some(answer) = self.judge(frame, fetched, sealed.clone(), call) else { return };
            let again = sealed.filter(|_| !is_current).zip(rest(frame, fetched));
            read = Some((answer, again));
        })?;
        Ok(read)
    }

    fn judge(
        &self,
        frame: &Frame<'_>,
        fetched: &Fetched,
        sealed: Option<SealedBytes>,
        call: &mut Call<'_>,
    ) -> Option<Answer> {
        let mut use_as = served_as(frame, fetched, self.window, now_ms())?;
        let Ok(has_value) = (call.reader)(&frame.value, sealed) else {
            // The reader's `Deserialize` panicked: a miss, and the function's result replaces it.
            call.store.count_shared_error();
            return None;
        };
        if let Use::Fresh { remaining, .. } = &mut use_as
            && self.holds_documents()
            && fetched.fresh_for().is_none()
        {
            // A document of another program contains no lifetime, and not every backend knows it.
            *remaining = self.ttl.min(*remaining);
        }
        has_value.then_some(Answer::Found(use_as))
    }
}

/// The rest of an entry's lifetime, for writing it again; `None` if it has expired.
fn rest(frame: &Frame<'_>, fetched: &Fetched) -> Option<SetOptions> {
    let Some(Use::Fresh { remaining, .. }) = served_as(frame, fetched, 0, now_ms()) else {
        return None;
    };
    if remaining == clock::NEVER {
        return Some(SetOptions::new());
    }
    let options = SetOptions::new().ttl(clock::duration(remaining));
    Some(match frame.stale_ms {
        0 => options,
        stale_ms => options.stale_ttl(Duration::from_millis(stale_ms)),
    })
}
