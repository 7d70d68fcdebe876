//! The steps of one call in the shared tier before its function runs: guard, look-up, fill lock.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::fill_lock::Backoff;
use super::guard::Guard;
use super::remote_entry::{Failed, RemoteEntry};
use super::tier::{Call, SharedTier};
use crate::entry::Fate;
use crate::flight::Purpose;
use crate::read_through::behind::{Answer, Use};

impl SharedTier {
    /// All entries that the value is or may be stored under, the current key last.
    pub(super) fn remote_entries(&self) -> impl Iterator<Item = &RemoteEntry> {
        self.previous.iter().chain([&self.remote_entry])
    }

    /// The function runs whatever is stored, and no stored value may outlive that.
    pub(super) fn is_forced(&self) -> bool {
        self.purpose == Some(Purpose::Forced)
    }

    /// Whether a value that this process has removed may still be in flight to one of the keys. Then the call neither
    /// reads nor writes there: the value in flight is taken back.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.remote_entries().any(RemoteEntry::is_overtaken)
    }

    /// All steps before the function runs, for the call whose entry has this fate.
    pub(super) async fn consult_in(
        &mut self,
        fate: Arc<Fate>,
        purpose: Purpose,
        mut call: Call<'_>,
    ) -> Result<Answer, Failed> {
        let call = &mut call;
        self.purpose = Some(purpose);
        if self.is_overtaken() {
            return Ok(Answer::Run);
        }
        self.moves = true;
        self.fate = Some(fate);
        self.guard = Guard::of(&self.remote_entry);
        if purpose == Purpose::Forced && self.guard.refuses() {
            let run =
                self.fate.as_ref().and_then(|fate| self.remote_entry.begin_run(fate, call.store));
            self.run = Mutex::new(run);
        }
        // Boxed, except for the look-up: a hit only pays for the memory of its own steps. A hit needs no fence, and
        // does not pay the round trip for one. A fill takes a fence after the look-up found nothing, before its
        // function reads anything. A found entry can only be written again if a previous key may have sealed it: then
        // the fence is taken before the look-up, so that a removal between the two is noticed.
        let fence_first =
            !self.previous.is_empty() || matches!(purpose, Purpose::Forced | Purpose::Refresh);
        if fence_first {
            self.want_fence(call).await?;
        }
        match purpose {
            Purpose::Forced => return Box::pin(self.run_guarded(call)).await,
            Purpose::Refresh => return Box::pin(self.refresh(call)).await,
            Purpose::Alone | Purpose::Fill => {}
        }
        let mut answer = self.look(call).await?;
        if self.wants_lock.load(Ordering::Relaxed) && self.guard.wants_lock() {
            answer = Box::pin(self.look_locked(call)).await?;
        }
        if matches!(answer, Answer::Run) {
            self.want_fence(call).await?;
        }
        match answer {
            // The lock was acquired to move an entry, and there is no entry to move. It also guards the write.
            Answer::Run if self.guard.has_lock() => Ok(answer),
            Answer::Run if purpose == Purpose::Fill && self.policy.fill_lock.is_some() => {
                Box::pin(self.lead(call)).await
            }
            Answer::Run => Box::pin(self.run_guarded(call)).await,
            found => Ok(found),
        }
    }

    /// Takes the fence that the guard still needs. Without it nothing is written, but running out of time is an error.
    async fn want_fence(&mut self, call: &mut Call<'_>) -> Result<(), Failed> {
        if self.guard.wants_fence() && Box::pin(self.take_fence(call)).await == Err(Failed::Late) {
            return Err(Failed::Late);
        }
        Ok(())
    }

    async fn take_fence(&mut self, call: &mut Call<'_>) -> Result<(), Failed> {
        self.guard.take_fence(&self.remote_entry, call.store, call.until).await
    }

    async fn try_lock(&mut self, call: &mut Call<'_>) -> Result<bool, Failed> {
        self.guard.try_lock(&self.remote_entry, call.store, call.until).await
    }

    /// The function runs, and waits for no other caller. If only the lock guards the write, it is acquired if it is
    /// free.
    async fn run_guarded(&mut self, call: &mut Call<'_>) -> Result<Answer, Failed> {
        if self.guard.wants_lock() && self.try_lock(call).await == Err(Failed::Late) {
            return Err(Failed::Late);
        }
        Ok(Answer::Run)
    }

    /// Looks again under the lock, also under the previous keys. If another caller holds the lock, a found
    /// entry is served and not moved.
    async fn look_locked(&mut self, call: &mut Call<'_>) -> Result<Answer, Failed> {
        self.moves = self.try_lock(call).await == Ok(true);
        let answer = self.look(call).await?;
        if !matches!(answer, Answer::Run) {
            self.guard.unlock();
        }
        Ok(answer)
    }

    /// For a refresh: no caller waits for it, so it yields to any other process that refreshes the entry.
    async fn refresh(&mut self, call: &mut Call<'_>) -> Result<Answer, Failed> {
        let yields = self.policy.fill_lock.is_some() && self.remote_entry.has_locks() == Some(true);
        if yields || self.guard.wants_lock() {
            let locked = self.try_lock(call).await == Ok(true);
            if yields && !locked {
                return Ok(Answer::StandDown);
            }
        }
        // An entry that is found without a guard is not moved; the next call that is not a refresh moves it.
        self.moves = self.guard.is_had();
        Ok(match self.look(call).await? {
            // Another process was faster.
            answer @ Answer::Found(Use::Fresh { .. }) => answer,
            _ => Answer::Run,
        })
    }

    /// For a miss: one process runs the function, the others wait for its value, up to a limit.
    async fn lead(&mut self, call: &mut Call<'_>) -> Result<Answer, Failed> {
        let Some(most) =
            self.policy.fill_lock.filter(|_| self.remote_entry.has_locks() == Some(true))
        else {
            return Ok(Answer::Run);
        };
        // Bounds the steps of all rounds together: the budget, plus what `fill_lock` adds to it.
        let end = call.until + most;
        let mut waiting = None;
        loop {
            let locked = match self.try_lock(call).await {
                Ok(locked) => locked,
                Err(Failed::Late) => return Err(Failed::Late),
                // If the request for the lock fails, the function still runs.
                Err(_) => return Ok(Answer::Run),
            };
            if locked {
                if waiting.is_some() {
                    // The previous holder may have written meanwhile.
                    self.take_fence(call).await?;
                }
                let answer = self.look(call).await?;
                if !matches!(answer, Answer::Run) {
                    self.guard.unlock();
                }
                return Ok(answer);
            }
            let waiting = waiting.get_or_insert_with(|| {
                call.store.count_lock_wait();
                Backoff::new(most)
            });
            if !waiting.pause(self.remote_entry.blocks()).await {
                return Ok(Answer::Run);
            }
            // Each round gets as much time as the backend may take, but no more than is left in total.
            call.until = self.remote_entry.deadline().min(end);
            match self.look(call).await? {
                Answer::Run => {}
                found => return Ok(found),
            }
        }
    }
}
