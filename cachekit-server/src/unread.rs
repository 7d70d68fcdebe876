//! What peers may have sent that no request has read: a bound for all connections together.
//!
//! On HTTP/2 a peer sends as much as the connection's window says, whether or not the request reads it. The window of
//! a connection is decided when it begins. The least that the protocol allows is set aside for every connection that
//! there may be. Each connection gets a part of what is left when it begins, so the first ones get all that they have use
//! for. HTTP/1.1 has no windows: what is not read stays with the peer.

use crate::room::Room;
use std::sync::Arc;

/// What each connection has, whatever the bound is: a window begins with it, and can only be opened further (RFC 9113
/// §6.9.2).
const LEAST: u32 = 65_535;
/// All streams of a connection together.
const MOST: u32 = 4 * 1024 * 1024;
/// A connection takes this part of what is left, at the most.
const PART: usize = 8;
/// The bound if none is stated and it suffices.
const USUAL: usize = 256 * 1024 * 1024;

/// A bound below what the connections have by the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooFew {
    pub(crate) stated: usize,
    pub(crate) least: usize,
}

/// The windows of all connections.
pub(crate) struct Windows {
    /// Beyond what each connection has.
    spare: Room,
}

/// The window of one connection, until it is dropped.
pub(crate) struct Window {
    windows: Arc<Windows>,
    more: u32,
}

impl Windows {
    /// For at most this many connections, and this many bytes in them.
    pub(crate) fn new(stated: Option<usize>, connections: usize) -> Result<Self, TooFew> {
        let least = connections.saturating_mul(LEAST as usize);
        let most = stated.unwrap_or_else(|| USUAL.max(least.saturating_mul(2)));
        match most.checked_sub(least) {
            Some(spare) => Ok(Self { spare: Room::new(spare) }),
            None => Err(TooFew { stated: most, least }),
        }
    }

    /// What the connections have beyond the least, in bytes.
    #[cfg(test)]
    pub(crate) fn shared_out(&self) -> usize {
        self.spare.used()
    }

    /// For one more connection.
    pub(crate) fn open(self: &Arc<Self>) -> Window {
        let most = self.spare.most();
        let left = most.saturating_sub(self.spare.used());
        let more = u32::try_from(left / PART).unwrap_or(u32::MAX).min(MOST - LEAST);
        // Of connections that begin at the same moment one may find it taken.
        let fits = |used: usize| used.saturating_add(more as usize) <= most;
        let taken = self.spare.take_if(more as usize, fits);
        Window { windows: Arc::clone(self), more: if taken { more } else { 0 } }
    }
}

impl Window {
    pub(crate) fn bytes(&self) -> u32 {
        LEAST + self.more
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.windows.spare.give_back(self.more as usize);
    }
}

#[cfg(test)]
mod tests;
