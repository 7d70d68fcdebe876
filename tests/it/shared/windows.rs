//! The shorter of the writer's stale window and the reader's counts, whatever the backend says of an entry's time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::{Backend, BackendError, BoxFuture, Fetched, Health, SetOptions};
use cachekit_tests::Runs;

/// What a backend says of the time of what it has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    /// Nothing: it is fresh, without a bound.
    Nothing,
    /// It is fresh for a moment only.
    Bound,
    /// It is stale.
    Stale,
}

#[derive(Debug)]
struct Told(Says, Mutex<HashMap<String, Bytes>>);

impl Backend for Told {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Fetched>, BackendError>> {
        Box::pin(async move {
            let value = self.1.lock().unwrap().get(key).cloned();
            Ok(value.map(|value| match self.0 {
                Says::Nothing => Fetched::fresh(value),
                Says::Bound => Fetched::fresh(value).with_fresh_for(Duration::from_millis(500)),
                Says::Stale => Fetched::stale(value),
            }))
        })
    }
    fn set<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        _: &'a SetOptions,
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            self.1.lock().unwrap().insert(key.to_owned(), value);
            Ok(())
        })
    }
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move { Ok(self.1.lock().unwrap().remove(key).is_some()) })
    }
    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move { Ok(self.1.lock().unwrap().contains_key(key)) })
    }
    fn health(&self) -> BoxFuture<'_, Result<Health, BackendError>> {
        Box::pin(async { Ok(Health::new("told", Duration::ZERO)) })
    }
}

static RUNS: Runs = Runs::new();

/// Values may be served for thirty seconds after their minute, errors for their second only.
#[cache(ttl(ok = "1m", err = "1s"), stale = "30s")]
fn fallible(n: u32, succeeds: bool) -> Result<u32, String> {
    RUNS.add();
    if succeeds { Ok(n) } else { Err(format!("no {n}")) }
}

#[test]
fn an_error_is_not_served_past_its_time_by_another_process() {
    for says in [Says::Nothing, Says::Bound, Says::Stale] {
        let backend = Arc::new(Told(says, Mutex::default()));
        let machine = || Scope::new().with_backend(backend.clone());
        machine().run(|| {
            fallible(1, false).unwrap_err();
            settle();
        });
        let other = machine();
        other.run(|| {
            fallible(1, false).unwrap_err();
            settle();
            other.clock().advance(Duration::from_secs(2));
            fallible(1, false).unwrap_err();
            assert_eq!(fallible::stats().stale_hits, 0, "{says:?}");
        });
    }
}

#[test]
fn a_value_has_both_windows() {
    let backend = Arc::new(Told(Says::Nothing, Mutex::default()));
    let machine = || Scope::new().with_backend(backend.clone());
    machine().run(|| {
        fallible(2, true).unwrap();
        settle();
    });
    let other = machine();
    other.run(|| {
        fallible(2, true).unwrap();
        other.clock().advance(Duration::from_secs(70));
        fallible(2, true).unwrap();
        assert_eq!(fallible::stats().stale_hits, 1);
        settle();
    });
}
