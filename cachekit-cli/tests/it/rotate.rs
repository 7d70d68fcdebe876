//! `rotate`.

use crate::support::{Ended, Files, Run, key, keyring};

fn rotate(files: &Files, arguments: &[&str]) -> Ended {
    let keys = files.name("keys");
    let mut run = Run::new(&[&["rotate", "--key-file", &keys], arguments].concat());
    for byte in 0..=9 {
        run = run.secret(&key(byte));
    }
    run.end()
}

fn with(keys: &[u8]) -> Files {
    let files = Files::new();
    files.keys("keys", keys);
    files
}

#[test]
fn the_steps_name_the_keys_at_hand() {
    let files = with(&[1]);
    let ids = |keys: &[u8]| keyring(keys).key_ids("default", "users").unwrap();
    let ended = rotate(&files, &["--namespace", "users"]);
    let text = ended.succeeded().text();
    assert!(
        text.contains(&format!("To replace the current key, key id {}:", ids(&[1])[0])),
        "{text}"
    );
    let command = format!("cachekit rotate --key-file {} --out keys.next", files.name("keys"));
    assert!(text.contains(&command) && !text.contains("To drop"), "{text}");

    let files = with(&[2, 1]);
    let text = rotate(&files, &["--namespace", "users"]).succeeded().text().to_owned();
    assert!(
        text.contains(&format!("To drop the oldest key, key id {} (previous 1)", ids(&[1])[0]))
    );
    assert!(text.contains("previous_hits") && text.contains("To replace the current key"));

    let files = with(&[4, 3, 2, 1]);
    let text = rotate(&files, &[]).succeeded().text().to_owned();
    assert!(text.contains("To drop the oldest key, interop fingerprint"));
    assert!(text.contains("no room for another key") && !text.contains("To replace"));
}

#[test]
fn the_next_keys_have_a_new_current_one_and_keep_the_others() {
    let files = with(&[2, 1]);
    let next = files.name("next");
    let ended = rotate(&files, &["--out", &next]);
    ended.succeeded();
    let lines: Vec<String> = files.read("next").lines().map(str::to_owned).collect();
    assert_eq!(lines[1..], [key(2), key(1)]);
    assert_eq!(lines[0].len(), 64);
    assert!(!ended.text().contains(&lines[0]) && !ended.said.contains(&lines[0]));
    assert_eq!(ended.text().lines().count(), 4);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(files.path("next")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Twice is not the same key, and nothing is overwritten.
    rotate(&files, &["--out", &files.name("other")]).succeeded();
    assert_ne!(files.read("other").lines().next().unwrap(), lines[0]);
    rotate(&files, &["--out", &next]).failed(2, "nothing is overwritten");
    rotate(&files, &["--out", &files.name("keys")]).failed(2, "nothing is overwritten");
    assert_eq!(files.read("keys"), format!("{}\n{}\n", key(2), key(1)));
    rotate(&files, &["--next", &next]).succeeded();
}

#[test]
fn the_oldest_key_is_left_out_when_asked() {
    let files = with(&[3, 2, 1]);
    let next = files.name("next");
    rotate(&files, &["--drop-oldest", "--out", &next]).succeeded();
    assert_eq!(files.read("next"), format!("{}\n{}\n", key(3), key(2)));
    let checked = rotate(&files, &["--next", &next]);
    assert!(checked.succeeded().text().contains("previous 1:"));
    assert!(checked.said.contains("one previous key is left out"));

    let files = with(&[1]);
    let ended = rotate(&files, &["--drop-oldest", "--out", &files.name("next")]);
    ended.failed(2, "no previous key to leave out");
    rotate(&files, &["--drop-oldest"]).failed(2, "--out");
}

#[test]
fn an_environment_file_has_the_two_variables() {
    let files = with(&[3, 2, 1]);
    let next = files.name("next.env");
    rotate(&files, &["--format", "env", "--out", &next]).succeeded();
    let text = files.read("next.env");
    let (current, previous) = text.split_once('\n').unwrap();
    let current = current.strip_prefix("CACHEKIT_MASTER_KEY=").unwrap();
    let previous = previous.strip_suffix('\n').unwrap();
    let list = previous.strip_prefix("CACHEKIT_PREVIOUS_MASTER_KEYS=").unwrap();
    assert_eq!(list, [key(3), key(2), key(1)].join(","));
    // The environment made of it has the same keys as the file.
    let named = |run: Run| run.end().succeeded().text().to_owned();
    let run = Run::new(&["fingerprint"]).env("CACHEKIT_MASTER_KEY", current);
    let from_environment = named(run.env("CACHEKIT_PREVIOUS_MASTER_KEYS", list));
    let lines = files.write("lines", format!("{current}\n{}", list.replace(',', "\n")));
    assert_eq!(from_environment, named(Run::new(&["fingerprint", "--key-file", &lines])));
}

#[test]
fn a_fourth_previous_key_has_no_room() {
    let files = with(&[4, 3, 2, 1]);
    let ended = rotate(&files, &["--out", &files.name("next")]);
    ended.failed(2, "--drop-oldest");
    assert!(!files.path("next").exists());
}

#[test]
fn keys_that_go_back_or_get_lost_are_refused() {
    let files = with(&[2, 1]);
    for (next, says) in [
        (&[1, 2][..], "must not seal again"),
        (&[3, 1], "everything stored would be lost"),
        (&[2, 1], "nothing would change"),
        (&[3, 2, 5], "not in the keyring now"),
        (&[3, 3], "the current key is also a previous one"),
        (&[5, 4, 3, 2, 1], "more than 3 previous keys"),
    ] {
        std::fs::remove_file(files.path("next")).ok();
        let next = files.keys("next", next);
        rotate(&files, &["--next", &next]).failed(2, says);
    }
    let next = files.keys("good", &[3, 2, 1]);
    assert!(
        rotate(&files, &["--next", &next]).succeeded().said.contains("good: a new current key")
    );
    rotate(&files, &["--next", &files.name("missing")]).failed(2, "missing");
}
