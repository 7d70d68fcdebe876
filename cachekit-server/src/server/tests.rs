//! How a server ends, on a clock that the tests turn.

use crate::Server;
use crate::connection::Phase;
use crate::limits::Limits;
use crate::tenant::TenantLimits;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, advance};

#[tokio::test(start_paused = true)]
async fn it_is_not_ready_for_a_while_before_it_accepts_nothing_more() {
    let delay = Duration::from_secs(5);
    let limits = Limits { drain_delay: delay, ..Limits::default() };
    let running = Server::builder().cleartext().limits(limits).bind().await.expect("a server");
    let (mut phase, draining) = (running.phase.subscribe(), Arc::clone(&running.draining));
    let began = Instant::now();
    let ending = tokio::spawn(running.shutdown());
    while !draining.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    advance(delay / 2).await;
    assert_eq!(*phase.borrow(), Phase::Serving, "connections are still accepted");
    phase.changed().await.expect("it goes on");
    assert_eq!((*phase.borrow(), began.elapsed()), (Phase::Draining, delay));
    drop(phase);
    assert!(ending.await.expect("no panic"), "nothing ran");
}

/// There is always one connection, also for the sum of the windows.
#[tokio::test]
async fn no_connections_count_as_one() {
    let least = 2 * 65_535;
    for (stated, starts) in [(least - 1, false), (least, true)] {
        let (max_connections, max_unread_bytes) = (0, Some(stated));
        let limits = Limits { max_connections, max_unread_bytes, ..Limits::default() };
        assert_eq!(limits.shares().connections, 1);
        let started = Server::builder().cleartext().limits(limits).bind().await;
        assert_eq!(started.is_ok(), starts, "{stated}");
    }
}

#[tokio::test]
async fn limits_that_cannot_be_kept_are_refused() {
    let wrong = TenantLimits { requests_per_second: Some(1_000_001), ..TenantLimits::default() };
    let started = Server::builder().cleartext().tenant_limits(wrong).bind().await;
    let error = started.map(drop).expect_err("no such rate");
    assert!(error.to_string().contains("requests_per_second"), "{error}");
}
