use std::sync::mpsc;
use std::sync::{Arc, Barrier};

use super::{REFRESHING, finish, submit};

#[test]
fn what_is_cleaned_up_waits_for_no_refresh() {
    // All threads for refreshes, and this one.
    let refreshing = Arc::new(Barrier::new(REFRESHING + 1));
    let over = Arc::new(Barrier::new(REFRESHING + 1));
    for _ in 0..REFRESHING {
        let (refreshing, over) = (Arc::clone(&refreshing), Arc::clone(&over));
        submit(Box::new(move || {
            refreshing.wait();
            over.wait();
        }));
    }
    refreshing.wait();
    let (cleaned, is_cleaned) = mpsc::channel();
    finish(Box::new(move || cleaned.send(()).unwrap()));
    is_cleaned.recv().unwrap();
    over.wait();
}
