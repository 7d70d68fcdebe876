use super::contained;
use std::panic::panic_any;

/// Panics as it is dropped, with as many more of its kind.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        match self.0.checked_sub(1) {
            Some(left) => panic_any(Bomb(left)),
            None => panic!("the last one"),
        }
    }
}

#[test]
fn no_panic_gets_through_whatever_it_carries() {
    assert_eq!(contained(|| 7), Some(7));
    assert_eq!(contained(|| -> u32 { panic!("on purpose") }), None);
    for more in 0..4 {
        assert_eq!(contained(|| -> u32 { panic_any(Bomb(more)) }), None, "{more}");
    }
}
