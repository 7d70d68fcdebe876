//! Counts of ended entries.

use crate::responses::ends::Ends;

#[test]
fn an_end_counts_for_its_own_hash() {
    let ends = Ends::default();
    assert_eq!(ends.of(7), 0);
    ends.count(7);
    let others = (0..1 << 16).filter(|hash| *hash != 7 && ends.of(*hash) != 0);
    assert_eq!((ends.of(7), others.count()), (1, 0), "changes of other pages end nothing");
    ends.count_all();
    assert_eq!((ends.of(7), ends.of(8)), (2, 1));
}
