//! Arguments and results of generated functions.
//!
//! Every path is written out from the root, so that a program may give the prelude's names to things of its
//! own.

use super::choice::Choice;

/// How many values an argument can have.
pub(super) const VALUES: usize = 3;

/// Names that expansions use, or could use, for things of their own.
const NAMES: &[&str] = &[
    "key", "value", "shape", "miss", "found", "hash", "site", "entry", "result", "r#type", "r#fn",
    "r#match", "__key", "__miss", "__value", "__shape", "__site", "__cache", "__rules", "__found",
    "__key0", "cache", "cachekit", "arg0", "f", "it", "store", "scope", "text", "rules", "backend",
    "tenant", "ok", "some", "this", "ttl", "weight", "judge", "handle", "private",
];

/// Functions, whose companions take these names among the types.
const FUNCTIONS: &[&str] = &[
    "load",
    "key",
    "value",
    "refresh",
    "peek",
    "stats",
    "clear",
    "set",
    "contains",
    "invalidate",
    "r#type",
    "r#match",
    "main",
    "site",
    "entry",
    "lookup",
    "handle",
    "get_or_insert_with",
    "__cachekit_site",
    "miss",
    "shape",
    "hash",
    "x",
    "user",
    "Load",
    "future",
];

pub(super) fn argument_names(choice: &mut Choice, count: usize) -> Vec<&'static str> {
    choice.several(NAMES, count)
}

pub(super) fn function_names(choice: &mut Choice, count: usize) -> Vec<&'static str> {
    choice.several(FUNCTIONS, count)
}

/// An argument of a function, and what it can be called with.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    pub(super) pattern: String,
    pub(super) ty: String,
    /// What the pattern binds.
    pub(super) bound: Vec<String>,
    pub(super) values: [String; VALUES],
    /// What stands before a value that a companion takes.
    pub(super) borrow: &'static str,
    pub(super) borrowed: bool,
    /// Whether it is a handle, which decides nothing.
    pub(super) skipped: bool,
}

impl Argument {
    /// Whether options can name it.
    pub(super) fn is_named(&self) -> bool {
        self.bound.len() == 1 && self.bound[0] == self.pattern
    }
}

/// An argument of any type that can be part of a key.
pub(super) fn argument(choice: &mut Choice, name: &str, owned: bool) -> Argument {
    loop {
        let argument = any(choice.below(28), name);
        if !(owned && argument.borrowed) {
            return argument;
        }
    }
}

/// An argument that has to be skipped.
pub(super) fn handle(choice: &mut Choice, name: &str, owned: bool) -> Argument {
    let which = if owned { 2 } else { choice.below(3) };
    let (ty, value) = [
        ("&crate::types::Handle", "&crate::types::Handle"),
        ("&mut crate::types::Handle", "&mut crate::types::Handle"),
        ("crate::types::Handle", "crate::types::Handle"),
    ][which];
    let mut argument = made(name, ty, |_| value.to_owned());
    argument.skipped = true;
    argument.borrowed = which < 2;
    argument.bound.clear();
    argument
}

fn made(name: &str, ty: &str, value: impl FnMut(usize) -> String) -> Argument {
    // A companion takes a reference as it is.
    let as_it_is = ty.starts_with('&');
    Argument {
        pattern: name.to_owned(),
        ty: ty.to_owned(),
        bound: vec![name.to_owned()],
        values: [0, 1, 2].map(value),
        borrow: if as_it_is { "" } else { "&" },
        borrowed: ty.contains('&') || ty.contains("'_"),
        skipped: false,
    }
}

fn bound(mut argument: Argument, pattern: String, names: &[&str]) -> Argument {
    argument.pattern = pattern;
    argument.bound = names.iter().map(|&name| name.to_owned()).collect();
    argument
}

fn point(n: usize) -> String {
    format!("crate::types::Point {{ x: {n}, y: -{n} }}")
}

#[allow(clippy::too_many_lines, reason = "one arm for each type")]
fn any(kind: usize, name: &str) -> Argument {
    let plain = |ty: &str, value: &dyn Fn(usize) -> String| made(name, ty, value);
    let pair = format!("{}_2", name.trim_start_matches("r#"));
    match kind {
        0 => plain("u32", &|n| format!("{n}u32")),
        1 => plain("i64", &|n| format!("-{n}i64")),
        2 => plain("bool", &|n| (n == 1).to_string()),
        3 => plain("char", &|n| format!("'{n}'")),
        4 => plain("::std::string::String", &|n| format!("::std::string::String::from(\"s{n}\")")),
        5 => plain("&str", &|n| format!("\"s{n}\"")),
        6 => plain("&[u32]", &|n| format!("&[{n}u32, 2]")),
        7 => plain("::std::vec::Vec<u8>", &|n| format!("::std::vec![{n}u8, 0]")),
        8 => plain("::core::option::Option<u32>", &|n| match n {
            0 => "::core::option::Option::None".to_owned(),
            _ => format!("::core::option::Option::Some({n}u32)"),
        }),
        9 => plain("::core::option::Option<&str>", &|n| match n {
            0 => "::core::option::Option::None".to_owned(),
            _ => format!("::core::option::Option::Some(\"s{n}\")"),
        }),
        10 => {
            let argument = plain("(u32, u32)", &|n| format!("({n}u32, 1u32)"));
            bound(argument, format!("({name}, {pair})"), &[name, &pair])
        }
        11 => {
            let argument = plain("[u32; 2]", &|n| format!("[{n}u32, 1u32]"));
            bound(argument, format!("[{name}, ..]"), &[name])
        }
        12 => plain("f64", &|n| format!("{n}.5f64")),
        13 => bound(
            plain("crate::types::Point", &point),
            format!("crate::types::Point {{ x: {name}, y: {pair} }}"),
            &[name, &pair],
        ),
        14 => plain("crate::types::Unit", &|n| {
            format!("crate::types::Unit::{}", ["Metre", "Mile(1)", "Other { of: 2 }"][n])
        }),
        15 => plain("::std::borrow::Cow<'_, str>", &|n| {
            format!("::std::borrow::Cow::Borrowed(\"s{n}\")")
        }),
        16 => plain("::std::boxed::Box<u32>", &|n| format!("::std::boxed::Box::new({n}u32)")),
        17 => {
            plain("::std::sync::Arc<str>", &|n| format!("::std::sync::Arc::<str>::from(\"s{n}\")"))
        }
        18 => plain("&u32", &|n| format!("&{n}u32")),
        19 => plain("u128", &|n| format!("({n}u128 << 100)")),
        20 => plain("(::std::string::String, ::core::option::Option<i8>)", &|n| {
            format!("(::std::string::String::new(), ::core::option::Option::Some({n}i8))")
        }),
        21 => {
            let argument = plain("::std::string::String", &|n| {
                format!("::std::string::String::from(\"m{n}\")")
            });
            bound(argument, format!("mut {name}"), &[name])
        }
        22 => plain("::std::collections::BTreeSet<usize>", &|n| {
            format!(
                "::core::iter::Iterator::collect::<::std::collections::BTreeSet<usize>>(0..{n})"
            )
        }),
        23 => plain("&crate::types::Point", &|n| format!("&{}", point(n))),
        24 => bound(plain("&u32", &|n| format!("&{n}u32")), format!("&{name}"), &[name]),
        25 => bound(
            plain("(crate::types::Point, [char; 2])", &|n| format!("({}, ['a', '{n}'])", point(n))),
            format!("(crate::types::Point {{ x: {name}, .. }}, [_, {pair}])"),
            &[name, &pair],
        ),
        26 => bound(
            plain("(u8, u8, u8)", &|n| format!("({n}u8, 1u8, {n}u8)")),
            format!("{name} @ (_, .., _)"),
            &[name],
        ),
        _ => bound(plain("u32", &|n| format!("{n}u32")), "_".to_owned(), &[]),
    }
}

/// What a function returns, made from a variable `text`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Returned {
    pub(super) ty: &'static str,
    pub(super) from_text: &'static str,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Value,
    Option,
    Result,
}

const fn returned(ty: &'static str, from_text: &'static str, outcome: Outcome) -> Returned {
    Returned { ty, from_text, outcome }
}

const OPTION: &str = "if ::cachekit_compiled_tests::judge::number(&text) % 3 == 0 { ::core::option::Option::None } \
                      else { ::core::option::Option::Some(text) }";
const RESULT: &str = "if ::cachekit_compiled_tests::judge::number(&text) % 3 == 0 { ::core::result::Result::Err(text) } \
                      else { ::core::result::Result::Ok(text) }";

pub(super) const RETURNED: &[Returned] = &[
    returned("::std::string::String", "text", Outcome::Value),
    returned(
        "::core::primitive::u64",
        "::cachekit_compiled_tests::judge::number(&text)",
        Outcome::Value,
    ),
    returned("::core::option::Option<::std::string::String>", OPTION, Outcome::Option),
    returned("crate::types::Maybe<::std::string::String>", OPTION, Outcome::Option),
    returned(
        "::core::result::Result<::std::string::String, ::std::string::String>",
        RESULT,
        Outcome::Result,
    ),
    returned("crate::types::Answer<::std::string::String>", RESULT, Outcome::Result),
    returned("crate::types::TextAnswer", RESULT, Outcome::Result),
    returned(
        "(::core::primitive::u64, ::std::vec::Vec<::std::string::String>)",
        "(::cachekit_compiled_tests::judge::number(&text), ::std::vec![text])",
        Outcome::Value,
    ),
    returned(
        "crate::types::Wrapped",
        "crate::types::Wrapped { length: text.len(), text, of: ::core::option::Option::None }",
        Outcome::Value,
    ),
    returned("::std::sync::Arc<str>", "::std::sync::Arc::<str>::from(text)", Outcome::Value),
    returned("()", "{ let _ = text; }", Outcome::Value),
    returned(
        "::core::result::Result<::core::option::Option<::core::primitive::u64>, ::std::string::String>",
        "::core::result::Result::Ok(::core::option::Option::Some(::cachekit_compiled_tests::judge::number(&text)))",
        Outcome::Result,
    ),
];

/// The types that the functions use.
pub(super) const TYPES: &str = r#"
pub mod types {
    use serde::{Deserialize, Serialize};
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub struct Point { pub x: i32, pub y: i32 }
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum Unit { Metre, Mile(u8), Other { of: u64 } }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Wrapped { pub length: usize, pub text: String, pub of: Option<Box<Wrapped>> }
    pub struct Handle;
    pub trait Tag { const NAME: &'static str; }
    pub struct Left;
    pub struct Right;
    impl Tag for Left { const NAME: &'static str = "left"; }
    impl Tag for Right { const NAME: &'static str = "right"; }
    pub type Maybe<T> = Option<T>;
    pub type Answer<T> = Result<T, String>;
    pub type TextAnswer = Result<String, String>;
}
"#;
