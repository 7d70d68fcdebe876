//! `get`, `set`, `delete`, `exists`, `ttl` and `health` against every kind of backend.

use crate::backends::{Service, directory};
use crate::support::{Ended, Files, Run, key};
use cachekit_test_servers::Node;

/// How a run of the command gets to a backend.
struct Way {
    name: &'static str,
    backend: Option<String>,
    settings: Vec<(&'static str, String)>,
    secrets: Vec<String>,
    /// Whether a deletion is told whether there was something.
    knows_deleted: bool,
}

impl Way {
    fn run(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut all = arguments.to_vec();
        if let Some(backend) = &self.backend {
            all.extend(["--backend", backend]);
        }
        let mut run = Run::new(&all).input(input);
        for (name, value) in &self.settings {
            run = run.setting(name, value);
        }
        for secret in &self.secrets {
            run = run.secret(secret);
        }
        run.end()
    }

    fn done(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let ended = self.run(arguments, input);
        assert_eq!(ended.code, Some(0), "{} {arguments:?}: {}", self.name, ended.said);
        ended
    }

    fn fails(&self, arguments: &[&str], code: i32) -> Ended {
        let ended = self.run(arguments, b"");
        assert_eq!(ended.code, Some(code), "{} {arguments:?}: {}", self.name, ended.said);
        ended
    }
}

/// Calls the test with each backend, by its URL and by the environment.
fn everywhere(test: impl Fn(&Way)) {
    let files = Files::new();
    let folder = directory(&files, "cache");
    let url = format!("file://{folder}");
    let file = |backend: Option<String>, settings| Way {
        name: "file",
        backend,
        settings,
        secrets: vec![],
        knows_deleted: true,
    };
    test(&file(Some(url), vec![]));
    test(&file(None, vec![("CACHEKIT_FILE_CACHE_DIR", folder)]));

    let redis = Node::options().password("xylophon-quiz-kiwi").start();
    let secret = "xylophon-quiz-kiwi".to_owned();
    let password = files.write("password", &secret);
    let node = |backend, settings| Way {
        name: "redis",
        backend,
        settings,
        secrets: vec![secret.clone()],
        knows_deleted: true,
    };
    let with_file = vec![("CACHEKIT_REDIS_PASSWORD_FILE", password)];
    test(&node(Some(redis.url()), with_file));
    let whole = redis.url_for("default", &secret);
    test(&node(None, vec![("CACHEKIT_REDIS_URL", whole.clone())]));
    test(&node(None, vec![("REDIS_URL", whole)]));

    let service = Service::start(&files);
    let http = |backend, mut settings: Vec<(&'static str, String)>| {
        settings.extend(service.settings());
        let secrets = vec![service.key.clone()];
        Way { name: "service", backend, settings, secrets, knows_deleted: false }
    };
    test(&http(Some(service.url()), vec![]));
    test(&http(None, vec![("CACHEKIT_API_URL", service.url())]));
}

#[test]
fn what_was_set_is_got_byte_by_byte_and_is_gone_after_a_deletion() {
    let value: Vec<u8> = (0..=255).collect();
    everywhere(|way| {
        way.fails(&["get", "shop:1"], 4);
        way.fails(&["exists", "shop:1"], 4);
        way.fails(&["ttl", "shop:1"], 4);
        let ended = way.done(&["set", "shop:1"], &value);
        assert!(ended.out.is_empty() && ended.said.is_empty(), "{}", ended.said);
        assert_eq!(way.done(&["get", "shop:1"], b"").out, value, "{}", way.name);
        assert!(way.done(&["exists", "shop:1"], b"").out.is_empty());
        assert_eq!(way.done(&["ttl", "shop:1"], b"").text(), "never\n");
        let ended = way.done(&["delete", "shop:1", "shop:2", "--json"], b"");
        let lines: Vec<&str> = ended.text().lines().collect();
        assert_eq!(lines.len(), 2, "one for each");
        assert_eq!(lines[0], r#"{"deleted":true,"key":"shop:1","was_there":true}"#);
        let second =
            format!(r#"{{"deleted":true,"key":"shop:2","was_there":{}}}"#, !way.knows_deleted);
        assert_eq!(lines[1], second);
        way.fails(&["get", "shop:1"], 4);
        // An empty value is one.
        way.done(&["set", "shop:1"], b"");
        assert!(way.done(&["get", "shop:1"], b"").out.is_empty());
        way.done(&["delete", "shop:1"], b"");
    });
}

#[test]
fn times_are_those_of_people() {
    everywhere(|way| {
        for (text, least, most) in
            [("90", 80, 90), ("5m", 290, 300), ("1h 30m", 5390, 5400), ("2days", 172_790, 172_800)]
        {
            way.done(&["set", "k", "--ttl", text], b"v");
            let ended = way.done(&["ttl", "k", "--json"], b"");
            let seconds = number(&ended, "ttl_seconds");
            assert!((f64::from(least)..=f64::from(most)).contains(&seconds), "{text}: {seconds}");
        }
        let ended = way.done(&["ttl", "k", "--set", "10m"], b"");
        let shown = humantime::parse_duration(ended.text().trim()).expect("a time").as_secs();
        assert!((590..=600).contains(&shown), "{}", ended.text());
        way.fails(&["ttl", "nothing", "--set", "10m"], 4);
        way.done(&["delete", "k"], b"");
        for wrong in ["0", "0s", "-1", "soon", "1.5", ""] {
            let ended = way.fails(&["set", "k", &format!("--ttl={wrong}")], 2);
            assert!(ended.said.contains("90s, 5m"), "{}", ended.said);
        }
        way.fails(&["set", "k", "--stale", "5m"], 2);
    });
}

#[test]
fn health_tells_the_kind_of_backend() {
    everywhere(|way| {
        let text = way.done(&["health"], b"");
        assert!(text.text().starts_with("backend:      ") && text.text().contains("latency:"));
        let ended = way.done(&["health", "--json"], b"");
        let json: serde_json::Value = serde_json::from_slice(&ended.out).expect("JSON");
        assert_eq!(json["healthy"], true);
        assert!(json["latency_seconds"].as_f64().is_some_and(|latency| latency > 0.0));
        assert!(json["backend"].as_str().is_some_and(|kind| !kind.is_empty()));
    });
}

#[test]
fn sealed_entries_are_sealed_by_set_and_opened_by_get() {
    let files = Files::new();
    let keys = files.keys("keys", &[2, 1]);
    everywhere(|way| {
        let sealed = ["--secure", "--namespace", "clinic", "--tenant", "a", "--key-file", &keys];
        let with = |arguments: &[&'static str]| -> Vec<String> {
            arguments.iter().chain(&sealed).map(ToString::to_string).collect()
        };
        let run = |arguments: &[&'static str], input: &[u8]| {
            let arguments = with(arguments);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            way.run(&arguments, input)
        };
        let secret = b"the diagnosis that is in the file";
        assert_eq!(run(&["set", "k"], secret).code, Some(0));
        let stored = way.done(&["get", "k"], b"").out;
        assert!(stored.len() > secret.len() && !stored.windows(9).any(|part| part == b"diagnosis"));
        let ended = run(&["get", "k"], b"");
        assert_eq!((ended.code, &ended.out[..]), (Some(0), &secret[..]), "{}", ended.said);
        assert!(ended.said.contains("opened with the key: current"));
        // Under another key of the store it is not the same entry.
        assert_eq!(run(&["get", "other"], b"").code, Some(4));
        let mut moved = stored.clone();
        way.done(&["set", "other"], &moved);
        run(&["get", "other"], b"").failed(3, "storage key");
        moved[100] ^= 1;
        way.done(&["set", "k"], &moved);
        assert_eq!(run(&["get", "k"], b"").code, Some(3));
        way.done(&["set", "k"], b"plain");
        run(&["get", "k"], b"").failed(3, "not sealed");
        way.done(&["delete", "k", "other"], b"");
        way.fails(&["get", "k", "--secure"], 2);
        way.fails(&["get", "k", "--namespace", "n"], 2);
    });
    // Neither is looked for without a key.
    Run::new(&["get", "k", "--secure", "--namespace", "n", "--backend", "redis://127.0.0.1:1"])
        .end()
        .failed(2, "CACHEKIT_MASTER_KEY");
    let run = Run::new(&["set", "k", "--secure", "--namespace", "n", "--key-file", "-"]);
    run.input(key(1)).secret(&key(1)).end().failed(2, "cannot be both");
}

#[test]
fn values_are_shown_as_what_they_are() {
    let files = Files::new();
    let backend = format!("file://{}", directory(&files, "cache"));
    let run = |arguments: &[&str], input: &[u8]| {
        let all = [arguments, &["--backend", &backend]].concat();
        Run::new(&all).input(input).end()
    };
    for (value, shown) in [
        (&b"plain \"text\""[..], r#""encoding":"utf-8","#),
        (&[0xff, 0x00], r#""encoding":"base64","#),
    ] {
        run(&["set", "k"], value).succeeded();
        let ended = run(&["get", "k", "--json"], b"");
        assert!(ended.succeeded().text().contains(shown), "{}", ended.text());
        let json: serde_json::Value = serde_json::from_slice(&ended.out).expect("JSON");
        assert_eq!((&json["key"], &json["found"]), (&"k".into(), &true.into()));
        assert_eq!(
            (json["bytes"].as_u64(), &json["fresh"]),
            (Some(value.len() as u64), &true.into())
        );
    }
    assert!(run(&["get", "k", "--json"], b"").text().contains("\"value\":\"/wA=\""));
    run(&["get", "k", "--decode"], b"").failed(2, "MessagePack");
    // {"a": [1, null]}
    run(&["set", "k"], &[0x81, 0xa1, b'a', 0x92, 0x01, 0xc0]).succeeded();
    let ended = run(&["get", "k", "--decode"], b"");
    let json: serde_json::Value = serde_json::from_slice(&ended.succeeded().out).expect("JSON");
    assert_eq!(json.to_string(), r#"{"a":[1,null]}"#);
    let ended = run(&["get", "k", "--decode", "--json"], b"");
    assert!(
        ended.text().contains(r#""encoding":"json""#) && ended.text().contains(r#"{"a":[1,null]}"#)
    );
    let out = files.name("value");
    run(&["get", "k", "--out", &out], b"").succeeded();
    assert_eq!(std::fs::read(files.path("value")).expect("written").len(), 6);
    run(&["get", "k", "--out", &out], b"").failed(2, "nothing is overwritten");
    // A value from a file.
    let from = files.write("from", "from a file");
    run(&["set", "k", &from], b"not this").succeeded();
    assert_eq!(run(&["get", "k"], b"").out, b"from a file");
    run(&["set", "k", "/nonexistent"], b"").failed(1, "/nonexistent");
    let ended = run(&["get", "absent", "--json"], b"");
    assert_eq!(ended.text(), "{\"found\":false,\"key\":\"absent\"}\n");
    assert_eq!(ended.code, Some(4));
}

fn number(ended: &Ended, name: &str) -> f64 {
    let json: serde_json::Value = serde_json::from_slice(&ended.out).expect("JSON");
    json[name].as_f64().expect("a number")
}
