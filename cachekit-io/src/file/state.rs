//! What is stored about keys besides their values: fences, and the holders of locks.
//!
//! There is one file for each 256th of the keys. If such a file is lost (a process was killed while it wrote the
//! file, or an operator deleted it), the backend refuses more: a fill whose fence is missing is refused, and so is
//! a write under a missing lock.

use std::time::Duration;

/// A random name: of a fence, or of a holder.
pub(super) type Id = [u8; 16];

/// Fences that one file remembers. The oldest is dropped; its fill is then refused.
const MAX_FENCES: usize = 256;
/// Locks that one file remembers.
const MAX_LEASES: usize = 1024;

const MAGIC: [u8; 4] = *b"CKS1";
const CHECKSUM: usize = 16;
const FENCE: usize = 32;
const LEASE: usize = 49;
/// The longest file of this kind. A longer one is not read.
pub(super) const MAX_LEN: usize =
    MAGIC.len() + 2 * 4 + MAX_FENCES * FENCE + MAX_LEASES * LEASE + CHECKSUM;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fence {
    key: Id,
    id: Id,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Lease {
    key: Id,
    holder: Id,
    /// Both in milliseconds since the Unix epoch. Setting the clock back also ends the lease.
    from: u64,
    until: u64,
    /// Whether another writer wrote or deleted the key since the lock was acquired.
    overtaken: bool,
}

impl Lease {
    fn is_held(&self, now: u64) -> bool {
        (self.from..self.until).contains(&now)
    }
}

/// Fences and locks of some keys, which are named by their digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The oldest first.
    fences: Vec<Fence>,
    leases: Vec<Lease>,
}

/// A lock could not be acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Contested,
    /// There are too many already.
    Full,
}

impl State {
    /// The key's fence; if there is none, `fresh` becomes it.
    pub(super) fn fence(&mut self, key: Id, fresh: Id) -> Id {
        if let Some(fence) = self.fences.iter().find(|fence| fence.key == key) {
            return fence.id;
        }
        if self.fences.len() >= MAX_FENCES {
            self.fences.remove(0);
        }
        self.fences.push(Fence { key, id: fresh });
        fresh
    }

    pub(super) fn fence_stands(&self, key: Id, id: Id) -> bool {
        self.fences.contains(&Fence { key, id })
    }

    /// Records a write or a delete of the key: by the holder of its lock, or by another writer.
    pub(super) fn changed(&mut self, key: Id, by_holder: bool) {
        self.fences.retain(|fence| fence.key != key);
        if !by_holder {
            let leases = self.leases.iter_mut().filter(|lease| lease.key == key);
            leases.for_each(|lease| lease.overtaken = true);
        }
    }

    pub(super) fn acquire(
        &mut self,
        key: Id,
        holder: Id,
        now: Duration,
        lease: Duration,
    ) -> Result<(), NotTaken> {
        let now = millis(now);
        if self.leases.iter().any(|lease| lease.key == key && lease.is_held(now)) {
            return Err(NotTaken::Contested);
        }
        self.leases.retain(|lease| lease.is_held(now));
        if self.leases.len() >= MAX_LEASES {
            return Err(NotTaken::Full);
        }
        let until = now.saturating_add(millis(lease).max(1));
        self.leases.push(Lease { key, holder, from: now, until, overtaken: false });
        Ok(())
    }

    /// `false` if the holder does not hold it.
    pub(super) fn release(&mut self, key: Id, holder: Id, now: Duration) -> bool {
        let held = self.held(key, holder, now);
        if held {
            self.leases.retain(|lease| lease.key != key);
        }
        held
    }

    /// Whether the holder may still store what it computed under the lock.
    pub(super) fn may_write(&self, key: Id, holder: Id, now: Duration) -> bool {
        let overtaken = self.leases.iter().any(|lease| lease.key == key && lease.overtaken);
        self.held(key, holder, now) && !overtaken
    }

    fn held(&self, key: Id, holder: Id, now: Duration) -> bool {
        let now = millis(now);
        let mut leases = self.leases.iter();
        leases.any(|lease| lease.key == key && lease.holder == holder && lease.is_held(now))
    }

    /// Empty if there is nothing to store.
    pub(super) fn encode(&self) -> Vec<u8> {
        if *self == Self::default() {
            return Vec::new();
        }
        let mut bytes = MAGIC.to_vec();
        for count in [self.fences.len(), self.leases.len()] {
            bytes.extend(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
        }
        for fence in &self.fences {
            bytes.extend(fence.key);
            bytes.extend(fence.id);
        }
        for lease in &self.leases {
            bytes.extend(lease.key);
            bytes.extend(lease.holder);
            bytes.extend(lease.from.to_be_bytes());
            bytes.extend(lease.until.to_be_bytes());
            bytes.push(u8::from(lease.overtaken));
        }
        let checksum = checksum(&bytes);
        bytes.extend(checksum);
        bytes
    }

    /// An incomplete file counts as empty.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        Self::parse(bytes).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<CHECKSUM>()?;
        if checksum(content) != *sum {
            return None;
        }
        let rest = content.strip_prefix(&MAGIC)?;
        let (fence_count, rest) = number(rest)?;
        let (lease_count, rest) = number(rest)?;
        let (fences, leases) = rest.split_at_checked(fence_count.checked_mul(FENCE)?)?;
        if leases.len() != lease_count.checked_mul(LEASE)? {
            return None;
        }
        let fences = fences.chunks_exact(FENCE).map(|fence| {
            let (key, id) = fence.split_first_chunk()?;
            Some(Fence { key: *key, id: id.try_into().ok()? })
        });
        let leases = leases.chunks_exact(LEASE).map(|lease| {
            let (key, rest) = lease.split_first_chunk()?;
            let (holder, rest) = rest.split_first_chunk()?;
            let (from, rest) = rest.split_first_chunk()?;
            let (until, rest) = rest.split_first_chunk()?;
            Some(Lease {
                key: *key,
                holder: *holder,
                from: u64::from_be_bytes(*from),
                until: u64::from_be_bytes(*until),
                overtaken: rest != [0],
            })
        });
        Some(Self {
            fences: fences.collect::<Option<_>>()?,
            leases: leases.collect::<Option<_>>()?,
        })
    }
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_be_bytes(*number)).ok()?, rest))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    use blake2::digest::consts::U16;
    use blake2::{Blake2b, Digest};
    Blake2b::<U16>::digest(bytes).into()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
