//! Standard output and standard error whose readers ended, as with `| head`.

use crate::process::program;
use crate::support::Client;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// What a panic ends with.
const PANICKED: Option<i32> = Some(101);

/// Starts it with pipes that are closed before it writes, or as soon as it can be.
fn piped(mut command: Command, close_error: bool) -> Child {
    let error = if close_error { Stdio::piped() } else { Stdio::null() };
    let mut child = command.stdout(Stdio::piped()).stderr(error).spawn().expect("it starts");
    drop(child.stdout.take());
    drop(child.stderr.take());
    child
}

async fn ended(child: &mut Child) -> Option<i32> {
    let ended = tokio::time::timeout(Duration::from_secs(60), child.wait()).await;
    ended.expect("it ends").expect("it is a child").code()
}

#[tokio::test]
async fn every_command_survives_a_reader_that_ended() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = directory.path().join("keys").display().to_string();
    std::fs::write(&keys, "").expect("written");
    for arguments in [
        vec!["--help"],
        vec!["--version"],
        vec!["--nonsense"],
        vec!["--cleartext"],
        vec!["key", "new", "--tenant", "a"],
        vec!["key", "new", "--tenant", "a", "--append", &keys],
        vec!["key", "list", &keys],
        vec!["key", "list", "/nonexistent"],
        vec!["key", "--help"],
    ] {
        for close_error in [false, true] {
            let code = ended(&mut piped(program(&arguments), close_error)).await;
            assert!(code.is_some() && code != PANICKED, "{arguments:?}: {code:?}");
        }
    }
}

#[tokio::test]
async fn a_server_goes_on_when_its_output_is_not_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    for (round, close_error) in [false, true].into_iter().enumerate() {
        let env = path(&format!("env-{round}"));
        let (dev, env_text) = (path("dev").display().to_string(), env.display().to_string());
        let arguments =
            ["--dev", "--dev-dir", &dev, "--env-file", &env_text, "--listen", "127.0.0.1:0"];
        let mut command = program(&arguments);
        // Everything there is to say.
        command.env("RUST_LOG", "debug");
        let mut child = piped(command, close_error);
        while !env.exists() {
            tokio::task::yield_now().await;
            assert_eq!(child.try_wait().expect("it is a child"), None, "it runs");
        }
        let mut client = client(&env, directory.path()).await;
        client.put("/v1/cache/k", &[], b"v").await;
        let id = child.id().expect("it runs").to_string();
        for signal in ["-HUP", "-TERM"] {
            let sent = std::process::Command::new("kill").args([signal, &id]).status();
            assert!(sent.expect("kill is there").success());
            if signal == "-HUP" {
                assert_eq!(client.get("/v1/cache/k").await.as_deref(), Some(b"v".as_slice()));
            }
        }
        assert_eq!(ended(&mut child).await, Some(0), "in an orderly way");
    }
}

async fn client(env: &Path, directory: &Path) -> Client {
    let lines = std::fs::read_to_string(env).expect("the environment");
    let url = lines.lines().find_map(|line| line.strip_prefix("export CACHEKIT_API_URL="));
    let port = url.and_then(|url| url.rsplit(':').next()).expect("a port").parse().expect("one");
    let read = |name: &str| std::fs::read_to_string(directory.join("dev").join(name)).expect(name);
    let address = (std::net::Ipv4Addr::LOCALHOST, port).into();
    Client::connect(address, &read("ca.pem"), true, read("api-key").trim()).await
}
