use crate::diagnostics::{list, list_or, nearest};

#[test]
fn near_misses_find_what_was_meant() {
    let known = ["ttl", "capacity", "weight", "key", "namespace", "if", "in"];
    let none: &[&str] = &[];
    for (written, meant) in [
        ("tll", &["ttl"][..]),
        ("tt", &["ttl"]),
        ("capasity", &["capacity"]),
        ("capactiy", &["capacity"]),
        ("wieght", &["weight"]),
        ("keys", &["key"]),
        ("name_space", &["namespace"]),
        ("is", &["if", "in"]),
        ("zzz", none),
        ("entirely", none),
        ("", none),
    ] {
        assert_eq!(nearest(written, known), meant, "{written}");
    }
}

#[test]
fn lists_read_as_sentences() {
    assert_eq!(list([]), "");
    assert_eq!(list(["a"]), "`a`");
    assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    assert_eq!(list_or(["a", "b", "c"]), "`a`, `b` or `c`");
}
