use super::super::env::{builder, client};
use crate::settings::NotUnicode;
use crate::{BackendError, BackendErrorKind, CachekitIo};
use std::time::Duration;

fn from(variables: &[(&str, &str)]) -> Result<CachekitIo, BackendError> {
    client(&|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        Ok(found.map(|(_, value)| (*value).to_owned()))
    })
}

#[test]
fn the_key_is_enough() {
    let client = from(&[("CACHEKIT_API_KEY", "ck_live_1")]).unwrap();
    assert_eq!(client.timeout(), Duration::from_secs(5));
    assert_eq!(client.api_url(), "https://api.cachekit.io");
}

#[test]
fn all_variables_are_read() {
    let client = from(&[
        ("CACHEKIT_API_KEY", "ck_live_1"),
        ("CACHEKIT_API_URL", "HTTPS://10.0.0.1:8443/base/"),
        ("CACHEKIT_TIMEOUT", "0.25"),
        ("CACHEKIT_MAX_RETRIES", "0"),
        ("CACHEKIT_CONNECTION_POOL_SIZE", "2"),
        ("CACHEKIT_ALLOW_CUSTOM_HOST", "true"),
        ("CACHEKIT_ALLOW_PRIVATE_ADDRESSES", "1"),
        ("CACHEKIT_CA_FILE", ""),
    ])
    .unwrap();
    assert_eq!(client.timeout(), Duration::from_millis(250));
    assert_eq!(client.api_url(), "https://10.0.0.1:8443/base");
    assert_eq!(client.shared.retry.most(), 0);
}

#[test]
fn each_bad_value_names_its_variable() {
    let bad: &[(&str, &[&str])] = &[
        (
            "CACHEKIT_API_KEY",
            &[" ck", "ck ", "ck\n", "c,k", "ck=x", "\u{feff}ck", "cké", "=", "\"ck\""],
        ),
        ("CACHEKIT_API_URL", &["http://api.cachekit.io", "https://localhost", "nonsense"]),
        (
            "CACHEKIT_TIMEOUT",
            &["0", "-1", "+5", "inf", "NaN", "1e3", "5s", "3601", "0.0", ".", "1.2.3"],
        ),
        ("CACHEKIT_MAX_RETRIES", &["-1", "1.5", "many", "101", "4294967296"]),
        ("CACHEKIT_CONNECTION_POOL_SIZE", &["0", "1001", "x", "-3"]),
        ("CACHEKIT_ALLOW_CUSTOM_HOST", &["maybe", "2", " true"]),
        ("CACHEKIT_ALLOW_PRIVATE_ADDRESSES", &["maybe", "y"]),
        ("CACHEKIT_CA_FILE", &["/nonexistent/ca.pem"]),
    ];
    for (name, values) in bad {
        for value in *values {
            let mut variables = vec![(*name, *value)];
            if *name != "CACHEKIT_API_KEY" {
                variables.push(("CACHEKIT_API_KEY", "ck_live_5ecret"));
            }
            let error = from(&variables).unwrap_err();
            assert_eq!(error.kind(), BackendErrorKind::Configuration);
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(name), "{value:?}: {shown}");
            assert!(!shown.contains("ck_live_5ecret"), "{shown}");
        }
    }
}

#[test]
fn a_bad_key_is_not_shown() {
    let error = from(&[("CACHEKIT_API_KEY", "s3cr3t with a space")]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cr3t"));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let error =
        from(&[("CACHEKIT_TIMEOUT", "soon"), ("CACHEKIT_MAX_RETRIES", "often")]).unwrap_err();
    let shown = error.to_string();
    for name in ["CACHEKIT_API_KEY", "CACHEKIT_TIMEOUT", "CACHEKIT_MAX_RETRIES"] {
        assert!(shown.contains(name), "{shown}");
    }
}

#[test]
fn text_that_is_none_is_told() {
    let error = client(&|name| match name {
        "CACHEKIT_TIMEOUT" => Err(NotUnicode),
        "CACHEKIT_API_KEY" => Ok(Some("ck".to_owned())),
        _ => Ok(None),
    });
    assert!(error.unwrap_err().to_string().contains("CACHEKIT_TIMEOUT is not Unicode"));
}

#[test]
fn debug_output_has_no_secret() {
    let variables =
        |name: &str| Ok((name == "CACHEKIT_API_KEY").then(|| "ck_live_5ecret".to_owned()));
    let builder = builder(&variables, &mut Vec::new());
    assert!(!format!("{builder:?}").contains("5ecret"));
    let client = builder.build().unwrap();
    assert!(!format!("{client:?} {:?}", client.shared.common).contains("5ecret"));
}

#[test]
fn every_variable_that_is_wrong_is_named_once() {
    let wrong = [
        ("CACHEKIT_API_KEY", "5ecret with a space"),
        ("CACHEKIT_API_URL", "http://5ecret.example"),
        ("CACHEKIT_TIMEOUT", "5ecret"),
        ("CACHEKIT_MAX_RETRIES", "5ecret"),
        ("CACHEKIT_CONNECTION_POOL_SIZE", "5ecret"),
        ("CACHEKIT_ALLOW_CUSTOM_HOST", "5ecret"),
        ("CACHEKIT_ALLOW_PRIVATE_ADDRESSES", "5ecret"),
        ("CACHEKIT_CA_FILE", "/there/is/no/5ecret"),
    ];
    let shown = from(&wrong).unwrap_err().to_string();
    for (name, _) in wrong {
        assert_eq!(shown.matches(name).count(), 1, "{name}: {shown}");
    }
    assert!(!shown.contains("5ecret"), "{shown}");
    // One that is not text is not missing as well.
    let error = client(&|name| if name == "CACHEKIT_API_KEY" { Err(NotUnicode) } else { Ok(None) });
    let shown = error.unwrap_err().to_string();
    assert_eq!(shown.matches("CACHEKIT_API_KEY").count(), 1, "{shown}");
}

#[test]
fn what_a_ca_file_holds_is_wrong_by_the_name_of_its_variable() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let error = from(&[("CACHEKIT_API_KEY", "ck_live_1"), ("CACHEKIT_CA_FILE", path)]).unwrap_err();
    assert!(error.to_string().contains("CACHEKIT_CA_FILE"), "{error}");
}
