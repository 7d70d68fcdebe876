use std::time::Duration;

use super::{Clock, Scope, isolate};
use crate::thread_cache;

#[test]
fn guards_nest_and_may_be_dropped_in_any_order() {
    assert_eq!(thread_cache::scope(), 0);
    let outer = isolate();
    let inner = isolate();
    let id = thread_cache::scope();
    assert_ne!(id, 0);
    drop(outer);
    assert_eq!(thread_cache::scope(), id, "the inner one still counts");
    drop(inner);
    assert_eq!(thread_cache::scope(), 0);
}

#[test]
fn clones_of_a_clock_show_one_time() {
    let clock = Clock::new();
    let other = clock.clone();
    let before = other.now();
    clock.advance(Duration::from_secs(1));
    assert_eq!(other.now() - before, 1_000_000_000);
}

#[test]
fn a_scope_is_left_when_a_panic_unwinds() {
    let scope = Scope::new();
    let result = std::panic::catch_unwind(|| scope.run(|| panic!("on purpose")));
    assert!(result.is_err());
    assert_eq!(thread_cache::scope(), 0);
}
