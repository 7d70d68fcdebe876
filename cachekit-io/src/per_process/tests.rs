use super::{PerProcess, Process};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::ptr;
use std::sync::Mutex;

/// Tells the process that the test starts that it is the one to fork.
const FORKS: &str = "CACHEKIT_TEST_FORKS_VALUES";

/// Runs the rest of a test in a child. The exit code says whether it failed: the harness would report the test twice.
fn in_a_child(test: impl FnOnce()) {
    match fork::fork().unwrap() {
        fork::Fork::Child => {
            let outcome = catch_unwind(AssertUnwindSafe(test));
            std::process::exit(i32::from(outcome.is_err()));
        }
        fork::Fork::Parent(child) => {
            assert_eq!(fork::waitpid(child).unwrap(), 0, "the child failed");
        }
    }
}

fn forks() {
    let values = PerProcess::<Mutex<Vec<u32>>>::new();
    let parent = values.get();
    let process = Process::current();
    // A thread of the parent holds it at the moment of the fork.
    let held = parent.lock().unwrap();
    in_a_child(|| {
        assert!(!process.is_current());
        let child = values.get();
        assert!(!ptr::eq(parent, child));
        child.try_lock().unwrap().push(1);
        let second = Process::current();
        // This one asks for the first time after two forks, the next one in between as well.
        in_a_child(|| {
            assert!(!process.is_current() && !second.is_current());
            let grandchild = values.get();
            assert!(grandchild.try_lock().unwrap().is_empty());
            assert!(ptr::eq(grandchild, values.get()));
        });
        assert!(second.is_current());
        assert!(ptr::eq(child, values.get()));
    });
    // A second child is neither the first one nor the parent.
    in_a_child(|| assert!(values.get().try_lock().unwrap().is_empty()));
    drop(held);
    assert!(process.is_current());
    assert!(ptr::eq(parent, values.get()));
}

#[test]
fn each_process_has_its_own_value_and_finds_it_again() {
    if std::env::var_os(FORKS).is_some() {
        return forks();
    }
    let name = "per_process::tests::each_process_has_its_own_value_and_finds_it_again";
    let mut process = Command::new(std::env::current_exe().unwrap());
    // With one test thread the harness runs the test on the main thread.
    process.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(FORKS, "");
    let output = process.stdout(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
