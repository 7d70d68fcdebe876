//! Answers that peers have not received yet: bounded for each connection, for each tenant and in total.
//!
//! A value is loaded once there is space for it, and the space is released when the last of its bytes left the
//! server: a peer that does not read blocks its own space and no other peer's.

use crate::alarm::{Alarms, Limit};
use crate::room::Room;
use crate::tenant::Account;
use crate::watch::{InFlight, Pulse};
use bytes::{Buf, Bytes};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::timeout;

/// Up to this size an answer is small. Large answers leave an eighth of the space to small ones, so that these
/// never wait behind a slow peer.
pub(crate) const SMALL: usize = 16 * 1024;

/// Counts bytes that went out.
pub(crate) type Counter = Arc<AtomicU64>;

/// Space for answers.
pub(crate) struct Outgoing {
    room: Room,
    /// How long an answer waits for space that other connections hold.
    patience: Duration,
    alarms: Arc<Alarms>,
}

impl Outgoing {
    pub(crate) fn new(most: usize, patience: Duration, alarms: Arc<Alarms>) -> Self {
        Self { room: Room::new(most), patience, alarms }
    }

    /// Bytes that answers hold now.
    pub(crate) fn used(&self) -> usize {
        self.room.used()
    }

    /// Space for an answer, if it is available at once.
    pub(crate) fn try_hold(
        self: &Arc<Self>,
        pulse: &Arc<Pulse>,
        account: &Arc<Account>,
        bytes: usize,
    ) -> Option<Share> {
        let mut share = Share::empty(self, pulse, account);
        for (level, limit) in Share::LEVELS.into_iter().enumerate() {
            let room = share.room(level);
            if !room.take_within(bytes, within(room, bytes)) {
                self.alarms.raise(limit, Some(account.name()));
                return None;
            }
            share.taken[level] = bytes;
        }
        Some(share)
    }

    /// Space for an answer, once it is available; `None` if other connections hold it for too long.
    ///
    /// For the connection's own space it waits without a limit: the peer frees it by reading other
    /// answers, or its connection is cut.
    pub(crate) async fn hold(
        self: &Arc<Self>,
        pulse: &Arc<Pulse>,
        account: &Arc<Account>,
        bytes: usize,
    ) -> Option<Share> {
        let mut share = Share::empty(self, pulse, account);
        share.wait(0, bytes).await;
        let _paused = pulse.pause();
        let others = async {
            share.wait(1, bytes).await;
            share.wait(2, bytes).await;
        };
        let in_time = timeout(self.patience, others).await.is_ok();
        in_time.then_some(share)
    }
}

/// How much of the space an answer of this size may use.
fn within(room: &Room, bytes: usize) -> usize {
    if bytes <= SMALL { room.most() } else { room.most() - room.most() / 8 }
}

/// Space that an answer holds, released when this is dropped.
pub(crate) struct Share {
    all: Arc<Outgoing>,
    pulse: Arc<Pulse>,
    account: Arc<Account>,
    /// From the connection, from the tenant, and from the total.
    taken: [usize; 3],
}

impl Share {
    const LEVELS: [Limit; 3] = [Limit::ConnectionSending, Limit::TenantSending, Limit::Sending];

    fn empty(all: &Arc<Outgoing>, pulse: &Arc<Pulse>, account: &Arc<Account>) -> Self {
        let (all, pulse, account) = (Arc::clone(all), Arc::clone(pulse), Arc::clone(account));
        Self { all, pulse, account, taken: [0; 3] }
    }

    fn room(&self, level: usize) -> &Room {
        match level {
            0 => &self.pulse.sending,
            1 => &self.account.sending,
            _ => &self.all.room,
        }
    }

    async fn wait(&mut self, level: usize, bytes: usize) {
        let room = self.room(level);
        room.wait_within(bytes, within(room, bytes)).await;
        self.taken[level] = bytes;
    }

    /// Releases what exceeds `bytes`.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        for level in 0..self.taken.len() {
            let spare = self.taken[level].saturating_sub(bytes);
            self.room(level).give_back(spare);
            self.taken[level] -= spare;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

/// An answer that its peer has not received: it counts as owed, and its request as running, until the last
/// piece of it is sent.
pub(crate) struct Owed {
    running: InFlight,
    /// Answers that are no larger than their own bookkeeping have none.
    share: Option<Share>,
    sent: Counter,
}

impl Owed {
    pub(crate) fn new(running: InFlight, share: Option<Share>, sent: &Counter) -> Self {
        running.pulse().owe();
        Self { running, share, sent: Arc::clone(sent) }
    }

    pub(crate) fn with(mut self, share: Share) -> Self {
        self.share = Some(share);
        self
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.running.pulse().settle();
    }
}

/// A piece of an answer, without a copy. Its space is reserved until the transport has its bytes.
pub(crate) struct Piece {
    bytes: Bytes,
    owed: Arc<Owed>,
}

impl Piece {
    pub(crate) fn new(bytes: Bytes, owed: &Arc<Owed>) -> Self {
        Self { bytes, owed: Arc::clone(owed) }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.owed.running.pulse().took(count);
        self.owed.sent.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Relaxed);
    }
}
