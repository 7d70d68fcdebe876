//! `--json`: every command that has a result, and every failure.

use crate::support::{Ended, Files, NAMESPACE, Run, STORAGE_KEY, key, seal};
use cachekit_io::envelope::Padding;
use serde_json::Value;

fn json(ended: &Ended) -> Value {
    let mut values = serde_json::Deserializer::from_slice(&ended.out).into_iter();
    let value = values.next().expect("something").expect("JSON");
    assert!(values.next().is_none(), "one document: {}", ended.text());
    value
}

#[test]
fn results_are_one_document() {
    let files = Files::new();
    let keys = files.keys("keys", &[2, 1]);
    let entry = files.write("entry", seal(&[1], Padding::None, b"value"));
    let run = |arguments: &[&str]| Run::new(arguments).secret(&key(1)).secret(&key(2)).end();

    let fingerprint =
        json(run(&["fingerprint", "--json", "--key-file", &keys, "--namespace", "n"]).succeeded());
    assert_eq!(fingerprint["tenant"], "default");
    assert!(fingerprint["previous_1"].as_str().expect("text").starts_with("key-id="));

    let inspected = json(run(&["--json", "inspect", &entry]).succeeded());
    assert_eq!(inspected["format"], "sealed, native");

    let open = ["open", &entry, "--namespace", NAMESPACE, "--storage-key", STORAGE_KEY];
    let opened = json(run(&[&open[..], &["--key-file", &keys, "--json"]].concat()).succeeded());
    assert_eq!((&opened["value"], &opened["encoding"]), (&"value".into(), &"utf-8".into()));

    let rotate = json(run(&["rotate", "--key-file", &keys, "--json"]).succeeded());
    assert!(rotate["steps"].as_str().expect("text").contains("To replace the current key"));
    assert!(rotate["keys"]["current"].is_string());
    let next = files.name("next");
    let written = json(run(&["rotate", "--key-file", &keys, "--out", &next, "--json"]).succeeded());
    assert!(written["previous_2"].is_string());
    json(run(&["rotate", "--key-file", &keys, "--next", &next, "--json"]).succeeded());

    let made = json(Run::new(&["keygen", "--json"]).end_unwatched().succeeded());
    let made = made["master_key"].as_str().expect("a key").to_owned();
    let one = files.write("made", &made);
    Run::new(&["fingerprint", "--key-file", &one]).secret(&made).end().succeeded();
}

#[test]
fn failures_are_told_on_standard_error_with_their_code() {
    let files = Files::new();
    for (arguments, code) in [
        (vec!["fingerprint"], 2),
        (vec!["inspect", "/nonexistent"], 1),
        (vec!["get", "k"], 2),
        (vec!["get", "k", "--backend", "redis://127.0.0.1:1"], 1),
    ] {
        let arguments = [&arguments[..], &["--json"]].concat();
        let ended = Run::new(&arguments).setting("CACHEKIT_TIMEOUT", "2").end();
        assert_eq!(ended.code, Some(code), "{arguments:?}");
        let said: Value = serde_json::from_str(&ended.said).expect("JSON");
        assert_eq!(said["code"], code);
        assert!(said["error"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(ended.out.is_empty());
    }
    let backend = format!("file://{}", crate::backends::directory(&files, "cache"));
    let ended = Run::new(&["exists", "k", "--json", "--backend", &backend]).end();
    assert_eq!(ended.text(), "{\"found\":false,\"key\":\"k\"}\n");
    let said: Value = serde_json::from_str(&ended.said).expect("JSON");
    assert_eq!((ended.code, &said["code"]), (Some(4), &4.into()));
}

/// Each line of standard error is a document.
fn told(ended: &Ended) -> Vec<Value> {
    ended.said.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn mistakes_in_the_command_line_are_failures_like_others() {
    for arguments in [
        vec!["--json"],
        vec!["nonsense", "--json"],
        vec!["get", "--json"],
        vec!["get", "k", "--nonsense", "--json"],
        vec!["--json", "set", "k", "--ttl", "soon"],
        vec!["fingerprint", "--json", "--key"],
    ] {
        let ended = Run::new(&arguments).end();
        assert_eq!((ended.code, &ended.out[..]), (Some(2), &b""[..]), "{arguments:?}");
        let [said] = &told(&ended)[..] else { panic!("{arguments:?}: {}", ended.said) };
        assert_eq!(said["code"], 2, "{arguments:?}");
        let text = said["error"].as_str().expect("text");
        assert!(!text.is_empty() && !text.starts_with("error"), "{arguments:?}: {text}");
    }
    let digits = key(1);
    let ended = Run::new(&["fingerprint", "--json", &digits]).secret(&digits).end();
    assert!(told(&ended)[0]["error"].as_str().expect("text").contains("make another one"));
}

#[test]
fn what_is_told_beside_a_result_is_json_too() {
    let files = Files::new();
    let keys = files.keys("keys", &[2, 1]);
    let entry = files.write("entry", seal(&[1], Padding::None, b"value"));
    let (next, store) = (files.name("next"), crate::backends::directory(&files, "cache"));
    let backend = format!("file://{store}");
    let set = ["set", "k", &entry, "--backend", &backend];
    Run::new(&set).end().succeeded();
    let open = ["open", &entry, "--namespace", NAMESPACE, "--storage-key", STORAGE_KEY];
    for (arguments, notes) in [
        ([&open[..], &["--key-file", &keys]].concat(), 1),
        (vec!["get", "k", "--backend", &backend], 1),
        (vec!["rotate", "--key-file", &keys, "--out", &next], 1),
        (vec!["rotate", "--key-file", &keys, "--next", &next], 1),
    ] {
        let arguments = [&arguments[..], &["--json"]].concat();
        let ended = Run::new(&arguments).secret(&key(1)).secret(&key(2)).end();
        let told = told(ended.succeeded());
        assert!(told.len() >= notes, "{arguments:?}: {}", ended.said);
        assert!(told.iter().all(|note| note["note"].is_string()), "{}", ended.said);
    }
}
