use std::collections::HashMap;

use super::template;

#[test]
fn one_value_stands_as_it_is() {
    assert_eq!(template("", &[("user:", format_args!("{}", "a%/b"))], "!"), "user:a%/b!");
}

#[test]
fn values_do_not_run_into_each_other() {
    let values = ["", "a", "b", "ab", "/", "a/", "/b", "a/b", "%", "%2F", "%25", "2F", "ä", "äb"];
    for (marker, between) in [("/", "/"), ("/", "a/"), ("/", "%/"), ("a", "ab"), ("ä", "ä%")] {
        let mut seen = HashMap::new();
        for first in values {
            for second in values {
                let parts = [("t:", format_args!("{first}")), (between, format_args!("{second}"))];
                let text = template(marker, &parts, "");
                assert_eq!(seen.insert(text.clone(), (first, second)), None, "{text}");
            }
        }
    }
    let plain = template(":", &[("", format_args!("{}", 1)), (":", format_args!("{}", 2))], "");
    assert_eq!(plain, "1:2");
}
