use super::watch::Watch;
use super::{PROBE, name_of};
use crate::store::EntryKey;
use cachekit_io::{BackendError, BackendErrorKind, Operation};
use proptest::prelude::*;

fn name(tenant: &str, key: &str) -> String {
    name_of(&EntryKey::new(tenant, key))
}

#[test]
fn entries_are_called_by_tenant_and_key() {
    assert_eq!(name("acme", "ns:shop:7"), "cachekit-server:acme:ns:shop:7");
    assert_eq!(name("a:b", "c"), "cachekit-server:a%3Ab:c");
    assert_ne!(name("a:b", "c"), name("a", "b:c"));
    assert_ne!(name("a%3Ab", "c"), name("a:b", "c"));
    assert_ne!(name("", "k"), PROBE);
}

proptest! {
    #[test]
    fn no_two_entries_share_a_name(
        one in ("[ab:%3A]{0,4}", "[ab:%3A]{0,4}"),
        other in ("[ab:%3A]{0,4}", "[ab:%3A]{0,4}"),
    ) {
        let same = name(&one.0, &one.1) == name(&other.0, &other.1);
        prop_assert_eq!(same, one == other);
    }
}

#[test]
fn a_loss_counts_once_until_it_is_over() {
    let lost = || Err(BackendError::new(BackendErrorKind::Transient, Operation::Health));
    let watch = Watch::new();
    watch.note(Ok(()));
    assert_eq!((watch.is_up(), watch.failures()), (true, 0));
    watch.note(lost());
    watch.note(lost());
    assert_eq!((watch.is_up(), watch.failures()), (false, 1));
    watch.note(Ok(()));
    assert_eq!((watch.is_up(), watch.failures()), (true, 1));
    watch.note(lost());
    assert_eq!((watch.is_up(), watch.failures()), (false, 2));
}
