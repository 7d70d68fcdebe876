//! The connections: a limit in total, a limit for each address, and which connection must give way.

use crate::alarm::Limit;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::watch::Pulse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How often a full server looks for a connection that became idle.
const LOOK: Duration = Duration::from_millis(20);

/// All connections.
pub(crate) struct Peers {
    most: usize,
    per_address: Option<usize>,
    open: Mutex<Open>,
    left: Notify,
}

#[derive(Default)]
struct Open {
    next: u64,
    peers: HashMap<u64, Peer>,
    by_address: HashMap<IpAddr, usize>,
    /// Connections that were told to end and have not ended yet.
    leaving: usize,
}

struct Peer {
    address: IpAddr,
    pulse: Arc<Pulse>,
}

/// The seat of a connection, until it is dropped.
pub(crate) struct Seat {
    id: u64,
    pub(crate) pulse: Arc<Pulse>,
    peers: Arc<Peers>,
}

enum Admission {
    Free(u64),
    /// Every connection is busy.
    Full,
    /// Every connection of this address is busy, and these are all that it may have.
    TooMany,
}

impl Peers {
    pub(crate) fn new(limits: &Limits) -> Self {
        let most = limits.connections();
        Self {
            most,
            per_address: limits.max_connections_per_address,
            open: Mutex::default(),
            left: Notify::new(),
        }
    }

    /// A seat for a new connection: at once if one is free, or if another connection is idle, which is
    /// then ended. Waits otherwise. `None` if the address has too many connections.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        limits: &Limits,
        metrics: &Metrics,
    ) -> Option<Seat> {
        let pulse = Pulse::new(limits);
        let mut waited = false;
        loop {
            let left = self.left.notified();
            let (admission, reached) = self.try_admit(address, &pulse, metrics);
            // A waiting connection reached the limit once, however often it looks.
            if let Some(limit) = reached.filter(|_| !waited) {
                metrics.alarms.raise(limit, None);
            }
            match admission {
                Admission::Free(id) => return Some(Seat { id, pulse, peers: Arc::clone(self) }),
                Admission::TooMany => return None,
                // Nothing reports which of the others becomes idle first.
                Admission::Full => drop(timeout(LOOK, left).await),
            }
            waited = true;
        }
    }

    /// A seat, and which limit prevented it.
    fn try_admit(
        &self,
        address: IpAddr,
        pulse: &Arc<Pulse>,
        metrics: &Metrics,
    ) -> (Admission, Option<Limit>) {
        let mut reached = None;
        let block = block(address);
        let mut open = self.lock();
        let of_address = open.by_address.get(&block).copied().unwrap_or(0);
        if self.per_address(address).is_some_and(|most| of_address >= most) {
            reached = Some(Limit::AddressConnections);
            if !open.dismiss_idle(Some(block), metrics) {
                return (Admission::TooMany, reached);
            }
        }
        if open.peers.len() >= self.most || open.leaving >= self.most {
            reached = reached.or(Some(Limit::Connections));
            // Closing connections also hold memory: there are never more of them than of the others.
            if open.leaving >= self.most || !open.dismiss_idle(None, metrics) {
                return (Admission::Full, reached);
            }
        }
        let id = open.next;
        open.next += 1;
        open.peers.insert(id, Peer { address: block, pulse: Arc::clone(pulse) });
        *open.by_address.entry(block).or_default() += 1;
        (Admission::Free(id), reached)
    }

    /// Ends an idle connection, if there is one, because the system lacks resources.
    pub(crate) fn make_way(&self, metrics: &Metrics) {
        let mut open = self.lock();
        if open.leaving < self.most {
            open.dismiss_idle(None, metrics);
        }
    }

    fn per_address(&self, address: IpAddr) -> Option<usize> {
        let usual = || (!address.to_canonical().is_loopback()).then(|| (self.most / 2).max(1));
        self.per_address.map(|most| most.max(1)).or_else(usual)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Tells the connection that has been idle longest to end; those without a key go first. False if
    /// all are busy.
    fn dismiss_idle(&mut self, address: Option<IpAddr>, metrics: &Metrics) -> bool {
        let candidates = self.peers.iter().filter(|(_, peer)| {
            let there = |address| peer.address == address;
            address.is_none_or(there)
        });
        let idle = candidates.filter_map(|(id, peer)| Some((peer.pulse.gives_way()?, *id)));
        let Some((_, id)) = idle.min() else { return false };
        if let Some(peer) = self.remove(id) {
            self.leaving += 1;
            metrics.connection_dismissed();
            peer.pulse.dismiss();
        }
        true
    }

    fn remove(&mut self, id: u64) -> Option<Peer> {
        let peer = self.peers.remove(&id)?;
        if let Some(count) = self.by_address.get_mut(&peer.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&peer.address);
            }
        }
        Some(peer)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.peers.lock();
        if open.remove(self.id).is_none() {
            open.leaving -= 1;
        }
        drop(open);
        self.peers.left.notify_waiters();
    }
}

/// What counts as one address: for IPv6 the network, which belongs to one subscriber.
fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests;
