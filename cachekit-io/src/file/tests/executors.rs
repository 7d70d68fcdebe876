use super::super::failure::Call;
use super::super::task;
use super::Place;
use crate::{Backend, BackendErrorKind, Operation, SetOptions};
use bytes::Bytes;
use std::sync::mpsc;
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
    let waited = pollster::block_on(task::run(Operation::Get, Duration::from_millis(20), hangs));
    let error = waited.unwrap_err();
    assert!(error.is_timeout() && error.operation() == Operation::Get, "{error}");
    drop(release);
    // Others are not held up.
    pollster::block_on(task::run(Operation::Get, LONG, |_: &Call| Ok(()))).unwrap();
}

#[test]
fn a_defect_is_an_error_and_no_hang() {
    let panics = |_: &Call| -> Result<(), _> { panic!("on purpose") };
    let error = pollster::block_on(task::run(Operation::Set, LONG, panics)).unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Permanent);
    pollster::block_on(task::run(Operation::Get, LONG, |_: &Call| Ok(()))).unwrap();
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
