//! Functions that a macro writes from fragments of every kind.

use super::choice::Choice;
use super::forms::{Form, Subject, companion, subject};
use super::function::{ANYWHERE, Function, Kind};
use super::words;

pub(super) fn any(choice: &mut Choice) -> Form {
    if choice.chance(20) {
        return precedence(choice);
    }
    if choice.chance(15) {
        return skipped_types(choice);
    }
    function(choice)
}

/// What a macro takes, and what it is given.
#[derive(Default)]
struct Passed {
    matchers: Vec<String>,
    given: Vec<String>,
}

impl Passed {
    /// Passes a text as a fragment, and gives what stands in its place.
    fn pass(&mut self, name: &str, kind: &str, text: &str) -> String {
        self.matchers.push(format!("${name}:{kind}"));
        self.given.push(text.to_owned());
        format!("${name}")
    }

    fn macro_of(&self, name: &str, attributes: &str, written: &str) -> String {
        let matchers = [vec!["$(#[$meta:meta])*".to_owned()], self.matchers.clone()].concat();
        let given = [vec![attributes.to_owned()], self.given.clone()].concat();
        format!(
            "macro_rules! {name} {{ ({}) => {{\n{written}\n}}; }}\n{name}!({});",
            matchers.join(", "),
            given.join(", ")
        )
    }
}

/// One function, some of whose parts arrive as fragments.
#[allow(clippy::too_many_lines, reason = "one step for each part of a function")]
fn function(choice: &mut Choice) -> Form {
    let name = words::function_names(choice, 1)[0];
    let mut function = Function::any(choice, name, ANYWHERE);
    if function.kind == Kind::Opaque && choice.chance(50) {
        function.kind = Kind::Sync;
    }
    let mut passed = Passed::default();
    // The body and what it names come from one place: names of two places are different names.
    let outside = choice.chance(50);
    let part = |choice: &mut Choice, passed: &mut Passed, name: &str, kind: &str, text: &str| {
        if choice.chance(50) { passed.pass(name, kind, text) } else { text.to_owned() }
    };
    let vis = if choice.chance(50) {
        passed.pass("vis", "vis", function.vis)
    } else {
        function.vis.to_owned()
    };
    let written_name = part(choice, &mut passed, "name", "ident", name);
    let life = if function.names_lifetime() {
        passed.pass("life", "lifetime", "'a")
    } else {
        String::new()
    };
    let mut arguments = Vec::new();
    for (number, argument) in function.arguments.iter().enumerate() {
        let place = format!("p{number}");
        let pattern = if !outside {
            argument.pattern.clone()
        } else if argument.pattern.starts_with("mut ") {
            format!("mut {}", passed.pass(&place, "ident", &argument.bound[0]))
        } else if argument.is_named() || argument.skipped {
            passed.pass(&place, "ident", &argument.pattern)
        } else {
            passed.pass(&place, "pat", &argument.pattern)
        };
        let ty = function.type_of(argument);
        let kind = choice.one_of(&["ty", "ty", "path"]);
        let path = ty.starts_with("::") || ty.starts_with("crate");
        let kind = if path { kind } else { "ty" };
        let ty = if choice.chance(50) {
            passed.pass(&format!("t{number}"), kind, &ty)
        } else {
            ty.replace("'a", &life)
        };
        arguments.push(format!("{pattern}: {ty}"));
    }
    let returned = match function.kind {
        Kind::Sync | Kind::Async => {
            part(choice, &mut passed, "returned", "ty", function.returned.ty)
        }
        _ => function.returned().replace("'a", &life),
    };
    let (generics, bounds) = function.generics();
    let generics = generics.replace("'a", &life);
    let literal = part(choice, &mut passed, "salt", "expr", "1 + 2");
    let body = if outside {
        let body = function.body("2 * (1 + 2)");
        // The body of a block cannot have inner attributes.
        let body = body.replace("#![allow(unused)]", "");
        if choice.chance(50) {
            passed.pass("body", "block", &body)
        } else {
            format!("{{ {} }}", passed.pass("body", "expr", &body))
        }
    } else {
        let salt = if literal == "$salt" { "2 * $salt" } else { "2 * (1 + 2)" };
        function.body(salt).replace("'a", &life)
    };
    let asyncness = if function.kind == Kind::Async { "async " } else { "" };
    let signature = format!(
        "{asyncness}fn {written_name}{generics}({}) -> {returned} {bounds} {body}",
        arguments.join(", ")
    );
    // An attribute that names arguments comes from where they come from.
    let given = outside || choice.chance(30);
    let attribute = function.options.text();
    let wrapped = choice.below(3);
    let items = |cached: bool| {
        let attribute = if cached { attribute.as_str() } else { "" };
        let (before, inside) = if given { (attribute, "") } else { ("", attribute) };
        let made =
            passed.macro_of("make", before, &format!("$(#[$meta])*\n{inside}\n{vis} {signature}"));
        match wrapped {
            0 => format!(
                "macro_rules! pass {{ ($($all:tt)*) => {{ $($all)* }}; }}\npass! {{ {made} }}"
            ),
            1 => format!(
                "macro_rules! each {{ ($($item:item)*) => {{ $($item)* }}; }}\neach! {{ {made} }}"
            ),
            _ => made,
        }
    };
    let calls = function.calls(choice);
    let mut subject = subject(&function, "Found", &calls, |call| {
        format!("{name}{}({})", call.turbofish, call.values)
    });
    subject.companion = Some(companion(&function, &calls[0]));
    Form { plain: items(false), cached: items(true), subjects: vec![subject] }
}

/// Expressions of low precedence in options, next to operators that bind closer.
fn precedence(choice: &mut Choice) -> Form {
    let attribute = choice.one_of(&["::cachekit::cache", "::cachekit::cache::local"]);
    let (never, unless) = choice.one_of(&[(true, "false || true"), (false, "false || false")]);
    let mut passed = Passed::default();
    let parts = [("a", "ident", "a"), ("b", "ident", "b"), ("id", "expr", "a + b")];
    let [a, b, id] = parts.map(|(name, kind, text)| passed.pass(name, kind, text));
    let ttl = passed.pass("ttl", "expr", "10 + 20");
    let capacity = passed.pass("capacity", "expr", "5 + 5");
    let unless = passed.pass("unless", "expr", unless);
    let mut options = vec![format!("key = 10 * {id}"), format!("capacity = 10 * {capacity}")];
    options.push(format!("if = |_| !{unless}"));
    if choice.chance(50) {
        options.push(format!("weight = |_, _| 1 * {capacity} - 9"));
    }
    let lasts =
        choice.chance(70).then(|| options.push(format!("ttl = 2 * {ttl}"))).map(|()| (60, 60));
    choice.shuffle(&mut options);
    let items = |cached: bool| {
        let attribute =
            if cached { format!("#[{attribute}({})]", options.join(", ")) } else { String::new() };
        let written = format!(
            "$(#[$meta])*\n{attribute}\nfn cell({a}: u64, {b}: u64) -> u64 {{ \
             let _ = (2 * {ttl}, 10 * {capacity}, !{unless}, {a}, {b}); \
             RUNS.fetch_add(1, ::core::sync::atomic::Ordering::SeqCst); 10 * {id} }}"
        );
        passed.macro_of("cell", "", &written)
    };
    let calls = ["1, 10", "2, 0", "10, 1", "0, 20"];
    let subject = Subject {
        name: "cell".to_owned(),
        calls: calls.map(|values| format!("::std::format!(\"{{:?}}\", cell({values}))")).into(),
        keys: vec![0, 1, 0, 3],
        kept: if never { "Nothing" } else { "All" },
        reach: if attribute.ends_with("local") { "Process" } else { "Found" },
        lasts: if never { None } else { lasts },
        none_lasts: None,
        companion: None,
    };
    Form { plain: items(false), cached: items(true), subjects: vec![subject] }
}

/// One entry for all types of a handle that decides nothing.
fn skipped_types(choice: &mut Choice) -> Form {
    let attribute = choice.one_of(&["::cachekit::cache", "::cachekit::cache::local"]);
    let asyncness = choice.one_of(&["", "async "]);
    let bounds = choice.one_of(&["X: crate::types::Tag", "X"]);
    let items = |cached: bool| {
        let attribute = if cached { format!("#[{attribute}(skip(by, X))]") } else { String::new() };
        format!(
            "{attribute}\n{asyncness}fn load<{bounds}>(by: X, id: u64) -> u64 {{ let _ = by; \
             RUNS.fetch_add(1, ::core::sync::atomic::Ordering::SeqCst); id + 1 }}"
        )
    };
    let shown = |call: &str| match asyncness {
        "" => format!("::std::format!(\"{{:?}}\", {call})"),
        _ => format!("::std::format!(\"{{:?}}\", ::cachekit_compiled_tests::block_on({call}))"),
    };
    let calls = ["Left, 1", "Right, 1", "Right, 2", "Left, 2"];
    let subject = Subject {
        name: "load".to_owned(),
        calls: calls.map(|values| shown(&format!("load(crate::types::{values})"))).into(),
        keys: vec![0, 0, 2, 2],
        kept: "All",
        reach: if attribute.ends_with("local") { "Process" } else { "Found" },
        lasts: None,
        none_lasts: None,
        companion: None,
    };
    Form { plain: items(false), cached: items(true), subjects: vec![subject] }
}
