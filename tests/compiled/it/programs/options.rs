//! Options of the attribute, and what they say about entries.

use super::choice::Choice;
use super::words::{Argument, Outcome};

/// The attribute of one function.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// `cache`, `cache::local` or `cache::secure`.
    pub(super) attribute: &'static str,
    /// What stands in its parentheses.
    pub(super) list: Vec<String>,
    /// A variant of `Kept`.
    pub(super) kept: &'static str,
    /// For how many seconds an entry is fresh, and after how many nothing is left of it.
    pub(super) lasts: Option<(u64, u64)>,
    /// The same for `None`, where that has a time of its own.
    pub(super) none_lasts: Option<u64>,
    /// The companion's name, if it is not the function's.
    pub(super) companion: Option<&'static str>,
}

impl Options {
    pub(super) fn is_local(&self) -> bool {
        self.attribute.ends_with("local")
    }

    pub(super) fn text(&self) -> String {
        if self.list.is_empty() {
            return format!("#[{}]", self.attribute);
        }
        format!("#[{}({})]", self.attribute, self.list.join(", "))
    }
}

/// What options depend on.
pub(super) struct Subject<'a> {
    pub(super) arguments: &'a [Argument],
    pub(super) outcome: Outcome,
    /// Whether everything can be copied to a task that refreshes.
    pub(super) may_be_stale: bool,
    /// Whether `name = …` may stand there.
    pub(super) may_be_renamed: bool,
}

/// Times to live, what is kept under them, and after how many seconds nothing is.
const TTL: &[(&str, &str, Option<u64>)] = &[
    ("ttl = 60", "Successes", Some(60)),
    ("ttl = \"5m\"", "Successes", Some(300)),
    ("ttl = ::core::time::Duration::from_secs(2 + 3)", "Successes", Some(5)),
    ("ttl = ::core::option::Option::Some(20u64)", "Successes", Some(20)),
    ("ttl = { const SECONDS: ::core::primitive::u64 = 7; SECONDS }", "Successes", Some(7)),
    ("ttl = |_| 30u64", "Successes", Some(30)),
    ("ttl(ok = 60)", "Successes", Some(60)),
    ("ttl = ::core::time::Duration::ZERO", "Nothing", None),
];

pub(super) fn options(choice: &mut Choice, subject: &Subject<'_>) -> Options {
    let attribute = choice.one_of(&[
        "::cachekit::cache",
        "::cachekit::cache",
        "::cachekit::cache::local",
        "::cachekit::cache::secure",
    ]);
    let secure = attribute.ends_with("secure");
    let mut list = Vec::new();
    let mut kept = "Successes";
    let mut lasts = None;
    if choice.chance(50) {
        let (text, keeps, seconds) = match (subject.outcome, choice.below(3)) {
            (Outcome::Result, 0) => ("ttl(ok = 60, err = 60)", "All", Some(60)),
            (Outcome::Option, 0) => ("ttl(ok = 60, none = 45)", "All", Some(60)),
            _ => choice.one_of(TTL),
        };
        list.push(text.to_owned());
        (kept, lasts) = (keeps, seconds.map(|seconds| (seconds, seconds)));
        // Only literals say at compile time that something can become stale at all.
        let literal = text.starts_with("ttl = 60") || text.starts_with("ttl = \"");
        if subject.may_be_stale && literal && choice.chance(30) {
            list.push("stale = \"30s\"".to_owned());
            lasts = seconds.map(|seconds| (seconds, seconds + 31));
        }
    }
    // Longer than anything lasts here: a use, or none, changes nothing.
    if !list.iter().any(|option| option.starts_with("stale")) && choice.chance(10) {
        list.push("idle = \"2h\"".to_owned());
    }
    match choice.below(8) {
        0 => list.push("capacity = 100".to_owned()),
        1 => list.push("capacity = 50 * 2, weight = |_, _| 2".to_owned()),
        2 => {
            list.push("capacity = 1".to_owned());
            kept = if kept == "Nothing" { kept } else { "Some" };
        }
        _ => {}
    }
    match choice.below(8) {
        0 => list.push("if = |_| true".to_owned()),
        1 if subject.outcome != Outcome::Result || kept != "All" => {
            list.push("if = |_| false".to_owned());
            (kept, lasts) = ("Nothing", None);
        }
        _ => {}
    }
    if secure || !attribute.ends_with("local") && choice.chance(20) {
        list.push("namespace = \"programs\"".to_owned());
    }
    if !attribute.ends_with("local") && choice.chance(20) {
        list.push(format!("version = {}", 1 + choice.below(9)));
    }
    if secure && choice.chance(30) {
        list.push("l1 = typed".to_owned());
    }
    if !attribute.ends_with("local") && choice.chance(10) {
        list.push("fill_lock = off".to_owned());
    }
    if kept == "Nothing" || kept == "Some" {
        lasts = None;
    }
    let none_lasts = list.iter().any(|option| option.contains("none = 45")).then_some(45);
    let companion = (subject.may_be_renamed && choice.chance(15)).then_some("Companion");
    list.extend(companion.map(|name| format!("name = {name}")));
    list.extend(key(choice, subject.arguments, secure));
    choice.shuffle(&mut list);
    Options { attribute, list, kept, lasts, none_lasts, companion }
}

/// `skip` where there are handles, `key` now and then.
fn key(choice: &mut Choice, arguments: &[Argument], secure: bool) -> Vec<String> {
    let skipped: Vec<_> = arguments.iter().filter(|argument| argument.skipped).collect();
    let parts: Vec<_> = arguments.iter().filter(|argument| !argument.skipped).collect();
    let all_named = !parts.is_empty() && parts.iter().all(|part| part.is_named());
    let mut names: Vec<_> = parts.iter().map(|part| part.pattern.as_str()).collect();
    choice.shuffle(&mut names);
    let mut list = Vec::new();
    // A name in a text is written without `r#`.
    let printed = names.iter().map(|name| format!("{{{}:?}}", name.trim_start_matches("r#")));
    let template = printed.collect::<Vec<_>>().join("/");
    if all_named && secure && choice.chance(20) {
        list.push(format!("tenant = \"t{template}\""));
    }
    if all_named && choice.chance(30) {
        list.push(match choice.below(3) {
            0 => format!("key = \"user:{template}\""),
            1 => format!("key = ({},)", names.join(", ")),
            _ => format!(
                "key = ::std::format!(\"{}\", {})",
                vec!["{:?}"; names.len()].join("/"),
                names.join(", ")
            ),
        });
    } else if !skipped.is_empty() {
        let names: Vec<_> = skipped.iter().map(|argument| argument.pattern.as_str()).collect();
        list.push(format!("skip({})", names.join(", ")));
    }
    list
}
