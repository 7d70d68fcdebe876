use super::Place;
use crate::conformance::{Subject, check_all};

#[test]
fn the_contract_is_kept() {
    let place = Place::new();
    let backend = place.backend();
    let hands = place.hands.clone();
    let subject = Subject::new(&backend).with_lock_fencing().advance(move |by| {
        hands.advance(by);
        std::future::ready(())
    });
    let report = pollster::block_on(check_all(&subject));
    report.assert_passed();
    // Nothing was left out but the events, which a directory does not have.
    for (check, reason) in report.skipped() {
        assert!(check.starts_with("events::"), "{check} was skipped: {reason}");
    }
}
