use super::*;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::Wake;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(5);
/// Never in a test.
const LATER: Duration = Duration::from_secs(3600);

fn rings(at: Instant) {
    let mut alarm = Alarm::default();
    pollster::block_on(poll_fn(|cx| alarm.poll(at, cx)));
    assert!(Instant::now() >= at, "too early");
}

/// Says who was woken.
struct Says(&'static str, Sender<&'static str>);

impl Wake for Says {
    fn wake(self: Arc<Self>) {
        self.1.send(self.0).unwrap();
        assert_ne!(self.0, "panics", "as it is to");
    }
}

fn says(who: &'static str) -> (Waker, Receiver<&'static str>) {
    let (sender, receiver) = mpsc::channel();
    (Waker::from(Arc::new(Says(who, sender))), receiver)
}

#[test]
fn it_rings_at_its_time_and_not_before() {
    rings(Instant::now() + SOON);
    rings(Instant::now());
    if let Some(past) = Instant::now().checked_sub(SOON) {
        rings(past);
    }
}

#[test]
fn an_earlier_one_does_not_wait_for_a_later_one() {
    let mut later = Alarm::default();
    let (waker, _later) = says("later");
    assert!(later.poll(Instant::now() + LATER, &mut Context::from_waker(&waker)).is_pending());
    rings(Instant::now() + SOON);
    assert!(later.poll(Instant::now() + LATER, &mut Context::from_waker(&waker)).is_pending());
}

#[test]
fn it_can_be_set_again() {
    let mut alarm = Alarm::default();
    for _ in 0..3 {
        let at = Instant::now() + SOON;
        pollster::block_on(poll_fn(|cx| alarm.poll(at, cx)));
        assert!(Instant::now() >= at);
    }
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let mut alarm = Alarm::default();
    let at = Instant::now() + SOON;
    let (first, first_woken) = says("first");
    let (last, last_woken) = says("last");
    let first_polled = alarm.poll(at, &mut Context::from_waker(&first));
    let polled = alarm.poll(at, &mut Context::from_waker(&last));
    drop((first, last));
    if first_polled.is_pending() && polled.is_pending() {
        assert_eq!(last_woken.recv(), Ok("last"));
        assert!(first_woken.try_recv().is_err());
    }
}

#[test]
fn a_dropped_one_wakes_nobody_and_keeps_nothing() {
    let (waker, woken) = says("dropped");
    for _ in 0..1000 {
        let mut alarm = Alarm::default();
        let at = Instant::now() + LATER;
        assert!(alarm.poll(at, &mut Context::from_waker(&waker)).is_pending());
    }
    drop(waker);
    // The wakers are gone with their alarms.
    assert!(woken.recv().is_err());
}

#[test]
fn a_waker_that_panics_does_not_end_the_others_time() {
    let (waker, woken) = says("panics");
    let mut alarm = Alarm::default();
    let at = Instant::now() + SOON;
    assert!(alarm.poll(at, &mut Context::from_waker(&waker)).is_pending());
    assert_eq!(woken.recv(), Ok("panics"));
    rings(Instant::now() + SOON);
}

#[test]
fn a_list_that_was_long_does_not_stay_so() {
    let keeper = KEEPER.get();
    let list: &'static Padded = Box::leak(Box::default());
    let slot = || Slot { at: Instant::now() + LATER, waker: Some(Waker::noop().clone()) };
    list.lock().slots = (0..2 * FEW).map(|_| slot()).collect();
    drop((0..2 * FEW).map(|index| Registration { keeper, list, index }).collect::<Vec<_>>());
    assert_eq!(list.lock().slots.capacity(), 0);
}

#[test]
fn one_of_another_process_is_over_and_left_alone() {
    // As the one that a forked child took over.
    let keeper: &'static Keeper = Box::leak(Box::default());
    let list = &keeper.lists[0];
    let slot = || Slot { at: Instant::now() + LATER, waker: Some(Waker::noop().clone()) };
    list.lock().slots = vec![slot(), slot()];
    let [mut polled, dropped] =
        [0, 1].map(|index| Alarm(Some(Registration { keeper, list, index })));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(polled.poll(Instant::now() + LATER, &mut cx).is_ready());
    drop(dropped);
    assert!(list.lock().free.is_empty(), "the parent's list was changed");
    // It can be set again, with this process's keeper.
    assert!(polled.poll(Instant::now() + LATER, &mut cx).is_pending());
}

#[test]
fn none_is_lost_among_many_threads() {
    const ROUNDS: u64 = 200;
    let done = Arc::new(AtomicBool::new(false));
    let busy = {
        // Waits that end before their time, all the while.
        let done = Arc::clone(&done);
        thread::spawn(move || {
            let mut taken_back = 0_u64;
            while !done.load(Ordering::Relaxed) {
                let mut alarm = Alarm::default();
                let mut cx = Context::from_waker(Waker::noop());
                let _ = alarm.poll(Instant::now() + LATER, &mut cx);
                taken_back += 1;
            }
            taken_back
        })
    };
    let waiting: Vec<_> = (0..4)
        .map(|thread| {
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    rings(Instant::now() + Duration::from_micros((round * 7 + thread * 13) % 500));
                }
            })
        })
        .collect();
    for waits in waiting {
        waits.join().unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(busy.join().unwrap() > 0);
}
