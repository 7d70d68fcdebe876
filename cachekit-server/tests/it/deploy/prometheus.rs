//! `deploy/prometheus`.

use super::{Exported, path, read, yaml};
use crate::tools::PROMTOOL;
use std::collections::BTreeSet;

#[test]
fn its_own_tool_accepts_the_files_and_their_tests_pass() {
    let file = |name: &str| path(&format!("prometheus/{name}")).display().to_string();
    let said = PROMTOOL.succeeds(&["check", "rules", &file("alerts.yml")], "");
    assert!(said.contains("SUCCESS"), "{said}");
    PROMTOOL.succeeds(&["check", "config", &file("scrape.yml")], "");
    let said = PROMTOOL.succeeds(&["test", "rules", &file("alerts.test.yml")], "");
    assert!(said.contains("SUCCESS"), "{said}");
}

#[tokio::test]
async fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let rules = yaml(&read("prometheus/alerts.yml")).await;
    let tests = yaml(&read("prometheus/alerts.test.yml")).await;
    let rules = rules[0]["groups"][0]["rules"].as_array().expect("rules");
    assert!(rules.len() > 10);
    let tests = tests[0]["tests"].as_array().expect("tests");
    for rule in rules {
        let name = &rule["alert"];
        let cases = tests.iter().flat_map(|test| test["alert_rule_test"].as_array().expect("some"));
        let fires: BTreeSet<bool> = cases
            .filter(|case| &case["alertname"] == name)
            .map(|case| !case["exp_alerts"].as_array().expect("a list").is_empty())
            .collect();
        assert_eq!(fires, BTreeSet::from([false, true]), "{name}");
        let severity = rule["labels"]["severity"].as_str().expect("a severity");
        assert!(["page", "ticket"].contains(&severity), "{name}");
    }
}

#[tokio::test]
async fn alerts_ask_for_what_a_server_exports() {
    let exported = Exported::by_a_server().await;
    let rules = yaml(&read("prometheus/alerts.yml")).await;
    for rule in rules[0]["groups"][0]["rules"].as_array().expect("rules") {
        exported.has_all_of(rule["expr"].as_str().expect("an expression"));
    }
}

#[tokio::test]
async fn the_servers_of_the_manifests_are_found_by_their_names() {
    let scrape = yaml(&read("prometheus/scrape-kubernetes.yml")).await;
    let job = &scrape[0]["scrape_configs"][0];
    assert_eq!(job["job_name"], "cachekit-server", "the job that the alerts are about");
    let deployment = read("kubernetes/deployment.yaml");
    for rule in job["relabel_configs"].as_array().expect("rules") {
        if let Some(wanted) = rule["regex"].as_str() {
            assert!(deployment.contains(&format!(": {wanted}\n")), "{wanted}");
        }
    }
}
