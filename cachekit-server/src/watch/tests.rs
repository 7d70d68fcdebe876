//! What is cut, and what is not, on a clock that the tests turn.

use super::{Pulse, Verdict};
use crate::limits::Limits;
use crate::tenant::Account;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    Limits { stall_timeout: 60 * SECOND, min_answer_rate: 1000, ..Limits::default() }
}

fn account(connections: usize) -> Arc<Account> {
    let limits = Limits { max_connections_per_tenant: Some(connections), ..Limits::default() };
    Arc::new(Account::new("t", &limits.shares()))
}

/// For how many seconds a connection with an unread answer lives, when `each_second` happens on it.
async fn lives(limits: &Limits, mut each_second: impl FnMut(&Arc<Pulse>, u64)) -> u64 {
    let pulse = Pulse::new(limits);
    let _running = pulse.begin();
    pulse.owe();
    for second in 0..1000 {
        if pulse.verdict(limits) == Verdict::Stalled {
            return second;
        }
        each_second(&pulse, second);
        advance(SECOND).await;
    }
    1000
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_ends_the_connection_whatever_else_comes() {
    let limits = limits();
    assert_eq!(lives(&limits, |_, _| {}).await, 60);
    assert_eq!(
        lives(&limits, |pulse, _| drop(pulse.begin())).await,
        60,
        "requests are no progress"
    );
    assert_eq!(lives(&limits, |pulse, _| pulse.beat()).await, 60, "nor is what is received");
    let other = |pulse: &Arc<Pulse>, _| {
        pulse.owe();
        pulse.settle();
    };
    assert_eq!(lives(&limits, other).await, 60, "nor is an answer beside it that is empty");
}

#[tokio::test(start_paused = true)]
async fn a_drip_is_cut_and_a_slow_reader_is_not() {
    let limits = limits();
    assert_eq!(lives(&limits, |pulse, _| pulse.took(1)).await, 61);
    assert_eq!(
        lives(&limits, |pulse, _| pulse.took(500)).await,
        119,
        "half the rate: half the time"
    );
    assert_eq!(lives(&limits, |pulse, _| pulse.took(1000)).await, 1000, "the rate itself");
    // A quick beginning buys no more than the time there is.
    let quick = |pulse: &Arc<Pulse>, second| {
        if second == 0 {
            pulse.took(100_000_000);
        }
    };
    assert_eq!(lives(&limits, quick).await, 60);
    let bursts = |pulse: &Arc<Pulse>, second| {
        if second % 50 == 49 {
            pulse.took(50_000);
        }
    };
    assert_eq!(lives(&limits, bursts).await, 1000);
}

#[tokio::test(start_paused = true)]
async fn many_short_stalls_are_one_long_one() {
    let limits = limits();
    let pulse = Pulse::new(&limits);
    drop(pulse.begin());
    for stall in 0..6 {
        // Owes for 15 seconds and nothing for 5: the 60 are used up in the sixth round.
        pulse.owe();
        advance(15 * SECOND).await;
        assert_eq!(pulse.verdict(&limits) == Verdict::Stalled, stall == 5, "{stall}");
        pulse.settle();
        advance(5 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_others_is_not_the_peers_fault() {
    let limits = limits();
    let pulse = Pulse::new(&limits);
    let _running = pulse.begin();
    pulse.owe();
    advance(10 * SECOND).await;
    let paused = pulse.pause();
    advance(1000 * SECOND).await;
    assert!(matches!(pulse.verdict(&limits), Verdict::Fine(_)));
    drop(paused);
    advance(59 * SECOND).await;
    assert!(matches!(pulse.verdict(&limits), Verdict::Fine(_)));
    advance(2 * SECOND).await;
    assert_eq!(pulse.verdict(&limits), Verdict::Stalled);
}

#[tokio::test(start_paused = true)]
async fn strangers_give_way_before_idle_peers_and_busy_ones_never() {
    let (limits, owner) = (limits(), account(1));
    let [stranger, idle, busy] = [(); 3].map(|()| Pulse::new(&limits));
    assert!(stranger.gives_way().is_none(), "it has a moment for its handshake");
    assert!(idle.begin().trust(&owner));
    let running = busy.begin();
    assert!(running.trust(&owner));
    advance(10 * SECOND).await;
    assert!(stranger.gives_way().expect("idle") < idle.gives_way().expect("idle"));
    assert!(busy.gives_way().is_none());
    // The tenant may have requests on one connection: on another one they are refused, and it gives way.
    let refused = idle.begin();
    assert!(!refused.trust(&owner));
    assert!(!idle.begin().trust(&owner), "and so is what comes beside it");
    assert!(idle.gives_way().is_some());
    assert!(busy.begin().trust(&owner), "the one it has goes on");
    drop(running);
    assert!(idle.begin().trust(&owner), "there is room again");
    drop(refused);
    assert!(owner.enter(), "every count came back");
}
