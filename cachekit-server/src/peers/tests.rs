use super::{Peers, Seat, block};
use crate::limits::Limits;
use crate::metrics::Metrics;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{advance, timeout};

const NEAR: &str = "127.0.0.1";
const FAR: &str = "203.0.113.7";

struct Door {
    peers: Arc<Peers>,
    limits: Limits,
    metrics: Metrics,
}

impl Door {
    fn new(adapt: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        adapt(&mut limits);
        Self { peers: Arc::new(Peers::new(&limits)), limits, metrics: Metrics::default() }
    }

    async fn admit(&self, address: &str) -> Option<Seat> {
        self.peers.admit(ip(address), &self.limits, &self.metrics).await
    }

    /// Whether another connection would wait.
    async fn is_full(&self, address: &str) -> bool {
        timeout(Duration::from_millis(100), self.admit(address)).await.is_err()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

async fn is_dismissed(seat: &Seat) -> bool {
    timeout(Duration::ZERO, seat.pulse.dismissed()).await.is_ok()
}

#[test]
fn an_address_is_one_subscriber() {
    assert_eq!(block(ip("2001:db8::1")), block(ip("2001:db8::ffff:1")));
    assert_ne!(block(ip("2001:db8::1")), block(ip("2001:db8:0:1::1")));
    assert_eq!(block(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    assert_ne!(block(ip("192.0.2.1")), block(ip("192.0.2.2")));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_gives_way_and_new_ones_have_a_moment() {
    let door = Door::new(|limits| limits.max_connections = 2);
    let first = door.admit(NEAR).await.expect("a place");
    advance(Duration::from_millis(100)).await;
    let second = door.admit(NEAR).await.expect("a place");
    assert!(door.is_full(NEAR).await, "none is idle yet");
    advance(Duration::from_secs(5)).await;
    let third = door.admit(NEAR).await.expect("a place");
    assert!(is_dismissed(&first).await && !is_dismissed(&second).await);
    drop((first, second, third));
    let open = door.peers.lock();
    assert_eq!((open.peers.len(), open.by_address.len(), open.leaving), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_address_has_half_unless_it_is_the_machine_itself() {
    let door = Door::new(|limits| limits.max_connections = 4);
    let _held = [door.admit(FAR).await, door.admit(FAR).await];
    assert!(door.admit(FAR).await.is_none(), "refused at once");
    let _near =
        [door.admit(NEAR).await.expect("a place"), door.admit(NEAR).await.expect("a place")];
    advance(Duration::from_secs(5)).await;
    let third = door.admit(FAR).await;
    assert!(third.is_some(), "one of its own gave way");
    let open = door.peers.lock();
    assert_eq!(open.by_address.get(&ip(FAR)), Some(&2));
    assert_eq!(open.by_address.get(&ip(NEAR)), Some(&2));
}
