//! What the checks share: their own keys, and failures that explain themselves.

use super::{CheckResult, Failure, Subject, Verdict};
use crate::{Backend, BackendError, BackendErrorKind, Fetched, SetOptions};
use bytes::Bytes;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Why checks of time are skipped.
pub(super) const NO_CLOCK: Verdict = Verdict::Skipped("no way to let time pass was given");

/// One run of one check.
pub(super) struct Probe<'a> {
    subject: &'a Subject<'a>,
    check: &'static str,
    keys: Mutex<Vec<String>>,
}

impl<'a> Probe<'a> {
    pub(super) fn new(subject: &'a Subject<'_>, check: &'static str) -> Self {
        Self { subject, check, keys: Mutex::default() }
    }

    pub(super) fn backend(&self) -> &'a dyn Backend {
        self.subject.backend()
    }

    /// The name of a key that no other check uses. It is deleted at the end.
    pub(super) fn key(&self, name: &str) -> String {
        let key = format!("{}{}:{name}", self.subject.prefix(), self.check.replace("::", ":"));
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key.clone());
        key
    }

    /// The same, and nothing is stored there.
    pub(super) async fn absent(&self, name: &str) -> Result<String, Failure> {
        let key = self.key(name);
        self.delete(&key).await?;
        Ok(key)
    }

    pub(super) async fn set(
        &self,
        key: &str,
        value: &str,
        options: &SetOptions,
    ) -> Result<(), Failure> {
        let value = Bytes::copy_from_slice(value.as_bytes());
        self.ok("set", self.backend().set(key, value, options).await)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<bool, Failure> {
        self.ok("delete", self.backend().delete(key).await)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Fetched>, Failure> {
        self.ok("get", self.backend().get(key).await)
    }

    /// `get` must find this value.
    pub(super) async fn finds(&self, key: &str, value: &str, when: &str) -> Result<(), Failure> {
        let found = self.get(key).await?;
        self.is_value(found.as_ref(), Some(value.as_bytes()), when)
    }

    /// `get` must find nothing.
    pub(super) async fn misses(&self, key: &str, when: &str) -> Result<(), Failure> {
        let found = self.get(key).await?;
        self.is_value(found.as_ref(), None, when)
    }

    /// What was found must be this.
    pub(super) fn is_value(
        &self,
        found: Option<&Fetched>,
        expected: Option<&[u8]>,
        when: &str,
    ) -> Result<(), Failure> {
        let same = found.map(|found| found.value().as_ref()) == expected;
        // Values are not shown: a broken backend may return another key's value.
        self.that(
            same,
            || match expected {
                Some(value) => format!("the stored value of {} bytes {when}", value.len()),
                None => format!("no value {when}"),
            },
            || match found {
                Some(found) => format!("other bytes, {} of them", found.value().len()),
                None => "no value".to_owned(),
            },
        )
    }

    /// The operation must succeed.
    pub(super) fn ok<T>(&self, doing: &str, result: Result<T, BackendError>) -> Result<T, Failure> {
        result.map_err(|error| self.failure(format!("{doing} to succeed"), format!("\"{error}\"")))
    }

    /// The operation must fail with this kind.
    pub(super) fn refused<T>(
        &self,
        kind: BackendErrorKind,
        doing: &str,
        result: Result<T, BackendError>,
    ) -> Result<(), Failure> {
        let expected = || format!("{doing} to be refused as {kind:?}");
        match result {
            Err(error) if error.kind() == kind => Ok(()),
            Err(error) => Err(self.failure(expected(), format!("{:?}", error.kind()))),
            Ok(_) => Err(self.failure(expected(), "success".to_owned())),
        }
    }

    pub(super) fn that(
        &self,
        holds: bool,
        expected: impl FnOnce() -> String,
        found: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if holds { Ok(()) } else { Err(self.failure(expected(), found())) }
    }

    /// An answer that must be this one.
    pub(super) fn equals<T: PartialEq + std::fmt::Debug>(
        &self,
        found: &T,
        expected: &T,
        what: &str,
    ) -> Result<(), Failure> {
        self.that(found == expected, || format!("{expected:?} {what}"), || format!("{found:?}"))
    }

    pub(super) fn failure(&self, expected: String, found: String) -> Failure {
        Failure { check: self.check, expected, found }
    }

    pub(super) fn has_lock_fencing(&self) -> bool {
        self.subject.has_lock_fencing()
    }

    pub(super) fn can_advance(&self) -> bool {
        self.subject.can_advance()
    }

    pub(super) fn units(&self, count: u32) -> Duration {
        self.subject.units(count)
    }

    pub(super) async fn pass(&self, units: u32) {
        self.subject.pass(units).await;
    }

    /// Fresh for this many steps of time.
    pub(super) fn ttl(&self, units: u32) -> SetOptions {
        SetOptions::new().ttl(self.units(units))
    }

    /// Deletes what the check stored. The check passed.
    pub(super) async fn passed(self) -> CheckResult {
        let keys = self.keys.into_inner().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            // Cleaning up is a courtesy; whether it works is checked elsewhere.
            let _ = self.subject.backend().delete(&key).await;
        }
        Ok(Verdict::Passed)
    }
}
