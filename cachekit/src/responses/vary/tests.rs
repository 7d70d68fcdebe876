use std::collections::HashSet;
use std::process::{Command, Stdio};

use super::Rule;

/// Tells the process that the test starts that it is the one to fork.
const FORKS: &str = "CACHEKIT_TEST_FORKS_RULES";

/// Each child prints the number of its first rule.
fn forks() {
    // Whatever this thread has to begin with, it has before the fork.
    println!("\nrule {:?}", Rule::new(Vec::new()).number);
    for _ in 0..2 {
        match fork::fork().unwrap() {
            fork::Fork::Child => {
                println!("rule {:?}", Rule::new(Vec::new()).number);
                // Not back into the test harness, which would report a test twice.
                std::process::exit(0);
            }
            fork::Fork::Parent(child) => assert_eq!(fork::waitpid(child).unwrap(), 0),
        }
    }
}

#[test]
fn forked_siblings_number_their_rules_apart() {
    if std::env::var_os(FORKS).is_some() {
        return forks();
    }
    let name = "responses::vary::tests::forked_siblings_number_their_rules_apart";
    let mut process = Command::new(std::env::current_exe().unwrap());
    // With one test thread the harness runs the test on the main thread.
    process.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(FORKS, "");
    let output = process.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    let numbers: HashSet<_> = said.lines().filter(|line| line.starts_with("rule ")).collect();
    assert_eq!(numbers.len(), 3, "{said}");
}
