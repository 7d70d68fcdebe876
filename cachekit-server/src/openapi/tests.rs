use super::*;
use crate::metrics::STATUSES;
use std::collections::BTreeSet;

fn described(rule: KeyRule) -> Value {
    let text = describe(&Limits::default(), rule);
    serde_json::from_slice(&text).expect("JSON")
}

/// Follows a reference within the document.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => value,
    }
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(reference) if name == "$ref" => {
                        found.insert(reference);
                    }
                    _ => references(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn it_is_about_this_server() {
    let limits = Limits { max_value_bytes: 12_345, ..Limits::default() };
    let document: Value = serde_json::from_slice(&describe(&limits, KeyRule::Any)).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["components"]["schemas"]["Value"]["maxLength"], 12_345);
    assert_ne!(
        document["components"]["schemas"]["Key"],
        described(KeyRule::Strict)["components"]["schemas"]["Key"]
    );
}

#[test]
fn references_lead_somewhere_and_everything_is_referred_to() {
    let document = described(KeyRule::Strict);
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for kind in ["schemas", "parameters", "headers", "responses"] {
        for name in document["components"][kind].as_object().expect("some").keys() {
            let reference = format!("#/components/{kind}/{name}");
            // No operation has it: a path without the method is not described.
            let is_used = found.contains(reference.as_str()) || name == "MethodNotAllowed";
            assert!(is_used, "{reference}");
        }
    }
}

#[test]
fn every_status_that_the_server_can_answer_is_described() {
    let document = described(KeyRule::Strict);
    let mut statuses: BTreeSet<u16> = BTreeSet::new();
    for path in document["paths"].as_object().expect("paths").values() {
        for (method, operation) in path.as_object().expect("operations") {
            let Some(responses) = operation["responses"].as_object() else { continue };
            for (status, response) in responses {
                assert!(!resolved(&document, response)["description"].is_null(), "{method}");
                statuses.insert(status.parse().expect("a status"));
            }
        }
    }
    let mut expected: BTreeSet<u16> = STATUSES.into_iter().collect();
    // Methods that a path does not have are not described; the HTTP library answers 431.
    expected.remove(&405);
    expected.insert(431);
    assert_eq!(statuses, expected);
}

#[test]
fn every_operation_says_who_may_and_what_goes_wrong() {
    let document = described(KeyRule::Strict);
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            if method == "parameters" {
                continue;
            }
            let name = format!("{method} {path}");
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id), "{id} is there twice");
            let responses = operation["responses"].as_object().expect("responses");
            if method == "options" {
                assert_eq!(operation["security"], json!([]), "{name}");
                continue;
            }
            for status in ["200", "400", "401", "429", "503"] {
                assert!(responses.contains_key(status), "{name}: {status}");
            }
            // What asks for no scope is never refused for the lack of one.
            let asks = path != "/v1/cache/health" && path != "/openapi.json";
            assert_eq!(responses.contains_key("403"), asks, "{name}");
            let told = operation["description"].as_str().unwrap_or_default();
            assert_eq!(told.contains("Needs the scope `"), asks, "{name}: {told}");
            for (status, response) in responses {
                let response = resolved(&document, response);
                let has_body = response.get("content").is_some();
                // What answers 431 is below the API.
                assert_eq!(has_body, method != "head" && status != "431", "{name}: {status}");
            }
        }
    }
}
