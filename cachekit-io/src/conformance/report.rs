//! What the checks found.

use std::error::Error;
use std::fmt;

/// The result of a check.
pub type CheckResult = Result<Verdict, Failure>;

/// The result of a check that found nothing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The backend does what the contract says.
    Passed,
    /// The check does not apply, and why.
    Skipped(&'static str),
}

/// What a check found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub(super) check: &'static str,
    pub(super) expected: String,
    pub(super) found: String,
}

impl Failure {
    /// The name of the check, such as `values::set_replaces`.
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// What the contract requires.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What the backend did instead.
    pub fn found(&self) -> &str {
        &self.found
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.check, self.expected, self.found)
    }
}

impl Error for Failure {}

/// What [`check_all`](super::check_all) found.
///
/// `Display` lists the failures and the skipped checks, one per line.
#[derive(Clone, Debug, Default)]
#[must_use = "a report that is not read checks nothing"]
pub struct Report {
    passed: Vec<&'static str>,
    skipped: Vec<(&'static str, &'static str)>,
    failures: Vec<Failure>,
}

impl Report {
    pub(super) fn add(&mut self, check: &'static str, result: CheckResult) {
        match result {
            Ok(Verdict::Passed) => self.passed.push(check),
            Ok(Verdict::Skipped(reason)) => self.skipped.push((check, reason)),
            Err(failure) => self.failures.push(Failure { check, ..failure }),
        }
    }

    /// Whether no check failed.
    pub fn is_passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// The checks that passed.
    pub fn passed(&self) -> &[&'static str] {
        &self.passed
    }

    /// The checks that do not apply, and why.
    pub fn skipped(&self) -> &[(&'static str, &'static str)] {
        &self.skipped
    }

    /// What is wrong with the backend.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// For tests: ends the test if a check failed.
    ///
    /// # Panics
    ///
    /// If a check failed, with the whole report.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.is_passed(), "the backend does not keep its contract\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed.len(),
            self.failures.len(),
            self.skipped.len()
        )?;
        for failure in &self.failures {
            writeln!(f, "failed  {failure}")?;
        }
        for (check, reason) in &self.skipped {
            writeln!(f, "skipped {check}: {reason}")?;
        }
        Ok(())
    }
}
