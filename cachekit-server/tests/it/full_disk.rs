//! The program on a file that may not grow: it goes on, says so, and comes back.
#![cfg(target_os = "linux")]

use crate::process::{PROGRAM, Process, said};
use crate::support::page;
use std::process::Stdio;
use tokio::process::Command;

#[tokio::test]
async fn a_file_that_may_not_grow_stops_writes_and_not_reads_until_it_may() {
    let directory = tempfile::tempdir().expect("a directory");
    let (dev, data) = (directory.path().join("dev"), directory.path().join("data"));
    let store = format!("disk:{}", data.display());
    let dev_path = dev.display().to_string();
    let arguments = ["--dev", "--dev-dir", &dev_path, "--store", &store, "--admin", "127.0.0.1:0"];
    // Of this process and its files: 4 MiB, which it may raise itself.
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -S -f 8192; exec \"$0\" \"$@\"", PROGRAM])
        .args(arguments)
        .env_remove("RUST_LOG")
        .kill_on_drop(true)
        .stdin(Stdio::null());
    let mut server = Process::start_as(command, &arguments).await;
    let admin = server.admin.expect("an admin listener");
    let mut client = server.client(&dev).await;
    let path = |at: usize| format!("/v1/cache/key-{at}");
    let value = |at: usize| vec![u8::try_from(at % 251).expect("small"); 200_000];

    let mut stored = 0;
    let refused = loop {
        let answer = client.call("PUT", &path(stored), &value(stored)).await;
        if answer.status != 200 {
            break answer;
        }
        stored += 1;
        assert!(stored < 1000, "the limit holds");
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let line = said(
        &mut server.log,
        "the disk store failed: writes are refused until the disk takes them again",
    )
    .await;
    assert!(line.contains("\"ERROR\"") && !line.contains("key-"), "{line}");
    let ready = page(admin, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    assert!(page(admin, "/healthz").await.starts_with("HTTP/1.1 200 "));
    for at in 0..stored {
        assert!(client.get(&path(at)).await == Some(value(at)), "reads go on: {at}");
    }
    assert_eq!(client.call("PUT", "/v1/cache/other", &value(1)).await.status, 503);
    assert_eq!(client.call("GET", "/v1/cache/health", b"").await.status, 200);

    let id = server.child.id().expect("it runs").to_string();
    let raised = Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status().await;
    if raised.is_ok_and(|status| status.success()) {
        // The sweep of every second finds out.
        let line = said(&mut server.log, "the disk store takes writes again").await;
        assert!(line.contains("\"INFO\"") && line.contains("\"seconds\":"), "{line}");
        assert!(page(admin, "/readyz").await.starts_with("HTTP/1.1 200 "));
        client.put(&path(stored), &[], &value(stored)).await;
        stored += 1;
        let metrics = page(admin, "/metrics").await;
        assert!(metrics.contains("\ncachekit_server_store_failures_total 1\n"), "{metrics}");
    }
    server.signal("-TERM");
    assert_eq!(server.end().await, Some(0));
    // After a start without the limit all of it is there.
    let server = Process::start(&arguments).await;
    let mut client = server.client(&dev).await;
    for at in 0..stored {
        assert!(client.get(&path(at)).await == Some(value(at)), "{at}");
    }
}
