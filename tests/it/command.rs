//! The command `cachekit` next to real entries: those that annotated functions store, and those of a service.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use cachekit::cache;
use cachekit::testing::{Scope, settle};
use cachekit_io::SetOptions;
use cachekit_io::testing::FaultyBackend;
use serde::{Deserialize, Serialize};

use crate::secure::{entry, key, machine, store, written};
use crate::service::Service;

const MASTER_KEY: [u8; 32] = [1; 32];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account {
    owner: String,
    balance: i64,
}

/// Bincode cannot carry it: what the tag says comes first when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Event {
    Paid { amount: i64 },
}

#[cache(ttl = 60, namespace = "command")]
fn open_account(owner: &str) -> Account {
    Account { owner: owner.repeat(2000), balance: 1 }
}

#[cache::secure(ttl = 60, namespace = "command", stale = "30s")]
fn account(owner: &str) -> Account {
    Account { owner: owner.to_owned(), balance: -7 }
}

#[cache::secure(ttl = 60, namespace = "command", tenant = tenant)]
fn event(tenant: &str, amount: i64) -> Event {
    let _ = tenant;
    Event::Paid { amount }
}

struct Ended {
    code: Option<i32>,
    out: Vec<u8>,
    text: String,
    said: String,
}

/// Runs the command with an entry on standard input, and master key 1.
fn command(arguments: &[&str], entry: &[u8], service: Option<&Service>) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_command-under-test"));
    if let Some(service) = service {
        service.configure(&mut command, "127.0.0.1");
    }
    command.args(arguments).env("CACHEKIT_MASTER_KEY", hex::encode(MASTER_KEY));
    command.env_remove("CACHEKIT_PREVIOUS_MASTER_KEYS");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(entry);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for printed in [&text, &said] {
        assert!(!printed.contains(&hex::encode(MASTER_KEY)[..16]), "{printed}");
    }
    Ended { code: output.status.code(), out: output.stdout, text, said }
}

/// The only entry there is: where it is stored, and its bytes.
fn only(store: &FaultyBackend) -> (String, Bytes) {
    let keys = written(store);
    let [key] = &keys[..] else { panic!("{keys:?}") };
    let bytes = entry(store, key).unwrap();
    (key.clone(), bytes)
}

#[test]
fn entries_of_functions_that_do_not_seal_are_called_plaintext() {
    let store = store();
    let scope = Scope::new().with_backend(std::sync::Arc::new(store.clone()));
    scope.run(|| open_account("Ada"));
    scope.run(settle);
    let (_, bytes) = only(&store);
    let ended = command(&["inspect", "-"], &bytes, None);
    assert_eq!(ended.code, Some(3), "{}", ended.text);
    for row in [
        "format:       plaintext! a frame of cachekit without a seal",
        "codec:        bincode, compressed with LZ4",
        "lifetime:     fresh until 2",
    ] {
        assert!(ended.text.contains(row), "{row:?} is not in:\n{}", ended.text);
    }
    let value = field(&ended.text, "value").strip_suffix(" bytes").unwrap().to_owned();
    assert!((6000..6020).contains(&value.parse::<u32>().unwrap()), "{value}");
    assert_eq!(field(&ended.text, "bytes"), bytes.len().to_string());
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let named = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    text.lines().find_map(named).unwrap_or_else(|| panic!("no {name} in:\n{text}")).trim()
}

#[test]
fn entries_of_functions_that_seal_open_with_the_key() {
    let store = store();
    machine(&store).run(|| {
        account("Ada");
        settle();
    });
    let (stored, bytes) = only(&store);
    let shown = command(&["inspect", "-"], &bytes, None);
    assert_eq!((shown.code, field(&shown.text, "format")), (Some(0), "sealed, native"));

    let fingerprint = cachekit::secure::fingerprint::<Account>();
    let place = ["open", "-", "--namespace", "command", "--storage-key", &stored];
    let with = |more: &[&str]| command(&[&place[..], more].concat(), &bytes, None);
    let opened = with(&["--fingerprint", &fingerprint]);
    assert_eq!(opened.code, Some(0), "{}", opened.said);
    assert!(opened.out.windows(3).any(|window| window == b"Ada"));
    assert!(opened.out.len() < 20, "{:?}", opened.text);
    assert_eq!(field(&opened.said, "codec"), "bincode");
    assert!(field(&opened.said, "lifetime").contains("usable until"), "{}", opened.said);
    assert_eq!(with(&["--fingerprint", &fingerprint, "--raw"]).out[..4], *b"\xc1CK4");
    let decoded = with(&["--fingerprint", &fingerprint, "--decode"]);
    assert!(decoded.code == Some(2) && decoded.said.contains("own type"), "{}", decoded.said);

    let other = with(&["--fingerprint", &cachekit::secure::fingerprint::<Event>()]);
    assert!(other.code == Some(3) && other.said.contains("--fingerprint"), "{}", other.said);
    let none = with(&[]);
    assert!(none.code == Some(3) && none.out.is_empty() && none.said.contains("--fingerprint"));
}

#[test]
fn what_was_sealed_as_message_pack_is_shown_as_json() {
    let store = store();
    machine(&store).run(|| {
        event("acme", 12);
        settle();
    });
    let (stored, bytes) = only(&store);
    let fingerprint = cachekit::secure::fingerprint::<Event>();
    let mut arguments = vec!["open", "-", "--namespace", "command", "--storage-key", &stored];
    arguments.extend(["--fingerprint", &fingerprint, "--decode", "--tenant"]);
    let opened = command(&[&arguments[..], &["acme"]].concat(), &bytes, None);
    assert_eq!(opened.text, "{\n  \"kind\": \"Paid\",\n  \"amount\": 12\n}\n", "{}", opened.said);
    let other = command(&[&arguments[..], &["default"]].concat(), &bytes, None);
    assert!(other.code == Some(3) && other.said.contains("tenant"), "{}", other.said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_read_straight_from_the_service() {
    let service = Service::start(&[]).await;
    let store = store();
    machine(&store).run(|| {
        account("Ada");
        settle();
    });
    let (stored, bytes) = only(&store);
    let minute = SetOptions::new().ttl(Duration::from_secs(60));
    service.client().set(&stored, bytes, &minute).await.unwrap();
    let service = tokio::task::spawn_blocking(move || {
        let from_service = |arguments: &[&str]| {
            let all = [arguments, &["--from-service", "--storage-key"]].concat();
            (
                command(&[&all[..], &[&stored]].concat(), b"", Some(&service)),
                command(&[&all[..], &["s1:absent"]].concat(), b"", Some(&service)),
            )
        };
        let (found, absent) = from_service(&["inspect"]);
        assert_eq!((found.code, field(&found.text, "format")), (Some(0), "sealed, native"));
        assert!(absent.code == Some(4) && absent.said.contains("no entry"), "{}", absent.said);

        let fingerprint = cachekit::secure::fingerprint::<Account>();
        let (opened, absent) =
            from_service(&["open", "--namespace", "command", "--fingerprint", &fingerprint]);
        assert_eq!(opened.code, Some(0), "{}", opened.said);
        assert!(opened.out.windows(3).any(|window| window == b"Ada"));
        assert_eq!(absent.code, Some(4));

        let nowhere = ["inspect", "--url", "https://127.0.0.1:1"];
        let (nowhere, _) = from_service(&nowhere);
        assert_eq!(nowhere.code, Some(1), "{}", nowhere.said);
        let (wrong, _) = from_service(&["inspect", "--url", "http://127.0.0.1:1"]);
        assert_eq!(wrong.code, Some(2), "{}", wrong.said);
        service
    });
    service.await.unwrap().running.shutdown().await;
}

#[test]
fn the_key_of_these_tests_is_the_one_of_the_command() {
    let keys = cachekit::secure::KeySet::from_hex(&hex::encode(MASTER_KEY), &[]).unwrap();
    let ids = |keyring: cachekit::secure::Keyring| keyring.key_ids("a", "b").unwrap();
    let ours = cachekit::secure::KeySet::new(key(1), []).unwrap();
    assert_eq!(
        ids(cachekit::secure::Keyring::new(keys)),
        ids(cachekit::secure::Keyring::new(ours))
    );
}
