use super::Room;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[test]
fn what_does_not_fit_is_not_taken_unless_it_is_alone() {
    let room = Room::new(100);
    assert!(room.take_within(1000, 100), "alone");
    assert!(!room.take_within(1, 100));
    room.give_back(1000);
    assert!(room.take_within(60, 100) && room.take_within(40, 100));
    assert!(!room.take_within(1, 100));
    assert!(!room.take_if(usize::MAX, |_| true), "no number is too large");
    room.give_back(100);
    assert_eq!(room.used(), 0);
}

/// Tasks on several threads take more than there is: all of them get their turn, and the bound holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_waiter_gets_its_turn_and_the_bound_holds() {
    let (room, most) = (Arc::new(Room::new(10)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..64_usize)
        .map(|task| {
            let (room, most) = (Arc::clone(&room), Arc::clone(&most));
            tokio::spawn(async move {
                for round in 0..200 {
                    let bytes = 1 + (task + round) % 7;
                    room.wait_within(bytes, 10).await;
                    most.fetch_max(room.used(), SeqCst);
                    if round % 3 == 0 {
                        tokio::task::yield_now().await;
                    }
                    room.give_back(bytes);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    assert_eq!(room.used(), 0);
    let most = most.load(SeqCst);
    assert!((8..=10).contains(&most), "{most}");
}

/// One that gives up waiting leaves nothing behind.
#[tokio::test]
async fn a_wait_that_is_dropped_takes_nothing() {
    let room = Room::new(10);
    assert!(room.take_within(10, 10));
    let mut waits = Box::pin(room.wait_within(1, 10));
    assert!(futures_pending(&mut waits));
    drop(waits);
    room.give_back(10);
    assert_eq!((room.used(), room.waiting.load(SeqCst)), (0, 0));
}

fn futures_pending(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context).is_pending()
}
