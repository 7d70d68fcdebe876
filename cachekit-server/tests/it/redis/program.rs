//! The command line, and what it never shows.

use crate::process::{Process, output, program, said};
use crate::support::page;
use cachekit_test_servers::Node;

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_serve_one_cache_and_show_no_password() {
    let redis = Node::options().password("s3cret-pass").start();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("password");
    std::fs::write(&file, "s3cret-pass\n").expect("written");
    let dev = directory.path().join("dev").display().to_string();
    let arguments = ["--dev", "--dev-dir", &dev, "--admin", "127.0.0.1:0"];
    // One has all of it from the variable, the other has the password from a file.
    let mut first = program(&arguments);
    first.env("CACHEKIT_SERVER_STORE", redis.url_for("default", "s3cret-pass"));
    let (url, file) = (redis.url(), file.display().to_string());
    let mut second = program(&arguments);
    second.args(["--store", &url, "--store-password-file", &file, "--store-timeout", "5"]);
    for command in [&mut first, &mut second] {
        command.env("RUST_LOG", "debug");
    }
    let mut a = Process::start_as(first, &arguments).await;
    let mut b = Process::start_as(second, &arguments).await;
    let (mut on_a, mut on_b) = (
        a.client(directory.path().join("dev").as_path()).await,
        b.client(&directory.path().join("dev")).await,
    );
    on_a.put("/v1/cache/k", &[], b"value").await;
    assert_eq!(on_b.get("/v1/cache/k").await.as_deref(), Some(b"value".as_slice()));

    redis.stop();
    assert_eq!(on_b.call("GET", "/v1/cache/k", b"").await.status, 503);
    let line = said(
        &mut b.log,
        "the Redis store failed: requests that need it are answered 503 until it is back",
    )
    .await;
    assert!(line.contains("\"ERROR\""), "{line}");
    tokio::task::block_in_place(|| redis.restart());
    let line = said(&mut b.log, "the Redis store is back").await;
    assert!(line.contains("\"INFO\"") && line.contains("\"seconds\":"), "{line}");
    let metrics = page(b.admin.expect("there is one"), "/metrics").await;
    assert!(!metrics.contains("s3cret"), "{metrics}");
    for process in [&mut a, &mut b] {
        process.signal("-TERM");
        assert_eq!(process.end().await, Some(0));
        while let Some(line) = process.log.next_line().await.expect("text") {
            assert!(!line.contains("s3cret"), "{line}");
        }
    }
}

#[tokio::test]
async fn mistakes_are_told_without_what_was_given() {
    for (arguments, says) in [
        (vec!["--store", "rediss//:wrong-pass@host"], "the URL of a Redis"),
        (vec!["--store", "redis://:wrong-pass@host:port"], "--store"),
        (
            vec!["--store", "redis://u@host", "--store-password-file", "/nonexistent"],
            "--store-password-file",
        ),
        (vec!["--store", "rediss://u@host", "--store-ca-file", "/nonexistent"], "--store-ca-file"),
        (vec!["--store", "redis://host", "--store-prefix", "{a}"], "--store-prefix"),
        (vec!["--store", "redis://host", "--max-bytes", "1GiB"], "--max-bytes"),
        (vec!["--store", "redis://host", "--quota-bytes", "1GiB"], "--quota-bytes"),
        (vec!["--store", "memory", "--store-timeout", "1"], "--store-timeout"),
        (vec!["--store-prefix", "a:"], "--store-prefix"),
    ] {
        let ended = output(&[&["--dev"], arguments.as_slice()].concat()).await;
        let message = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(says), "{arguments:?}: {message}");
        assert!(!message.contains("wrong-pass"), "{message}");
        assert!(!message.contains("CACHEKIT_"), "{message}");
    }
}

#[tokio::test]
async fn a_password_that_every_user_of_the_machine_sees_is_refused() {
    let redis = Node::options().password("s3cret-pass").start();
    let wrong = redis.url_for("default", "wrong-pass");
    for url in [
        wrong.as_str(),
        "redis://:wrong-pass@host",
        "redis://host?password=wrong-pass",
        "valkey-cluster://u:wrong-pass@host,host",
        "redis-sentinel://host/name?sentinel_password=wrong-pass",
    ] {
        let ended = output(&["--dev", "--store", url]).await;
        let message = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{message}");
        for says in ["CACHEKIT_SERVER_STORE", "--store-password-file"] {
            assert!(message.contains(says), "{message}");
        }
        assert!(!message.contains("wrong-pass"), "{message}");
    }
    // Of the variable it is taken, and the server is asked.
    let ended = program(&["--dev"]).env("CACHEKIT_SERVER_STORE", &wrong).output().await;
    let ended = ended.expect("the program runs");
    let message = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{message}");
    assert!(message.contains("does not accept the user and password (--store)"), "{message}");
    assert!(!message.contains("wrong-pass") && !message.contains("CACHEKIT_"), "{message}");
}

#[tokio::test]
async fn the_variable_is_for_the_server_and_its_value_is_not_shown() {
    let url = "redis://:s3cret-pass@127.0.0.1:1";
    for arguments in [["--help"].as_slice(), &["--nonsense"]] {
        let ended = program(arguments).env("CACHEKIT_SERVER_STORE", url).output().await;
        let ended = ended.expect("the program runs");
        let shown = [ended.stdout, ended.stderr].concat();
        assert!(!String::from_utf8_lossy(&shown).contains("s3cret"));
    }
    let mut command = program(&["key", "new", "--tenant", "a"]);
    let ended = command.env("CACHEKIT_SERVER_STORE", url).output().await;
    assert!(ended.expect("the program runs").status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_speak_tls_with_an_authority_of_its_own() {
    let redis = Node::options().tls().start();
    let directory = tempfile::tempdir().expect("a directory");
    let dev = directory.path().join("dev");
    let (dev_text, url) = (dev.display().to_string(), redis.url());
    let ca = redis.ca_file().expect("it speaks TLS").display().to_string();
    let common = ["--dev", "--dev-dir", &dev_text, "--store", &url];
    let trusting = [common.as_slice(), &["--store-ca-file", &ca]].concat();
    let server = Process::start(&trusting).await;
    let mut client = server.client(&dev).await;
    client.put("/v1/cache/k", &[], b"value").await;
    assert_eq!(client.get("/v1/cache/k").await.as_deref(), Some(b"value".as_slice()));
    // Without the authority nothing is said to it. The certificate may be replaced: the server starts.
    let mut server = Process::start(&common).await;
    let mut client = server.client(&dev).await;
    assert_eq!(client.call("GET", "/v1/cache/k", b"").await.status, 503);
    server.signal("-TERM");
    assert_eq!(server.end().await, Some(0));
}
