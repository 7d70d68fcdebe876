//! The program itself: command line, signals, files, and being killed.

use crate::support::{Client, page, tls};
use cachekit_server::DevAuthority;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_cachekit-server");

pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("RUST_LOG").kill_on_drop(true).stdin(Stdio::null());
    command
}

pub(crate) async fn output(arguments: &[&str]) -> Output {
    program(arguments).output().await.expect("the program runs")
}

/// A server in a process of its own.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) log: Lines<BufReader<ChildStderr>>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
}

impl Process {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_as(program(arguments), arguments).await
    }

    /// The same for a command that ends up as the program.
    pub(crate) async fn start_as(mut command: Command, arguments: &[&str]) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--log", "json"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        let line = said(&mut log, "listening").await;
        let address = field(&line, "address");
        let mut admin = None;
        if arguments.contains(&"--admin") {
            admin = Some(field(&said(&mut log, "admin listening").await, "address"));
        }
        Self { child, log, address, admin }
    }

    pub(crate) async fn client(&self, directory: &Path) -> Client {
        let read = |name| std::fs::read_to_string(directory.join(name)).expect(name);
        Client::connect(self.address, &read("ca.pem"), true, read("api-key").trim()).await
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    pub(crate) async fn end(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await;
        ended.expect("it ends").expect("it is a child").code()
    }
}

/// Reads the log up to a message.
pub(crate) async fn said(log: &mut Lines<BufReader<ChildStderr>>, message: &str) -> String {
    let wanted = format!("\"message\":\"{message}\"");
    let mut seen = String::new();
    loop {
        let line = log.next_line().await.expect("text");
        let Some(line) = line else { panic!("{message:?} was not logged, but:\n{seen}") };
        if line.contains(&wanted) {
            return line;
        }
        seen.push_str(&line);
        seen.push('\n');
    }
}

fn field(line: &str, name: &str) -> SocketAddr {
    let line: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
    line["fields"][name].as_str().expect("the field").parse().expect("an address")
}

#[tokio::test]
async fn wrong_command_lines_say_what_is_wrong_and_end_with_2() {
    for (arguments, says) in [
        (vec![], "--tls-cert"),
        (vec!["--nonsense"], "--nonsense"),
        (vec!["--dev", "--listen", "nowhere"], "--listen"),
        (vec!["--dev", "--store", "tape"], "`memory` or `disk:DIR`"),
        (vec!["--dev", "--max-bytes", "0"], "--max-bytes"),
        (vec!["--dev", "--max-bytes", "1TB"], "KiB, MiB or GiB"),
        (vec!["--dev", "--rate-limit", "0"], "--rate-limit"),
        (vec!["--dev", "--idle-timeout=-1"], "--idle-timeout"),
        (vec!["--dev", "--cleartext"], "cannot be used with"),
        (vec!["--cleartext"], "--api-keys"),
        (vec!["--cleartext", "--api-keys", "/nonexistent"], "/nonexistent"),
        (vec!["--cleartext", "--api-keys", "/dev/null"], "has no key"),
        (vec!["--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"], "/nonexistent"),
        (vec!["key", "new"], "--tenant"),
        (vec!["key", "new", "--tenant", "a/b"], "1 to 64 letters"),
        (vec!["key", "new", "--tenant", "a", "--kind", "root"], "`sdk`, `api` or `live`"),
        (vec!["key", "new", "--tenant", "a", "--scope", "all"], "`read`, `write`"),
    ] {
        let ended = output(&arguments).await;
        let message = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(says), "{arguments:?}: {message}");
    }
}

#[tokio::test]
async fn cleartext_stays_on_the_machine() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = directory.path().join("keys").display().to_string();
    let made = output(&["key", "new", "--tenant", "a", "--append", &keys]).await;
    assert!(made.status.success());
    let ended = output(&["--cleartext", "--api-keys", &keys, "--listen", "0.0.0.0:0"]).await;
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("loopback"));

    let server = Process::start(&["--cleartext", "--api-keys", &keys]).await;
    let key = String::from_utf8(made.stdout).expect("text");
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    let request = format!(
        "GET /v1/cache/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\n\r\n",
        key.trim()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn keys_are_made_listed_and_kept_as_hashes() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("keys");
    let path = file.display().to_string();
    let arguments = [
        "key",
        "new",
        "--tenant",
        "acme",
        "--kind",
        "sdk",
        "--scope",
        "read,lock",
        "--append",
        &path,
    ];
    let made = output(&arguments).await;
    assert!(made.status.success());
    let key = String::from_utf8(made.stdout).expect("text").trim().to_owned();
    assert!(key.starts_with("ck_sdk_") && key.len() > 64);
    let kept = std::fs::read_to_string(&file).expect("the file");
    let secret = key.rsplit('_').next().expect("the last part");
    assert!(!kept.contains(secret), "the key itself is nowhere");
    let listed = String::from_utf8(output(&["key", "list", &path]).await.stdout).expect("text");
    assert!(listed.contains("acme") && listed.contains(r#"["read","lock"]"#));
    assert!(!listed.contains(secret));

    std::fs::write(&file, format!("{kept}{{\"id\":1}}\n")).expect("written");
    let ended = output(&["key", "list", &path]).await;
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("line 2"));
}

#[tokio::test]
async fn development_prints_what_a_client_needs_and_keeps_it_to_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let (kept, env) = (directory.path().join("dev"), directory.path().join("env"));
    let (kept_path, env_path) = (kept.display().to_string(), env.display().to_string());
    let arguments = ["--dev", "--dev-dir", &kept_path, "--env-file", &env_path];
    let arguments = [&arguments[..], &["--dev-host", "cache.test"]].concat();
    let mut server = Process::start(&arguments).await;
    // Complete after the first answer at the latest: it is written before signals are awaited.
    let mut client = server.client(&kept).await;
    client.put("/v1/cache/k", &[], b"v").await;
    server.signal("-TERM");
    assert_eq!(server.end().await, Some(0));
    let lines = std::fs::read_to_string(&env).expect("the environment");
    let port = server.address.port();
    assert!(lines.contains(&format!("export CACHEKIT_API_URL=https://cache.test:{port}\n")));
    let key = std::fs::read_to_string(kept.join("api-key")).expect("the key");
    assert!(lines.contains(&format!("export CACHEKIT_API_KEY={key}\n")));
    for name in
        ["CACHEKIT_CA_FILE=", "CACHEKIT_ALLOW_CUSTOM_HOST=1", "CACHEKIT_ALLOW_PRIVATE_ADDRESSES=1"]
    {
        assert!(lines.contains(&format!("export {name}")), "{name}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for (path, mode) in [(&env, 0o600), (&kept.join("ca-key.pem"), 0o600), (&kept, 0o700)] {
            let metadata = std::fs::metadata(path).expect("it is there");
            assert_eq!(metadata.permissions().mode() & 0o777, mode, "{}", path.display());
        }
    }
    while let Some(line) = server.log.next_line().await.expect("text") {
        assert!(!line.contains(&key) && !line.contains("ck_live_"), "the log has no key");
    }
    // The same authority and the same key the next time: a client goes on with what it has.
    let certificate = std::fs::read_to_string(kept.join("ca.pem")).expect("the CA");
    let server = Process::start(&["--dev", "--dev-dir", &kept_path]).await;
    let mut client = Client::connect(server.address, &certificate, false, &key).await;
    assert_eq!(client.get("/v1/cache/k").await, None, "memory forgets");
}

#[tokio::test]
async fn sighup_reads_certificate_and_keys_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (cert, key_file, keys) = (path("cert.pem"), path("key.pem"), path("keys"));
    let certify = || {
        // A certificate that signs itself is its own authority.
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        std::fs::write(&cert, signed.cert.pem()).expect("written");
        std::fs::write(&key_file, signed.signing_key.serialize_pem()).expect("written");
        signed.cert.pem()
    };
    let first_cert = certify();
    let new_key = async |tenant: &str| {
        let made = output(&["key", "new", "--tenant", tenant, "--append", &keys]).await;
        String::from_utf8(made.stdout).expect("text").trim().to_owned()
    };
    let first_key = new_key("one").await;
    let arguments = [
        "--tls-cert",
        &cert,
        "--tls-key",
        &key_file,
        "--api-keys",
        &keys,
        "--admin",
        "127.0.0.1:0",
    ];
    let mut server = Process::start(&arguments).await;
    let mut old = Client::connect(server.address, &first_cert, true, &first_key).await;
    old.put("/v1/cache/k", &[], b"v").await;

    let second_cert = certify();
    let second_key = new_key("two").await;
    server.signal("-HUP");
    said(&mut server.log, "the certificate was read again").await;
    // The old connection goes on; a new one sees the new certificate and the new key.
    assert_eq!(old.get("/v1/cache/k").await.as_deref(), Some(b"v".as_slice()));
    let mut new = Client::connect(server.address, &second_cert, true, &second_key).await;
    assert_eq!(new.get("/v1/cache/k").await, None, "another tenant");

    // What is wrong changes nothing.
    std::fs::write(&cert, "no certificate").expect("written");
    std::fs::write(&keys, "no keys").expect("written");
    server.signal("-HUP");
    said(&mut server.log, "the old certificate stays").await;
    let mut again = Client::connect(server.address, &second_cert, false, &first_key).await;
    assert_eq!(again.get("/v1/cache/k").await.as_deref(), Some(b"v".as_slice()));
    let metrics = page(server.admin.expect("an admin listener"), "/metrics").await;
    assert!(metrics.contains("\ncachekit_server_reloads_total 1\n"));
    assert!(metrics.contains("\ncachekit_server_reloads_failed_total 1\n"));
    assert!(metrics.contains("\ncachekit_server_lookups_total{result=\"hit\"} 2\n"));
    assert!(!metrics.contains("tenant") && !metrics.contains("ck_"));

    // Neither does a file without a key: every request would be refused.
    certify();
    for (failed, empty) in ["", " \n\t\n", "# none\n"].into_iter().enumerate() {
        std::fs::write(&keys, empty).expect("written");
        server.signal("-HUP");
        let line = said(&mut server.log, "the old API keys stay").await;
        assert!(line.contains("\"ERROR\"") && line.contains("has no key"), "{line}");
        assert_eq!(old.get("/v1/cache/k").await.as_deref(), Some(b"v".as_slice()));
        let metrics = page(server.admin.expect("an admin listener"), "/metrics").await;
        let line = format!("\ncachekit_server_reloads_failed_total {}\n", failed + 2);
        assert!(metrics.contains(&line), "{metrics}");
    }

    // A key that is taken out is refused from then on, also on connections that are open.
    std::fs::remove_file(&keys).expect("it is there");
    new_key("three").await;
    server.signal("-HUP");
    said(&mut server.log, "the API keys were read again").await;
    assert_eq!(old.call("GET", "/v1/cache/k", b"").await.status, 401);
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let directory = tempfile::tempdir().expect("a directory");
    let (dev, data) = (directory.path().join("dev"), directory.path().join("data"));
    let store = format!("disk:{}", data.display());
    let dev_path = dev.display().to_string();
    let arguments = ["--dev", "--dev-dir", &dev_path, "--store", &store, "--max-bytes", "64MiB"];
    let value =
        |at: usize, round: usize| vec![u8::try_from(at % 251).unwrap(); 10 + at * 997 + round];
    let path = |at: usize| format!("/v1/cache/key-{at}");
    for round in 0..3 {
        let mut server = Process::start(&arguments).await;
        let mut client = server.client(&dev).await;
        for at in 0..40 {
            let found = client.get(&path(at)).await;
            // What the rounds before wrote and deleted, exactly.
            let expected = (round > 0 && at % 4 != 0).then(|| value(at, round - 1));
            assert_eq!(found, expected, "key {at} in round {round}");
        }
        for at in 0..40 {
            client.put(&path(at), &[("x-cachekit-ttl", "3600")], &value(at, round)).await;
            if at % 4 == 0 {
                client.call("DELETE", &path(at), b"").await;
            }
        }
        // In the middle of more writes, none of which was answered yet.
        let mut writing = server.client(&dev).await;
        let unanswered = tokio::spawn(async move {
            for _ in 0..1_000_000 {
                writing.call("PUT", "/v1/cache/torn", &vec![5; 300_000]).await;
            }
        });
        while client.get("/v1/cache/torn").await.is_none() {}
        server.child.kill().await.expect("killed");
        unanswered.abort();
    }
    let server = Process::start(&arguments).await;
    let torn = server.client(&dev).await.get("/v1/cache/torn").await;
    assert!(torn == Some(vec![5; 300_000]), "whole");
}

#[tokio::test]
async fn a_second_server_on_the_same_files_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = format!("disk:{}", directory.path().display());
    let _first = Process::start(&["--dev", "--store", &store]).await;
    let ended = output(&["--dev", "--listen", "127.0.0.1:0", "--store", &store]).await;
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("entries.redb"));
}

#[tokio::test]
async fn sigterm_lets_running_requests_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let dev = directory.path().join("dev");
    let dev_path = dev.display().to_string();
    let mut server =
        Process::start(&["--dev", "--dev-dir", &dev_path, "--admin", "127.0.0.1:0"]).await;
    let admin = server.admin.expect("an admin listener");
    assert!(page(admin, "/healthz").await.starts_with("HTTP/1.1 200 "));
    assert!(page(admin, "/readyz").await.starts_with("HTTP/1.1 200 "));
    assert!(page(admin, "/secrets").await.starts_with("HTTP/1.1 404 "));

    let read = |name| std::fs::read_to_string(dev.join(name)).expect(name);
    let mut stream = tls(server.address, &read("ca.pem"), &[b"http/1.1"]).await;
    let request = format!(
        "PUT /v1/cache/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Expect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        read("api-key")
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    // The request runs once the server asks for its body.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.expect("an interim answer");
    assert!(go_on.starts_with(b"HTTP/1.1 100 "));

    server.signal("-TERM");
    said(&mut server.log, "draining").await;
    while !page(admin, "/readyz").await.starts_with("HTTP/1.1 503 ") {}
    assert!(page(admin, "/healthz").await.starts_with("HTTP/1.1 200 "));
    stream.write_all(b"four").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("closed in an orderly way");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(server.end().await, Some(0));
    assert!(said(&mut server.log, "stopped").await.contains("\"drained\":true"));
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_deadline() {
    let directory = tempfile::tempdir().expect("a directory");
    let dev = directory.path().join("dev").display().to_string();
    let arguments = ["--dev", "--dev-dir", &dev, "--drain-timeout", "0.1"];
    let mut server = Process::start(&arguments).await;
    let read = |name: &str| std::fs::read_to_string(Path::new(&dev).join(name)).expect(name);
    let mut stream = tls(server.address, &read("ca.pem"), &[b"http/1.1"]).await;
    let request = format!(
        "PUT /v1/cache/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Expect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        read("api-key")
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream.read_exact(&mut [0; 25]).await.expect("an interim answer");
    server.signal("-TERM");
    assert_eq!(server.end().await, Some(0));
    assert!(said(&mut server.log, "stopped").await.contains("\"drained\":false"));
}

#[test]
fn an_authority_can_be_read_back() {
    let made = DevAuthority::new().expect("made");
    let read = DevAuthority::from_pem(made.certificate_pem(), &made.key_pem()).expect("read");
    assert_eq!(read.certificate_pem(), made.certificate_pem());
    assert_eq!(read.key_pem(), made.key_pem());
    assert!(DevAuthority::from_pem(made.certificate_pem(), "no key").is_err());
    assert!(made.issue(&["no name\u{fc}".to_owned()]).is_err());
}
