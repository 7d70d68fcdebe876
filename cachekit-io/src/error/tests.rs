//! Tests of the error type.

use super::*;
use std::io;

fn sample() -> BackendError {
    BackendError::new(BackendErrorKind::Transient, Operation::Get)
        .with_context("connection reset")
        .with_key("tenant-7:secret-name")
        .with_source(io::Error::other("socket closed by peer"))
}

#[test]
fn neither_message_nor_debug_shows_the_key() {
    let error = sample();
    assert!(!error.to_string().contains("secret-name"));
    assert!(!format!("{error:?}").contains("secret-name"));
    assert_eq!(error.key_len(), Some(20));
}

#[test]
fn message_leaves_the_cause_to_the_chain() {
    let error = sample();
    let cause = error.source().expect("a source was given");
    assert!(!error.to_string().contains(&cause.to_string()));
    assert!(cause.downcast_ref::<io::Error>().is_some());
}

#[test]
fn changing_a_clone_leaves_the_original_alone() {
    let original = sample();
    let changed = original.clone().with_context("another").with_retry_after(Duration::from_secs(1));
    assert_eq!(original.context(), Some("connection reset"));
    assert_eq!(original.retry_after(), None);
    assert_eq!(changed.context(), Some("another"));
    assert!(changed.source().is_some());
}

#[test]
fn error_is_one_word_and_shareable() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<BackendError>();
    assert_eq!(size_of::<BackendError>(), size_of::<usize>());
}

#[test]
fn policy_of_the_kinds_is_consistent() {
    let mut names = Vec::new();
    for &kind in BackendErrorKind::ALL {
        // What is worth another attempt tells of trouble, and trouble must not reach the caller.
        assert!(!kind.is_retryable() || kind.counts_for_breaker(), "{kind:?}");
        assert!(!kind.counts_for_breaker() || kind.fails_open(), "{kind:?}");
        names.push(kind.as_str());
        names.push(Box::leak(kind.to_string().into_boxed_str()));
    }
    let listed = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), listed, "two kinds share a name");
}

#[test]
fn each_predicate_answers_to_its_kind_only() {
    type Predicate = fn(&BackendError) -> bool;
    let table: [(Predicate, BackendErrorKind); 10] = [
        (BackendError::is_transient, BackendErrorKind::Transient),
        (BackendError::is_timeout, BackendErrorKind::Timeout),
        (BackendError::is_authentication, BackendErrorKind::Authentication),
        (BackendError::is_circuit_open, BackendErrorKind::CircuitOpen),
        (BackendError::is_backpressure, BackendErrorKind::Backpressure),
        (BackendError::is_unsupported, BackendErrorKind::Unsupported),
        (BackendError::is_superseded, BackendErrorKind::Superseded),
        (BackendError::is_invalid_key, BackendErrorKind::InvalidKey),
        (BackendError::is_invalid_option, BackendErrorKind::InvalidOption),
        (BackendError::is_too_large, BackendErrorKind::TooLarge),
    ];
    for (predicate, expected) in table {
        for &kind in BackendErrorKind::ALL {
            let error = BackendError::new(kind, Operation::Get);
            assert_eq!(predicate(&error), kind == expected, "{kind:?} against {expected:?}");
        }
    }
}
