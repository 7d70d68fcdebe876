use super::super::env::client_with;
use crate::settings::NotUnicode;
use crate::{BackendError, BackendErrorKind, Redis};
use std::time::Duration;

fn from(variables: &[(&str, &str)]) -> Result<Redis, BackendError> {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        Ok(found.map(|(_, value)| (*value).to_owned()))
    };
    client_with(&lookup, |builder| builder)
}

#[test]
fn a_url_is_enough() {
    let client = from(&[("CACHEKIT_REDIS_URL", "redis://h")]).unwrap();
    assert_eq!(client.timeout(), Duration::from_secs(5));
    from(&[("REDIS_URL", "redis-cluster://h")]).unwrap();
    from(&[("CACHEKIT_REDIS_URL", ""), ("REDIS_URL", "redis://h")]).unwrap();
}

#[test]
fn our_own_url_comes_first() {
    let both = [("CACHEKIT_REDIS_URL", "redis-cluster://h"), ("REDIS_URL", "nonsense")];
    assert!(format!("{:?}", from(&both).unwrap()).contains("cluster"));
}

#[test]
fn all_variables_are_read() {
    let client = from(&[
        ("CACHEKIT_REDIS_URL", "redis://h"),
        ("CACHEKIT_TIMEOUT", "0.25"),
        ("CACHEKIT_REDIS_PREFIX", "app:"),
        ("CACHEKIT_CA_FILE", ""),
    ])
    .unwrap();
    assert_eq!(client.timeout(), Duration::from_millis(250));
    assert_eq!(client.shared.names.entry("k"), "app:k");
}

#[test]
fn each_bad_value_names_its_variable() {
    let missing = "/nonexistent/hunter2";
    for (name, value) in [
        ("CACHEKIT_REDIS_URL", "hunter2"),
        ("CACHEKIT_TIMEOUT", "0"),
        ("CACHEKIT_TIMEOUT", "5s"),
        ("CACHEKIT_TIMEOUT", "3601"),
        ("CACHEKIT_REDIS_PREFIX", "{hunter2}"),
        ("CACHEKIT_REDIS_PASSWORD_FILE", missing),
        ("CACHEKIT_CA_FILE", missing),
        ("CACHEKIT_REDIS_CERT_FILE", missing),
        ("CACHEKIT_REDIS_KEY_FILE", missing),
    ] {
        // The first that is found counts.
        let error = from(&[(name, value), ("CACHEKIT_REDIS_URL", "rediss://h")]).unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Configuration);
        let shown = super::shown(&error);
        assert!(shown.contains(name), "{name}: {shown}");
        assert!(!shown.contains("hunter2"), "{name}: {shown}");
    }
    let error = from(&[("REDIS_URL", "hunter2")]).unwrap_err().to_string();
    assert!(error.contains("REDIS_URL") && !error.contains("CACHEKIT_REDIS_URL"), "{error}");
    let error = from(&[]).unwrap_err().to_string();
    assert!(error.contains("CACHEKIT_REDIS_URL"), "{error}");
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let error = from(&[("CACHEKIT_REDIS_URL", "x"), ("CACHEKIT_TIMEOUT", "x")]).unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains("CACHEKIT_REDIS_URL") && shown.contains("CACHEKIT_TIMEOUT"), "{shown}");
}

#[test]
fn a_variable_that_is_no_text_is_reported_once() {
    let lookup = |name: &str| match name {
        "CACHEKIT_REDIS_URL" => Err(NotUnicode),
        _ => Ok(None),
    };
    let error = client_with(&lookup, |builder| builder).unwrap_err().to_string();
    assert_eq!(error.matches("CACHEKIT_REDIS_URL").count(), 1, "{error}");
}

#[test]
fn code_completes_the_environment() {
    let lookup = |_: &str| Ok(None);
    client_with(&lookup, |builder| builder.url("redis://h")).unwrap();
}
