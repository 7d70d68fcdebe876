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
