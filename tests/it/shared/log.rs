//! The log says once that a backend is gone and once that it is back, without a key or a value.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::cache;
use cachekit_io::testing::Fault;
use cachekit_io::{BackendErrorKind, Operation};
use cachekit_tests::in_child;

use crate::shared::tier::machines;

/// Neither may be logged.
const SECRET: &str = "correct horse battery staple";

#[cache(ttl = 60)]
fn secret(text: &str, n: u32) -> String {
    format!("{text}{n}")
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that this crate logs meanwhile, on this thread.
fn logged(run: impl FnOnce()) -> Vec<String> {
    let log = Memory::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    cachekit_tests::with_subscriber(subscriber, run);
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(!text.contains(SECRET) && !text.contains("ns:") && !text.contains("args:"), "{text}");
    text.lines().filter(|line| line.contains(" cachekit: ")).map(str::to_owned).collect()
}

fn call(range: std::ops::Range<u32>) {
    for n in range {
        assert_eq!(secret(SECRET, n), format!("{SECRET}{n}"));
    }
}

#[test]
fn one_warning_for_an_outage_and_one_line_when_it_is_over() {
    let kinds = [
        (BackendErrorKind::Transient, "transient"),
        (BackendErrorKind::Timeout, "timeout"),
        (BackendErrorKind::QuotaExceeded, "quota_exceeded"),
    ];
    for (kind, name) in kinds {
        let (a, _, backend) = machines();
        let lines = logged(|| {
            a.run(|| {
                call(0..5);
                backend.inject(Fault::fail(kind));
                call(10..11);
                a.clock().advance(Duration::from_secs(7));
                call(11..30);
                a.clock().advance(Duration::from_secs(6));
                call(30..40);
                backend.heal();
                a.clock().advance(Duration::from_secs(6));
                call(40..50);
            });
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("WARN") && lines[0].contains("fails"), "{lines:?}");
        assert!(lines[0].contains(name) && lines[0].contains("backend="), "{lines:?}");
        assert!(lines[1].contains("INFO") && lines[1].contains("answers again"), "{lines:?}");
        assert!(lines[1].contains("outage=19s") || lines[1].contains("outage=18.9"), "{lines:?}");
    }
}

#[test]
fn each_outage_has_its_own_and_single_failures_do_not_fill_the_log() {
    let (a, _, backend) = machines();
    let lines = logged(|| {
        a.run(|| {
            for round in 0..3 {
                backend.inject(Fault::fail(BackendErrorKind::Transient));
                call(100 * round..100 * round + 10);
                backend.heal();
                a.clock().advance(Duration::from_secs(5));
                call(100 * round + 10..100 * round + 20);
            }
        });
    });
    assert_eq!(lines.len(), 6, "{lines:?}");
    let lines = logged(|| {
        a.run(|| {
            a.clock().advance(Duration::from_secs(60));
            for n in 1000..1100 {
                backend.inject(Fault::fail(BackendErrorKind::Transient).times(1));
                call(n..n + 1);
            }
        });
    });
    assert!(lines.len() <= 2, "{lines:?}");
}

#[test]
fn a_backend_that_refuses_says_so_once() {
    let (a, _, backend) = machines();
    backend.inject(Fault::fail(BackendErrorKind::Authentication).on(Operation::Get));
    let lines = logged(|| a.run(|| call(0..20)));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("WARN") && lines[0].contains("authentication"), "{lines:?}");
    // What one value is refused for is no state of the backend.
    let (a, _, backend) = machines();
    backend.inject(Fault::fail(BackendErrorKind::TooLarge).on(Operation::SetFenced));
    assert_eq!(logged(|| a.run(|| call(0..20))), Vec::<String>::new());
}

#[test]
fn a_panic_and_no_answer_are_outages_too() {
    let (a, _, backend) = machines();
    backend.inject(Fault::wait(|| async { panic!("on purpose") }));
    let lines = logged(|| a.run(|| call(0..3)));
    assert!(lines.len() == 1 && lines[0].contains("panic"), "{lines:?}");
    let (a, _, backend) = machines();
    let a = a.with_shared_budget(Duration::from_millis(300));
    backend.inject(Fault::wait(std::future::pending));
    let lines = logged(|| a.run(|| call(0..2)));
    assert!(lines.len() == 1 && lines[0].contains("timeout"), "{lines:?}");
}

#[test]
fn a_subscriber_that_panics_fails_no_call() {
    struct Panics;
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            panic!("on purpose")
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let subscriber = tracing_subscriber::fmt().with_writer(|| Panics).finish();
    let (a, _, backend) = machines();
    backend.inject(Fault::fail(BackendErrorKind::Transient));
    cachekit_tests::with_subscriber(subscriber, || a.run(|| call(0..3)));
}

#[test]
fn wrong_settings_are_logged_once() {
    #[cache::io(ttl = 60)]
    fn by_env(n: u32) -> u32 {
        n
    }
    in_child("shared::log::wrong_settings_are_logged_once", || {
        // In the child the variables of the service are not set.
        let lines = logged(|| {
            for n in 0..5 {
                assert_eq!(by_env(n), n);
            }
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("CACHEKIT_API_KEY"), "{lines:?}");
    });
}
