use super::super::failure::Call;
use super::super::pool::{EACH, MAX_WAITING, Pool};
use super::super::store::Store;
use super::super::{FileBackend, task};
use super::Place;
use crate::{Backend, BackendError, BackendErrorKind, Operation, SetOptions};
use bytes::Bytes;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

#[test]
fn any_executor_will_do() {
    let place = Place::new();
    let backend = place.backend();
    let work = || async {
        backend.set("k", Bytes::from_static(b"v"), &SetOptions::new()).await.unwrap();
        assert!(backend.exists("k").await.unwrap());
    };
    pollster::block_on(work());
    let tokio = |mut builder: tokio::runtime::Builder| builder.build().unwrap().block_on(work());
    // Without timers: the deadlines are the backend's own.
    tokio(tokio::runtime::Builder::new_current_thread());
    tokio(tokio::runtime::Builder::new_multi_thread());
}

#[test]
fn work_that_hangs_ends_its_wait_at_the_deadline() {
    let (release, held) = mpsc::channel::<()>();
    let hangs = move |_: &Call| {
        let _ = held.recv();
        Ok(())
    };
    let waited = pollster::block_on(task::run(Operation::Get, 0, Duration::from_millis(20), hangs));
    let error = waited.unwrap_err();
    assert!(error.is_timeout() && error.operation() == Operation::Get, "{error}");
    drop(release);
    // Others are not held up.
    pollster::block_on(task::run(Operation::Get, 0, LONG, |_: &Call| Ok(()))).unwrap();
}

#[test]
fn a_defect_is_an_error_and_no_hang() {
    let panics = |_: &Call| -> Result<(), _> { panic!("on purpose") };
    let error = pollster::block_on(task::run(Operation::Set, 0, LONG, panics)).unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Permanent);
    pollster::block_on(task::run(Operation::Get, 0, LONG, |_: &Call| Ok(()))).unwrap();
}

#[test]
fn many_at_a_time_all_come_to_their_end() {
    let place = Place::new();
    let backend = place.backend();
    let threads = (0..32).map(|thread| {
        let backend = backend.clone();
        std::thread::spawn(move || {
            for n in 0..20 {
                let key = format!("{}", (thread + n) % 8);
                let value = Bytes::from(key.clone());
                pollster::block_on(async {
                    backend.set(&key, value.clone(), &SetOptions::new()).await.unwrap();
                    let found = backend.get(&key).await.unwrap();
                    assert_eq!(found.map(crate::Fetched::into_value), Some(value));
                });
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Polls once.
fn begin<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A pool whose only thread is at work until the sender is dropped.
fn hung_pool(max_waiting: usize) -> (&'static Pool, mpsc::Sender<()>) {
    let pool: &'static Pool = Box::leak(Box::new(Pool::bounded(1, max_waiting)));
    let (release, held) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let hangs = move |_: &Call| {
        begun.send(()).unwrap();
        let _ = held.recv();
        Ok(())
    };
    let mut hung = Box::pin(task::run_in(pool, Operation::Get, 0, LONG, hangs));
    assert!(begin(&mut hung).is_pending());
    begins.recv().unwrap();
    (pool, release)
}

/// An operation that does nothing and holds so many bytes.
fn holding(
    pool: &'static Pool,
    operation: Operation,
    held: usize,
) -> Pin<Box<impl Future<Output = Result<(), BackendError>>>> {
    Box::pin(task::run_in(pool, operation, held, LONG, |_: &Call| Ok(())))
}

fn is_refused<T>(mut operation: impl Future<Output = Result<T, BackendError>> + Unpin) -> bool {
    match begin(&mut operation) {
        Poll::Ready(Err(error)) => {
            assert_eq!(error.kind(), BackendErrorKind::Backpressure);
            assert!(error.is_unprocessed());
            true
        }
        Poll::Ready(Ok(_)) => panic!("nothing answers"),
        Poll::Pending => false,
    }
}

#[test]
fn only_so_many_bytes_wait_for_a_disk_that_hangs() {
    let (pool, release) = hung_pool(4 * EACH);
    let mut waiting = [holding(pool, Operation::Get, 0), holding(pool, Operation::Set, 3 * EACH)];
    assert!(waiting.iter_mut().all(|one| begin(one).is_pending()));
    assert!(is_refused(holding(pool, Operation::Get, 0)));
    let [get, set] = waiting;
    // What is not waited for any more is not counted.
    drop(set);
    let mut set = holding(pool, Operation::Set, 2 * EACH);
    assert!(begin(&mut set).is_pending());
    drop(release);
    pollster::block_on(get).unwrap();
    pollster::block_on(set).unwrap();
    pollster::block_on(holding(pool, Operation::Set, 9 * EACH)).unwrap();
}

/// Panics when it is called.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("on purpose");
    }
}

#[test]
fn a_waker_that_panics_takes_no_thread_with_it() {
    let (pool, release) = hung_pool(9 * EACH);
    let waker = Waker::from(Arc::new(Bomb));
    let mut bombs: Vec<_> = (0..3).map(|_| holding(pool, Operation::Get, 0)).collect();
    for bomb in &mut bombs {
        assert!(bomb.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(release);
    // The only thread of the pool answers.
    pollster::block_on(holding(pool, Operation::Get, 0)).unwrap();
    // So does the one that ends what is late.
    let (pool, _release) = hung_pool(9 * EACH);
    let soon = Duration::from_millis(1);
    let mut late = Box::pin(task::run_in(pool, Operation::Get, 0, soon, |_: &Call| Ok(())));
    assert!(late.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let next = task::run_in(pool, Operation::Get, 0, soon, |_: &Call| Ok(()));
    assert!(pollster::block_on(next).unwrap_err().is_timeout());
}

#[test]
fn what_came_too_late_is_not_counted() {
    let (pool, _release) = hung_pool(EACH);
    for _ in 0..3 {
        let soon = Duration::from_millis(1);
        let one = task::run_in(pool, Operation::Get, 0, soon, |_: &Call| Ok(()));
        assert!(pollster::block_on(one).unwrap_err().is_timeout());
    }
}

#[test]
fn many_small_ones_at_once_are_let_in() {
    let (pool, release) = hung_pool(MAX_WAITING);
    let mut many: Vec<_> = (0..100_000).map(|_| holding(pool, Operation::Get, 0)).collect();
    assert!(many.iter_mut().all(|one| begin(one).is_pending()));
    drop(release);
    for one in many {
        pollster::block_on(one).unwrap();
    }
}

#[test]
fn removals_are_let_in_where_others_are_refused() {
    let (pool, _release) = hung_pool(EACH);
    let mut get = holding(pool, Operation::Get, 0);
    assert!(begin(&mut get).is_pending());
    let removals = [Operation::Delete, Operation::DeleteMany, Operation::Fence];
    let mut removals = removals.map(|operation| holding(pool, operation, 0));
    assert!(removals.iter_mut().all(|one| begin(one).is_pending()));
    assert!(is_refused(holding(pool, Operation::Set, 0)));
    // They have a bound, too.
    assert!(is_refused(holding(pool, Operation::Delete, 0)));
}

#[test]
fn a_value_does_not_wait_longer_than_its_caller() {
    let (pool, _release) = hung_pool(10 * EACH);
    let value = Arc::new(());
    let one = |timeout| {
        let value = Arc::clone(&value);
        let work = move |_: &Call| {
            drop(value);
            Ok(())
        };
        Box::pin(task::run_in(pool, Operation::Set, 0, timeout, work))
    };
    let mut left = one(LONG);
    assert!(begin(&mut left).is_pending());
    assert_eq!(Arc::strong_count(&value), 2);
    drop(left);
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(pollster::block_on(one(Duration::from_millis(1))).unwrap_err().is_timeout());
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn what_a_batch_has_done_in_time_is_done() {
    let place = Place::new();
    let builder = FileBackend::builder().directory(place.directory());
    let backend = builder.timeout(Duration::from_millis(50)).build().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let items = vec![Ok(1), Ok(2), Ok(3)];
    let work = move |_: &Store, _: &Call, item: &i32| {
        if *item == 2 {
            let _ = held.recv();
        }
        Ok(*item)
    };
    let results = pollster::block_on(backend.run_many(Operation::SetMany, items, 0, work));
    assert_eq!(results.len(), 3);
    assert_eq!(*results[0].as_ref().unwrap(), 1);
    for late in &results[1..] {
        assert!(late.as_ref().unwrap_err().is_timeout());
    }
    drop(release);
}
