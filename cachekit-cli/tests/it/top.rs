//! `cachekit top` of a server: the table once, as JSON, and on a terminal.

use crate::backends::Service;
use crate::support::{Files, Run};
use crate::terminal::Terminal;
use serde_json::Value;

/// A server that did something.
fn busy(files: &Files) -> (Service, String) {
    let service = Service::start(files);
    let run = |arguments: &[&str], input: &str, code| {
        let mut run = Run::new(arguments).input(input);
        for (name, value) in service.settings() {
            run = run.setting(name, &value);
        }
        let ended = run.setting("CACHEKIT_API_URL", &service.url()).end();
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.said);
    };
    run(&["set", "k"], "a value", 0);
    run(&["get", "k"], "", 0);
    run(&["get", "k"], "", 0);
    run(&["get", "k"], "", 0);
    run(&["get", "absent"], "", 4);
    let admin = service.admin();
    (service, admin)
}

fn row<'a>(text: &'a str, operation: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.starts_with(&format!("{operation} ")));
    line.unwrap_or_else(|| panic!("{operation} is not in:\n{text}")).split_whitespace().collect()
}

#[test]
fn once_is_a_table_of_all_since_the_start() {
    let files = Files::new();
    let (_service, admin) = busy(&files);
    // Standard output is no terminal here, so it is the same with and without the option.
    for arguments in [vec!["top", &admin, "--once"], vec!["top", &admin]] {
        let ended = Run::new(&arguments).end();
        let text = ended.succeeded().text();
        assert!(text.starts_with(&format!("{admin}  all since the start\n")), "{text}");
        assert!(text.contains(concat!("version: ", env!("CARGO_PKG_VERSION"))), "{text}");
        assert!(text.contains("hits 75.0 %   ") && text.contains("   entries 1   "), "{text}");
        assert_eq!(row(text, "get")[1..4], ["4", "0", "0"], "misses are no refusals: {text}");
        assert_eq!(row(text, "set")[1..4], ["1", "0", "0"], "{text}");
        assert!(row(text, "get").len() > 6 && !text.contains("no requests"), "{text}");
        assert!(text.lines().all(|line| line.len() < 80), "{text}");
    }
}

#[test]
fn json_has_names_with_units() {
    let files = Files::new();
    let (_service, admin) = busy(&files);
    let ended = Run::new(&["top", &format!("{admin}/metrics"), "--json"]).end();
    let json: Value = serde_json::from_slice(&ended.succeeded().out).expect("JSON");
    assert_eq!((&json["hit_ratio"], &json["span_seconds"]), (&0.75.into(), &Value::Null));
    assert_eq!(json["kind"], "server");
    assert_eq!(json["levels"]["entries"], 1.0);
    assert!(
        json["levels"]["stored_bytes"].as_f64() < json["levels"]["stored_capacity_bytes"].as_f64()
    );
    assert_eq!(json["counters"]["in_bytes"], 7.0);
    let operations = json["operations"].as_array().expect("a list");
    assert_eq!(
        (&operations[0]["operation"], &operations[0]["requests"]),
        (&"get".into(), &4.0.into())
    );
    assert!(operations[0]["p99_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
}

#[test]
fn what_is_no_server_is_told() {
    let files = Files::new();
    let (service, admin) = busy(&files);
    for wrong in ["127.0.0.1:9090", "http://", "redis://host"] {
        Run::new(&["top", wrong]).end().failed(2, "http://127.0.0.1:9090");
    }
    Run::new(&["top", &format!("{admin}/healthz")]).end().failed(2, "no page of");
    Run::new(&["top", &format!("{admin}/nowhere")]).end().failed(1, "404");
    drop(service);
    Run::new(&["top", &admin]).end().failed(1, "cannot read");
    Run::new(&["top", &admin, "--interval", "0"]).end().failed(2, "a time is");
}

#[test]
fn on_a_terminal_it_goes_on_until_q() {
    let files = Files::new();
    let (service, admin) = busy(&files);
    let mut terminal = Terminal::open(&["top", &admin, "--interval", "100ms"]);
    terminal.until("all since the start");
    terminal.until("OPERATION");
    terminal.until("per second");
    // A server that is gone is told, and the view goes on.
    drop(service);
    terminal.until("cannot read");
    let seen = terminal.end_with("q");
    assert!(seen.contains("\u{1b}[?1049h"), "it has a screen of its own");
    assert!(seen.trim_end().contains("\u{1b}[?1049l"), "and gives it back");
}
