//! The program and the system's limit of open files.
#![cfg(target_os = "linux")]

use crate::process::{PROGRAM, Process, said};
use std::process::Stdio;
use tokio::process::Command;

/// The program under `ulimit` with these words.
fn limited(ulimit: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit {ulimit}; exec \"$0\" \"$@\""), PROGRAM])
        .args(arguments)
        .env_remove("RUST_LOG")
        .kill_on_drop(true)
        .stdin(Stdio::null());
    command
}

/// The soft and the hard limit of a process.
fn limits(id: u32) -> (String, String) {
    let text = std::fs::read_to_string(format!("/proc/{id}/limits")).expect("it runs");
    let line = text.lines().find(|line| line.starts_with("Max open files")).expect("it is there");
    let mut words = line.split_whitespace().skip(3).map(str::to_owned);
    (words.next().expect("soft"), words.next().expect("hard"))
}

#[tokio::test]
async fn the_limit_is_raised_as_far_as_it_may_be() {
    let arguments = ["--dev"];
    let mut server = Process::start_as(limited("-S -n 100", &arguments), &arguments).await;
    let (soft, hard) = limits(server.child.id().expect("it runs"));
    assert_eq!(soft, hard);
    assert_ne!(soft, "100");
    server.signal("-TERM");
    assert_eq!(server.end().await, Some(0));
}

#[tokio::test]
async fn connections_that_do_not_fit_are_told() {
    // Nothing was asked for: fewer than usual, and a line that says so.
    let mut child = limited("-n 200", &["--dev", "--listen", "127.0.0.1:0", "--log", "json"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stderr = child.stderr.take().expect("piped");
    let mut log = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(stderr));
    let message =
        "the system allows fewer open files than are usual, so there are fewer connections";
    let line = said(&mut log, message).await;
    assert!(
        line.contains("\"level\":\"WARN\"") && line.contains("\"max_connections\":36"),
        "{line}"
    );
    said(&mut log, "listening").await;
    child.kill().await.expect("it ran");

    let arguments = ["--dev", "--max-connections", "1000"];
    let ended = limited("-n 200", &arguments).output().await.expect("it runs");
    let message = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{message}");
    assert!(message.contains("2128 open files") && message.contains("at most 36"), "{message}");
}
