use super::*;

const MIB: usize = 1024 * 1024;

fn sum(open: &[Window]) -> usize {
    open.iter().map(|window| window.bytes() as usize).sum()
}

fn windows(most: usize, connections: usize) -> Arc<Windows> {
    Arc::new(Windows::new(Some(most), connections).expect("a bound that can be kept"))
}

#[test]
fn all_windows_together_keep_the_bound() {
    for (most, connections) in [(256 * MIB, 2048), (MIB, 16), (100 * MIB, 1)] {
        let windows = windows(most, connections);
        let open: Vec<_> = (0..connections).map(|_| windows.open()).collect();
        assert!(sum(&open) <= most, "{most} for {connections}: {}", sum(&open));
        assert!(open.iter().all(|window| window.bytes() >= LEAST));
    }
}

#[test]
fn a_few_connections_have_all_that_they_can_use() {
    let windows = windows(256 * MIB, 2048);
    let open: Vec<_> = (0..20).map(|_| windows.open()).collect();
    assert!(open.iter().all(|window| window.bytes() == MOST));
}

#[test]
fn what_a_connection_had_the_next_one_gets() {
    let windows = windows(2 * MIB, 4);
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
fn a_bound_that_cannot_be_kept_is_refused() {
    let least = 1000 * LEAST as usize;
    let refused = Windows::new(Some(least - 1), 1000).err();
    assert_eq!(refused, Some(TooFew { stated: least - 1, least }));
    assert_eq!(windows(least, 1000).open().bytes(), LEAST);
}

/// The first connection is served as well by a server that allows for many.
#[test]
fn without_a_bound_there_is_space_for_any_number_of_connections() {
    for connections in [1, 2 * 1024, 2 * 2048, 2 * 10_000, 2 * 1_000_000] {
        let windows = Arc::new(Windows::new(None, connections).expect("a bound of its own"));
        assert_eq!(windows.open().bytes(), MOST, "{connections}");
    }
}
