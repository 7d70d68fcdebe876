//! `#[cache::secure]` without keys that can be used: said at the start, logged once, never in plain.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use cachekit::secure::{EnvelopeErrorKind, KeySet, Keyring};
use cachekit::testing::Scope;
use cachekit::{ErrorKind, cache};
use cachekit_io::MemoryBackend;
use cachekit_tests::{Runs, block_on, in_child, is_child, run_child};

use crate::shared::init_check::problems;

static RUNS: Runs = Runs::new();

const SECRET: &str = "argument-that-nobody-may-see";

#[derive(Debug)]
struct Failure(cachekit::Error);

impl From<cachekit::Error> for Failure {
    fn from(error: cachekit::Error) -> Self {
        Self(error)
    }
}

#[cache::secure(ttl = 60, namespace = "start")]
fn length(text: &str) -> usize {
    RUNS.add();
    text.len()
}

#[cache::secure(ttl = 60, namespace = "start")]
async fn length_or_error(text: &str) -> Result<usize, Failure> {
    RUNS.add();
    Ok(text.len())
}

#[test]
fn a_missing_key_is_reported() {
    in_child("secure::start::a_missing_key_is_reported", || {
        cachekit::set_default_backend(Arc::new(MemoryBackend::new()));
        for error in [cachekit::init().unwrap_err(), block_on(cachekit::check()).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let problems = problems(Err(error));
            assert_eq!(problems.len(), 1, "{problems:?}");
            let said = &problems[0];
            assert!(said.contains("`#[cache::secure]`"), "{said}");
            assert!(said.contains("CACHEKIT_MASTER_KEY") && said.contains("set_keyring"), "{said}");
        }
        crate::secure::set_keys();
        cachekit::init().unwrap();
        assert!(problems(block_on(cachekit::check())).is_empty());
    });
}

/// What a child does under some variables: whether it starts, what calls come to.
fn under(test: &str, variables: &[(&str, &str)], child: impl FnOnce()) {
    if is_child() {
        return child();
    }
    let finished = run_child(test, variables);
    assert_eq!(finished.passed, Some(true), "{}", finished.output);
}

#[test]
fn keys_of_the_environment() {
    let (current, previous) =
        ("0a".repeat(32), format!("{}, {}", "0b".repeat(32), "0c".repeat(32)));
    let variables = [
        ("CACHEKIT_MASTER_KEY", current.as_str()),
        ("CACHEKIT_PREVIOUS_MASTER_KEYS", previous.as_str()),
    ];
    under("secure::start::keys_of_the_environment", &variables, || {
        cachekit::set_default_backend(Arc::new(MemoryBackend::new()));
        cachekit::init().unwrap();
        assert_eq!((length("abc"), length("abc"), RUNS.take()), (3, 3, 1));
        let keyring = cachekit::secure::keyring().unwrap();
        assert_eq!(keyring.previous_hits(), [0, 0]);
        // The same key, from elsewhere.
        let same = Keyring::new(KeySet::from_hex(&"0a".repeat(32), &[]).unwrap());
        let ids = keyring.key_ids("default", "start").unwrap();
        assert_eq!(ids[0], same.key_ids("default", "start").unwrap()[0]);
    });
}

#[test]
fn a_key_that_cannot_be_used_is_no_missing_key() {
    const BAD: &str = "not-a-key-and-yet-a-secret";
    under(
        "secure::start::a_key_that_cannot_be_used_is_no_missing_key",
        &[("CACHEKIT_MASTER_KEY", BAD)],
        || {
            cachekit::set_default_backend(Arc::new(MemoryBackend::new()));
            let error = cachekit::init().unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(said.contains("CACHEKIT_MASTER_KEY") && !said.contains(BAD), "{said}");
            let Failure(error) = block_on(length_or_error(SECRET)).unwrap_err();
            assert_eq!((error.kind(), RUNS.take()), (ErrorKind::Unsealed, 0));
            let said = format!("{error} {error:?}");
            assert!(said.contains("length_or_error") && !said.contains(BAD), "{said}");
            assert!(!said.contains(SECRET), "{said}");
            let source = std::error::Error::source(&error).unwrap();
            let source = source.downcast_ref::<cachekit::secure::EnvelopeError>().unwrap();
            assert_eq!(source.kind(), EnvelopeErrorKind::Configuration);
            assert_eq!((length(SECRET), length(SECRET), RUNS.take()), (28, 28, 2));
        },
    );
}

#[test]
fn an_empty_variable_and_previous_keys_alone_are_mistakes() {
    let test = "secure::start::an_empty_variable_and_previous_keys_alone_are_mistakes";
    let check = || {
        cachekit::set_default_backend(Arc::new(MemoryBackend::new()));
        let said = cachekit::init().unwrap_err().to_string();
        assert!(said.contains("the keys of the environment cannot be used"), "{said}");
        assert!(cachekit::secure::keyring().is_err());
    };
    let key = "0a".repeat(32);
    under(test, &[("CACHEKIT_MASTER_KEY", "")], check);
    if !is_child() {
        under(test, &[("CACHEKIT_PREVIOUS_MASTER_KEYS", &key)], check);
    }
}

#[test]
fn switched_off_it_runs_and_asks_for_no_key() {
    under(
        "secure::start::switched_off_it_runs_and_asks_for_no_key",
        &[("CACHEKIT_DISABLE", "1")],
        || {
            assert_eq!(block_on(length_or_error("abc")).unwrap(), 3);
            assert_eq!((length("abc"), length("abc"), RUNS.take()), (3, 3, 3));
        },
    );
}

/// A log in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn it_is_logged_once_for_each_function_and_tells_no_secret() {
    #[cache::secure(ttl = 60, namespace = "start", tenant = text)]
    fn of_tenant(text: &str) -> usize {
        text.len()
    }
    let log = Memory::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    cachekit_tests::with_subscriber(subscriber, || {
        Scope::new().run(|| {
            for _ in 0..3 {
                length(SECRET);
                of_tenant(SECRET);
            }
        });
        Scope::new().with_keyring(crate::secure::keyring(7, &[])).run(|| {
            let overlong = SECRET.repeat(100);
            of_tenant(&overlong);
            length(SECRET);
        });
    });
    RUNS.take();
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    let warnings: Vec<&str> =
        text.lines().filter(|line| line.contains("WARN ") && line.contains("cachekit: ")).collect();
    assert_eq!(warnings.len(), 3, "{text}");
    for (line, function) in warnings.iter().zip(["::length", "::of_tenant", "::of_tenant"]) {
        assert!(line.contains(function) && line.contains("nothing can be sealed"), "{line}");
    }
    assert!(warnings[2].contains("2800 bytes"), "{text}");
    assert!(!text.contains(SECRET) && !text.contains(&"07".repeat(8)), "{text}");
}
