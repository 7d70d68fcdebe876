//! The checks that every backend and every decorator must pass.
//!
//! [`check_all`] runs them all against one backend. Each check is also a public function,
//! to run or to debug it alone. Capabilities are checked if they are offered. The
//! suite needs no executor and never sleeps: to check expiry it asks the [`Subject`] to let time
//! pass, which advances a manual clock or really waits.
//!
//! Run it against a dedicated store: it writes a few dozen entries under its own prefix
//! and deletes them again when a check passes.
//!
//! ```
//! use cachekit_io::conformance::{Subject, check_all};
//! use cachekit_io::{ManualClock, MemoryBackend};
//!
//! let hands = ManualClock::new();
//! let backend = MemoryBackend::builder().clock(hands.clock()).build();
//! let subject = Subject::new(&backend).with_lock_fencing().advance(move |by| {
//!     hands.advance(by);
//!     std::future::ready(())
//! });
//!
//! let report = pollster::block_on(check_all(&subject));
//! report.assert_passed();
//! assert!(report.skipped().is_empty());
//! ```

pub mod batch;
pub mod events;
pub mod expiry;
pub mod fencing;
pub mod keys;
pub mod lock_fencing;
pub mod locks;
mod probe;
mod report;
mod subject;
pub mod ttl;
pub mod values;

#[cfg(test)]
mod tests;

pub use self::report::{CheckResult, Failure, Report, Verdict};
pub use self::subject::Subject;

use crate::BoxFuture;

/// One check: its name and how to run it.
type Check = (&'static str, for<'a, 'b> fn(&'a Subject<'b>) -> BoxFuture<'a, CheckResult>);

/// Names each check once; the name in a report is the path of its function in this module.
macro_rules! checks {
    ($($module:ident: $($check:ident)*;)*) => {
        const CHECKS: &[Check] = &[
            $($((
                concat!(stringify!($module), "::", stringify!($check)),
                |subject| Box::pin($module::$check(subject)),
            ),)*)*
        ];
    };
}

checks! {
    values:
        an_absent_key_is_a_miss
        what_was_set_is_found
        each_key_has_its_own_value
        set_replaces
        delete_removes
        deleting_nothing_succeeds
        exists_agrees_with_get
        health_answers
        futures_are_lazy;
    keys:
        the_empty_key_is_refused
        portable_keys_are_accepted
        long_keys_differ_at_the_end
        unusual_keys_are_faithful_or_refused
        names_of_endpoints_are_no_values;
    expiry:
        impossible_options_are_refused
        an_entry_ends_with_its_ttl
        no_ttl_is_no_end
        stale_is_never_passed_off_as_fresh
        fresh_for_stays_within_the_ttl
        set_replaces_both_windows;
    ttl:
        expiry_is_told
        refresh_extends
        refresh_creates_nothing
        refresh_leaves_stale_entries_stale
        a_refresh_of_zero_is_refused;
    locks:
        a_lock_is_exclusive
        each_key_has_its_own_lock
        only_the_holder_releases
        a_lease_ends
        locks_and_values_are_apart
        a_lease_of_zero_is_refused;
    lock_fencing:
        the_holder_writes_as_often_as_it_likes
        a_released_lock_writes_nothing
        an_ended_lease_writes_nothing
        a_delete_overtakes_the_holder
        a_write_overtakes_the_holder
        the_next_holder_starts_afresh;
    batch:
        results_come_in_order
        set_many_sets_each
        delete_many_deletes_each
        an_empty_batch_is_empty
        a_bad_item_spoils_no_other
        the_last_of_equal_keys_wins;
    fencing:
        an_unmoved_fence_stores
        a_delete_moves_the_fence
        a_delete_of_nothing_moves_the_fence
        a_set_moves_the_fence
        one_of_two_fillers_stores
        other_keys_leave_the_fence
        a_refused_value_changes_nothing
        a_fenced_entry_ends_with_its_ttl
        batches_move_the_fence;
    events:
        a_delete_is_told
        a_dropped_subscription_is_silent;
}

/// Runs every check against the backend of this subject, one after the other.
///
/// # Example
///
/// Without a way to let time pass, checks that need it are skipped:
///
/// ```
/// use cachekit_io::MemoryBackend;
/// use cachekit_io::conformance::{Subject, check_all};
///
/// let backend = MemoryBackend::new();
/// let report = pollster::block_on(check_all(&Subject::new(&backend)));
/// report.assert_passed();
/// assert!(report.skipped().iter().any(|(check, _)| *check == "locks::a_lease_ends"));
/// ```
pub async fn check_all(subject: &Subject<'_>) -> Report {
    let mut report = Report::default();
    for (name, check) in CHECKS {
        report.add(name, check(subject).await);
    }
    report
}
