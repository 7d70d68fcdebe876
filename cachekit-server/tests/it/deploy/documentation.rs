//! The pages of the book about deploying and monitoring.

use super::{Exported, path, read, words, yaml};
use std::collections::BTreeSet;

fn page(name: &str) -> String {
    std::fs::read_to_string(path(&format!("../docs/src/{name}.md"))).expect(name)
}

#[tokio::test]
async fn every_metric_is_told_and_no_other() {
    let exported = Exported::by_a_server().await;
    let page = page("monitoring");
    let rows = page.lines().filter(|line| line.starts_with("| `cachekit_server_"));
    let told: BTreeSet<String> = rows
        .flat_map(|row| words(row.split('|').nth(1).expect("a column")).map(str::to_owned))
        .collect();
    assert_eq!(told, exported.families.keys().cloned().collect());
    for row in page.lines().filter(|line| line.starts_with("| `cachekit_server_")) {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        for name in words(columns[1]) {
            assert_eq!(columns[2], exported.families[name], "{name}");
        }
    }
    let queries = page.split("```text").nth(1).and_then(|rest| rest.split("```").next());
    for query in queries.expect("queries").lines().filter(|line| line.contains("cachekit_server_"))
    {
        exported.has_all_of(query);
    }
}

#[tokio::test]
async fn every_alert_is_told_with_its_severity() {
    let page = page("monitoring");
    let rules = yaml(&read("prometheus/alerts.yml")).await;
    let rules = rules[0]["groups"][0]["rules"].as_array().expect("rules");
    for rule in rules {
        let name = rule["alert"].as_str().expect("a name");
        let severity = rule["labels"]["severity"].as_str().expect("a severity");
        assert!(page.contains(&format!("\n| `{name}` | {severity} | ")), "{name}");
    }
    assert_eq!(page.matches("\n| `CachekitServer").count(), rules.len());
}

/// The commands of a section.
fn commands(page: &str, section: &str) -> String {
    let text = page.split(&format!("\n## {section}\n")).nth(1).expect(section);
    let fence = text.split("```").nth(1).expect("commands");
    fence.trim_start_matches("sh\n").trim_start_matches("text\n").to_owned()
}

/// The owner of a key file alone can read it, and the server is another user.
#[test]
fn commands_hand_over_every_file_that_the_server_reads() {
    let page = page("deploying");
    let systemd = commands(&page, "systemd");
    let unit = read("systemd/cachekit-server.service");
    let start = unit.split("ExecStart=").nth(1).expect("it is there");
    let start = start.split("\n#").next().expect("some");
    let files =
        start.split("/etc/cachekit/").skip(1).filter_map(|rest| rest.split([' ', '\n']).next());
    let handed = systemd.lines().find(|line| line.contains("-o cachekit -g cachekit -m 0400"));
    let handed = handed.expect("files are handed over");
    assert!(handed.ends_with(" /etc/cachekit/"), "{handed}");
    assert_eq!(files.map(|file| assert!(handed.contains(file), "{file}: {handed}")).count(), 3);
    // What is installed is built before.
    let built = systemd.find("cargo build --locked --release -p cachekit-server").expect("built");
    assert!(built < systemd.find("target/release/cachekit-server").expect("installed"));

    for text in [commands(&page, "A container"), read("container/Containerfile")] {
        let run = text.find("podman run").expect("it is run");
        let given =
            text.find("chown -R 65532:65532 tls keys.jsonl").expect("files are handed over");
        assert!(given < run);
        for mounted in text.split("-v ./").skip(1).filter_map(|rest| rest.split(':').next()) {
            assert!(text[given..run].contains(mounted), "{mounted}");
        }
    }
}

#[test]
fn what_the_tests_need_is_told() {
    let file = |name: &str| std::fs::read_to_string(path(&format!("../{name}"))).expect(name);
    let install = "bash .ci/servers && bash .ci/tools\n";
    let readme = commands(&file("README.md"), "Try it");
    assert!(readme.find(install).expect("installed") < readme.find("cargo test").expect("run"));
    let contributing = file("CONTRIBUTING.md");
    assert!(commands(&contributing, "Set up").contains(install));
    let needed = file(".ci/tools");
    let mut seen = 0;
    for package in needed.lines().filter_map(|line| line.strip_prefix("need ")?.split(' ').next()) {
        seen += 1;
        assert!(contributing.contains(&format!("`{package}`")), "{package}");
    }
    assert!(seen > 3, "{seen} packages");
}

#[test]
fn every_file_is_told() {
    let pages = page("deploying") + &page("monitoring");
    let mut seen = 0;
    for folder in std::fs::read_dir(path("")).expect("a folder") {
        for file in std::fs::read_dir(folder.expect("a folder").path()).expect("a folder") {
            let name = file.expect("a file").file_name().into_string().expect("text");
            assert!(pages.contains(&name), "{name} is on no page");
            seen += 1;
        }
    }
    assert!(seen > 12, "{seen} files");
}
