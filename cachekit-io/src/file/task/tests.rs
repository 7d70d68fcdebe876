use super::{Call, Late, Load, Pool, Slot, State, Work, deadline};
use crate::{BackendErrorKind, Operation};
use std::panic::panic_any;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

/// What waits and has not been polled yet.
fn unpolled(work: Work<()>) -> Slot<()> {
    let pool = Pool::of_the_process();
    let call = Call { operation: Operation::Set, deadline: Instant::now() };
    let state = Mutex::new(State::Waiting { waker: None, work: Some(work) });
    Slot { call, pool, ticket: pool.ticket(), state }
}

fn outcome(slot: &Slot<()>) -> BackendErrorKind {
    match &*slot.state() {
        State::Settled(Err(error)) => error.kind(),
        _ => panic!("no error"),
    }
}

#[test]
fn a_value_that_panics_when_it_is_dropped_ends_no_thread() {
    let bomb = Bomb;
    let late = unpolled(Box::new(move |_| {
        drop(bomb);
        Ok(())
    }));
    late.late();
    assert_eq!(outcome(&late), BackendErrorKind::Timeout);
    let run = unpolled(Box::new(|_| panic_any(Bomb)));
    run.run();
    assert_eq!(outcome(&run), BackendErrorKind::Permanent);
}

#[test]
fn a_job_that_panics_ends_no_thread() {
    let pool: &'static Pool = Box::leak(Box::new(Pool::bounded(1, 1 << 20)));
    let load = Load { held: 0, removes: false };
    let (says, heard) = mpsc::channel();
    for number in 0..4 {
        let says = says.clone();
        let job = move || {
            says.send(number).unwrap();
            panic_any(Bomb)
        };
        pool.run(pool.ticket(), load, Box::new(job)).unwrap();
    }
    drop(says);
    assert_eq!(heard.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_deadline_that_panics_leaves_the_others() {
    struct Panics(mpsc::Sender<()>);

    impl Late for Panics {
        fn late(&self) {
            self.0.send(()).unwrap();
            panic_any(Bomb)
        }
    }

    let (says, heard) = mpsc::channel();
    for _ in 0..2 {
        let late: Arc<dyn Late> = Arc::new(Panics(says.clone()));
        deadline::set(Instant::now(), Arc::downgrade(&late)).unwrap();
        heard.recv_timeout(Duration::from_secs(30)).unwrap();
    }
}
