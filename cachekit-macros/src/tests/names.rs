use crate::diagnostics::{list, nearest};

#[test]
fn near_misses_find_what_was_meant() {
    let known = ["ttl", "capacity", "weight", "key", "namespace"];
    for (written, meant) in [
        ("tll", Some("ttl")),
        ("tt", Some("ttl")),
        ("capasity", Some("capacity")),
        ("capactiy", Some("capacity")),
        ("wieght", Some("weight")),
        ("keys", Some("key")),
        ("name_space", Some("namespace")),
        ("zzz", None),
        ("entirely", None),
        ("", None),
    ] {
        assert_eq!(nearest(written, known), meant, "{written}");
    }
}

#[test]
fn lists_read_as_sentences() {
    assert_eq!(list([]), "");
    assert_eq!(list(["a"]), "`a`");
    assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
}
