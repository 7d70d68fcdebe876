use super::super::send::retry_after;
use std::time::Duration;

#[test]
fn retry_after_is_digits_only() {
    for (text, expected) in [
        ("0", Some(0)),
        ("2", Some(2)),
        ("120", Some(120)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        (" 1", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(retry_after(text.as_bytes()), expected.map(Duration::from_secs), "{text:?}");
    }
}
