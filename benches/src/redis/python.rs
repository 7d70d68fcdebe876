//! The Python SDK's Redis backend, where it is installed.

use std::process::Command;

use cachekit_test_servers::Node;

use crate::options::Options;

const SCRIPT: &str = include_str!("python.py");

/// Prints a line for it, one request at a time; or why there is none.
pub(super) fn print(server: &Node, key: &str, title: &str, options: &Options) {
    let rounds = options.pick(2_000, 50_000).to_string();
    let run = Command::new("python3").args(["-c", SCRIPT, &server.url(), key, &rounds]).output();
    let said = match run {
        Ok(run) if run.status.success() => String::from_utf8_lossy(&run.stdout).trim().to_owned(),
        Ok(run) => {
            let problem = String::from_utf8_lossy(&run.stderr);
            let last = problem.trim().lines().last().unwrap_or_default();
            format!("not measured: {last} (pip install cachekit)")
        }
        Err(error) => format!("not measured: python3: {error}"),
    };
    println!("  the Python SDK's Redis, by itself, {title}, 1 at a time: {said}");
}
