use super::*;

const MIB: usize = 1024 * 1024;

fn sum(open: &[Window]) -> usize {
    open.iter().map(|window| window.bytes() as usize).sum()
}

#[test]
fn all_windows_together_keep_the_bound() {
    for (most, connections) in [(256 * MIB, 2048), (MIB, 16), (100 * MIB, 1)] {
        let windows = Arc::new(Windows::new(most, connections));
        let open: Vec<_> = (0..connections).map(|_| windows.open()).collect();
        assert!(sum(&open) <= most, "{most} for {connections}: {}", sum(&open));
        assert!(open.iter().all(|window| window.bytes() >= LEAST));
    }
}

#[test]
fn a_few_connections_have_all_that_they_can_use() {
    let windows = Arc::new(Windows::new(256 * MIB, 2048));
    let open: Vec<_> = (0..20).map(|_| windows.open()).collect();
    assert!(open.iter().all(|window| window.bytes() == MOST));
}

#[test]
fn what_a_connection_had_the_next_one_gets() {
    let windows = Arc::new(Windows::new(2 * MIB, 4));
    let first = windows.open();
    let second = windows.open();
    assert!(second.bytes() < first.bytes());
    let had = first.bytes();
    drop((first, second));
    assert_eq!(windows.open().bytes(), had);
    assert_eq!(windows.spare.used(), 0);
}

/// No bound can take from a connection what the protocol gives it.
#[test]
fn too_small_a_bound_leaves_each_connection_the_least() {
    let windows = Arc::new(Windows::new(0, 1000));
    assert_eq!(windows.open().bytes(), LEAST);
}
