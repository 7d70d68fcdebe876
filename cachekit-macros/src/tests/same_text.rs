//! Parameters that a macro gave names of the same text.

use super::{accepts, mistakes};

/// As a macro can write it: to Rust the two are different.
const TWICE: &str = "fn load(db: &Db, db: u64) -> u64 { 1 }";

#[test]
fn an_option_cannot_tell_them_apart() {
    for options in [
        "ttl = 60, skip(db)",
        "key = db",
        "key = db + 1",
        "key = \"{db}\"",
        "key = (\"{db.id:>3}\", 1)",
        "key = format!(\"{db}\")",
        "ttl = limit(db)",
        "if = |v| *v > db",
        "key = r#db",
    ] {
        let all = mistakes(options, TWICE);
        let own = all
            .iter()
            .filter(|(at, said)| at == "db" && said.contains("two arguments are called `db`"));
        assert_eq!(own.count(), 1, "{options}: {all:?}");
    }
    let patterns = "fn load((db, other): (u8, u8), [db, _]: [u8; 2]) -> u64 { 1 }";
    assert_eq!(mistakes("key = db", patterns).len(), 1);
}

#[test]
fn an_option_that_names_neither_has_nothing_to_tell_apart() {
    accepts("ttl = 60", TWICE);
    accepts("key = id", "fn load(db: u8, db: u64, id: u8) -> u64 { 1 }");
    // The word is there, and means something else.
    for options in ["if = |v| v.db > 1", "ttl = db::TTL", "if = |db| *db > 1", "ttl = |v| v.db()"] {
        accepts(options, TWICE);
    }
    // One argument, whichever of the two it is.
    accepts("key = id", "fn load((Ok(id) | Err(id)): Result<u8, u8>) -> u64 { 1 }");
}
