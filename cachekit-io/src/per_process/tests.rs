use super::PerProcess;
use std::ptr;
use std::sync::Mutex;

#[test]
fn a_process_finds_its_value_again_and_a_child_has_its_own() {
    let values = PerProcess::<Mutex<Vec<u32>>>::new();
    let parent = values.of(1);
    // A thread of the parent holds it at the moment of the fork.
    let _held = parent.lock().unwrap();
    let child = values.of(2);
    child.try_lock().unwrap().push(2);
    let grandchild = values.of(3);
    assert!(grandchild.try_lock().unwrap().is_empty());
    assert!(ptr::eq(parent, values.of(1)));
    assert!(ptr::eq(child, values.of(2)));
    assert!(ptr::eq(grandchild, values.of(3)));
    assert!(!ptr::eq(child, values.get()) || std::process::id() == 2);
}
