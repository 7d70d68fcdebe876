//! What counts as a mention of an argument in `key`, `tenant` and `self = key(…)`.

use super::{accepts, mistakes_at, refuses};
use crate::model::Tier;

const FUNCTION: &str = "fn f(id: u64, user: &User, pair: (u8, u8)) -> u64 { id }";
const METHOD: &str = "fn f(&self, id: u64) -> u64 { id }";

/// Expressions over arguments, whatever they look like.
const MENTIONS: [&str; 34] = [
    "id",
    "(1, id)",
    "user.id",
    "pair.0 + 1",
    "&id",
    "*id as u8",
    "f(id)",
    "user.name()",
    "Key { id }",
    "Key { n: id, ..Key::NONE }",
    "[id; 2]",
    "..id",
    "if id > 3 { 1 } else { 2 }",
    "match id { 0 => 1, _ => 2 }",
    "{ let id = id; id }",
    "{ let other = 1; id + other }",
    "Some(1).map(|n| n + id)",
    "if let Some(id) = NONE { id } else { id }",
    "match NONE { Some(id) => id, None => id }",
    "format!(\"{}\", id)",
    "format!(\"{id}\")",
    "format!(\"user:{user:?}\")",
    "format!(\"{n}\", n = id)",
    "format!(\"{:id$}\", 1)",
    "vec![id]",
    "vec![0; id]",
    "matches!(id, 1 | 2)",
    "matches!(NONE, Some(n) if n == id)",
    "mine!(x => id)",
    "mine!(0..id)",
    "mine!(\"{id}\")",
    "unsafe { id }",
    "r#id",
    "(|| id)()",
];

/// Expressions in which an argument's name stands, and means something else.
const NAMES_ONLY: [&str; 31] = [
    "5",
    "\"everyone\"",
    "b\"{id}\"",
    "ID",
    "config.id",
    "config().id()",
    "id::VALUE",
    "module::id",
    "<u8>::id()",
    "Key { id: 5 }",
    "(|id| id)(5)",
    "{ let id = 5; id }",
    "{ let (id, _) = (5, 6); id }",
    "{ const id: u8 = 5; id }",
    "{ fn id() -> u8 { 5 } id() }",
    "match 5 { id => id }",
    "match 5 { id if id > 3 => id, _ => 1 }",
    "if let Some(id) = Some(5) { id } else { 5 }",
    "loop { while let Some(id) = NEXT { break id; } }",
    "for id in 0..3 { f(id) }",
    "format!(\"{}\", 5)",
    "format!(\"{{id}}\")",
    "format!(\"{id}\", id = 5)",
    "concat!(\"{id}\", 5)",
    "stringify!(id)",
    "vec![\"{id}\"]",
    "matches!(Some(5), Some(id) if id > 3)",
    "mine!(x => y.id)",
    "mine!(x => id::y)",
    "f::<{ id }>()",
    "'id: loop { break 'id 5 }",
];

#[test]
fn a_key_has_to_mention_an_argument() {
    for key in MENTIONS {
        accepts(&format!("key = {key}"), FUNCTION);
    }
    for key in NAMES_ONLY {
        let all = super::mistakes(&format!("key = {key}"), FUNCTION);
        assert!(
            all.len() == 1 && all[0].1.contains("`key` mentions no argument of `f`"),
            "{key}: {all:?}"
        );
    }
    let (_, said) = super::mistake("key = \"all\"", FUNCTION);
    for fix in ["`key = id`", "`key = \"f:{id}\"`", "format!(\"f:{id}\")", "`key = ()`"] {
        assert!(said.contains(fix), "{said}");
    }
    accepts("key = ()", FUNCTION);
    accepts("key = 5", "fn f() -> u8 { 1 }");
    accepts("key = self.id, self = shared", METHOD);
    refuses("key = (self::ID, 1), self = shared", METHOD, "(self::ID, 1)", "no argument");
    refuses("key = 5, self = shared", "fn f(&self, _: u8) -> u8 { 1 }", "5", "no argument");
}

#[test]
fn a_word_is_no_mention_of_self() {
    refuses("key = (self::ID, id)", METHOD, "&self", "say what `self` means");
    refuses("self = key(id)", METHOD, "id", "does not mention `self`");
    refuses("self = key(\"all\")", METHOD, "\"all\"", "`self = shared`");
    refuses("self = key(self::ID)", METHOD, "self::ID", "does not mention `self`");
    accepts("self = key(format!(\"{self:?}\"))", METHOD);
    accepts("self = key(\"{self.id}/{self.at.0}\")", METHOD);
    accepts("key = \"{self.id}/{id}\"", METHOD);
}

#[test]
fn a_tenant_has_to_mention_an_argument() {
    let mistakes = |options: &str, function: &str| {
        let mut all = mistakes_at(Tier::Secure, &format!("namespace = \"n\", {options}"), function);
        all.retain(|(_, message)| !message.contains("needs the feature"));
        all
    };
    for tenant in ["id.to_string()", "user.tenant", "\"{id}\"", "\"{user.org}/{id}\""] {
        assert_eq!(mistakes(&format!("tenant = {tenant}"), FUNCTION), [], "{tenant}");
    }
    for tenant in ["\"acme\"", "TENANT", "current_tenant()", "config.id", "stringify!(id)"] {
        let all = mistakes(&format!("tenant = {tenant}"), FUNCTION);
        let said = "`tenant` mentions no argument of `f`";
        assert!(all.len() == 1 && all[0].1.contains(said), "{tenant}: {all:?}");
        // Where there is nothing to tell calls apart by, nothing can be missing.
        assert_eq!(mistakes(&format!("tenant = {tenant}"), "fn f() -> u8 { 1 }"), []);
        let all =
            mistakes(&format!("tenant = {tenant}, self = key(self.id)"), "fn f(&self) -> u8 { 1 }");
        assert!(all.len() == 1 && all[0].1.contains(said), "{tenant}: {all:?}");
    }
}

#[test]
fn templates_name_arguments_and_their_fields() {
    for key in [
        "\"user:{id}\"",
        "\"{id:04}-{pair.0:?}\"",
        "\"{{x}} {user.name.first} \"",
        "\"{user.type}/{user.async}\"",
        "(\"a{id}\", user.id)",
        "&\"{id}\"",
    ] {
        accepts(&format!("key = {key}"), FUNCTION);
    }
    accepts("key = \"{type}\"", "fn f(r#type: u8) -> u8 { 1 }");
    accepts("key = \"{a}{b}\"", "fn f((a, b): (u8, u8)) -> u8 { 1 }");
    for (key, message) in [
        ("\"{di}\"", "no argument is called `di`: a text here may name `id`, `user` and `pair`"),
        ("\"{ID}\"", "no argument is called `ID`"),
        ("\"{self.id}\"", "no argument is called `self`"),
        ("\"{}\"", "`{}` names no argument"),
        ("\"{0}\"", "`{0}` names no argument"),
        ("\"{id + 1}\"", "`{id + 1}` names no argument"),
        ("\"{user.name()}\"", "names no argument"),
        ("\"{id\"", "a `{` without its `}`"),
        ("\"{id}}\"", "a `}` without its `{`"),
        ("\"{id:width$}\"", "needs `format!(…)`"),
        ("\"{id:.*}\"", "needs `format!(…)`"),
        ("\"{user.self}\"", "no field is called `self`"),
        ("\"{user.crate.id}\"", "no field is called `crate`"),
        ("\"{user.super}\"", "no field is called `super`"),
        ("\"{user.Self}\"", "no field is called `Self`"),
        ("\"{user._}\"", "no field is called `_`"),
        // A letter, but not of Rust's names.
        ("\"{user.x²}\"", "no field is called `x²`"),
        ("\"{crate}\"", "no argument is called `crate`"),
    ] {
        refuses(&format!("key = {key}"), FUNCTION, key, message);
    }
    // Only where it would be filled in.
    refuses("key = (\"{id}\".to_owned(), id)", FUNCTION, "\"{id}\"", "is not filled in here");
    accepts("key = (\"}\", id)", FUNCTION);
    refuses("key = \"{{id}}\"", FUNCTION, "\"{{id}}\"", "mentions no argument");
}
