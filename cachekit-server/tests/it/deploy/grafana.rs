//! `deploy/grafana`. No test has a Grafana: the dashboard is what Grafana loads, and its queries are Prometheus's.

use super::{Exported, read};
use crate::tools::PROMTOOL;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn dashboard() -> Value {
    serde_json::from_str(&read("grafana/cachekit-server.json")).expect("JSON")
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    panels.filter(|panel| panel["type"] != "row").collect()
}

/// Every query, with the variables of Grafana filled in.
pub(super) fn queries() -> Vec<String> {
    let dashboard = dashboard();
    let targets = panels(&dashboard).into_iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().expect("queries");
        assert!(!targets.is_empty(), "{}", panel["title"]);
        targets.clone()
    });
    let filled = |query: &str| {
        let query = query.replace("$__rate_interval", "5m");
        query.replace("$job", "cachekit-server").replace("$instance", ".*")
    };
    targets.map(|target| filled(target["expr"].as_str().expect("a query"))).collect()
}

#[tokio::test]
async fn queries_ask_for_what_a_server_exports_and_all_of_it_is_shown() {
    let exported = Exported::by_a_server().await;
    let queries = queries();
    for query in &queries {
        exported.has_all_of(query);
    }
    let all = queries.join("\n");
    for family in exported.families.keys() {
        assert!(all.contains(family.as_str()), "no panel shows {family}");
    }
}

#[test]
fn prometheus_can_parse_every_query() {
    let records = queries().into_iter().enumerate();
    let rules: Vec<Value> = records
        .map(|(at, query)| json!({ "record": format!("query:{at}"), "expr": query }))
        .collect();
    let count = rules.len();
    assert!(count > 20);
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("queries.yml");
    // JSON is YAML.
    let groups = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    std::fs::write(&file, groups.to_string()).expect("written");
    let said = PROMTOOL.succeeds(&["check", "rules", file.to_str().expect("text")], "");
    assert!(said.contains(&format!("{count} rules found")), "{said}");
}

#[test]
fn the_dashboard_is_in_order() {
    let dashboard = dashboard();
    let ids: BTreeSet<_> = dashboard["panels"]
        .as_array()
        .expect("panels")
        .iter()
        .map(|panel| panel["id"].as_u64())
        .collect();
    assert_eq!(ids.len(), dashboard["panels"].as_array().expect("panels").len(), "ids are unique");
    for panel in panels(&dashboard) {
        let title = &panel["title"];
        let place = &panel["gridPos"];
        let right = place["x"].as_u64().expect("x") + place["w"].as_u64().expect("w");
        assert!(right <= 24, "{title} fits into the grid");
        assert!(!panel["fieldConfig"]["defaults"]["unit"].is_null(), "{title} has a unit");
        // Whichever Prometheus the reader chooses.
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
    }
    for (at, one) in panels(&dashboard).iter().enumerate() {
        for other in &panels(&dashboard)[at + 1..] {
            let span = |panel: &Value, start: &str, size: &str| {
                let place = &panel["gridPos"];
                let start = place[start].as_u64().expect("a number");
                (start, start + place[size].as_u64().expect("a number"))
            };
            let apart = |(a, b): (u64, u64), (c, d): (u64, u64)| b <= c || d <= a;
            let beside = apart(span(one, "x", "w"), span(other, "x", "w"));
            let below = apart(span(one, "y", "h"), span(other, "y", "h"));
            assert!(beside || below, "{} and {}", one["title"], other["title"]);
        }
    }
}
