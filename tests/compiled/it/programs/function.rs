//! One generated function.

use super::choice::Choice;
use super::options::{self, Options};
use super::words::{self, Argument, RETURNED, Returned, VALUES};

/// How a function gives its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sync,
    Async,
    /// `Pin<Box<dyn Future>>`.
    Boxed,
    /// `impl Future`.
    Opaque,
}

/// A type parameter, or a constant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generic {
    pub(super) declared: &'static str,
    pub(super) bounds: &'static str,
    /// What the body shows of it.
    pub(super) shown: &'static str,
    pub(super) instances: [&'static str; 2],
}

const GENERICS: &[Generic] = &[
    Generic {
        declared: "T",
        bounds: "",
        shown: "::core::any::type_name::<T>()",
        instances: ["u8", "::std::string::String"],
    },
    Generic {
        declared: "T",
        bounds: "T: crate::types::Tag",
        shown: "<T as crate::types::Tag>::NAME",
        instances: ["crate::types::Left", "crate::types::Right"],
    },
    Generic {
        declared: "const N: ::core::primitive::usize",
        bounds: "",
        shown: "N",
        instances: ["1", "2"],
    },
    Generic {
        declared: "const YES: ::core::primitive::bool",
        bounds: "",
        shown: "YES",
        instances: ["true", "false"],
    },
];

/// A function with its attribute.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) options: Options,
    pub(super) vis: &'static str,
    pub(super) name: String,
    pub(super) generics: Vec<Generic>,
    /// Whether bounds stand in a `where` clause.
    bounds_last: bool,
    pub(super) arguments: Vec<Argument>,
    pub(super) returned: Returned,
    pub(super) kind: Kind,
    style: usize,
}

/// What a place allows.
#[allow(clippy::struct_excessive_bools, reason = "independent of each other")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) generic: bool,
    /// Whether arguments can be patterns.
    pub(super) patterns: bool,
    pub(super) futures: bool,
    pub(super) renamed: bool,
    pub(super) vis: &'static str,
}

pub(super) const ANYWHERE: Place =
    Place { generic: true, patterns: true, futures: true, renamed: true, vis: "pub(crate)" };

/// A call of a function: its generic parameters, its arguments, and whose entry it is about.
pub(super) struct Call {
    pub(super) turbofish: String,
    pub(super) values: String,
    /// What a companion takes.
    pub(super) parts: String,
    pub(super) key: Vec<String>,
}

impl Function {
    pub(super) fn any(choice: &mut Choice, name: &str, place: Place) -> Self {
        let kinds = [Kind::Sync, Kind::Sync, Kind::Async, Kind::Boxed, Kind::Opaque];
        let kind = choice.one_of(if place.futures { &kinds } else { &kinds[..3] });
        let generics = if place.generic && choice.chance(30) {
            vec![choice.one_of(GENERICS)]
        } else {
            Vec::new()
        };
        let handles = usize::from(choice.chance(20));
        let count = choice.below(4) + handles;
        let names = words::argument_names(choice, count);
        let owned = choice.chance(30);
        let mut arguments: Vec<_> =
            names[handles..].iter().map(|name| words::argument(choice, name, owned)).collect();
        if !place.patterns {
            arguments.retain(Argument::is_named);
        }
        for name in &names[..handles] {
            let at = choice.below(arguments.len() + 1);
            arguments.insert(at, words::handle(choice, name, owned));
        }
        let returned = choice.one_of(RETURNED);
        let options = options::options(
            choice,
            &options::Subject {
                arguments: &arguments,
                outcome: returned.outcome,
                may_be_stale: owned
                    && handles == 0
                    && generics.is_empty()
                    && matches!(kind, Kind::Sync | Kind::Async),
                may_be_renamed: place.renamed,
            },
        );
        Self {
            options,
            vis: place.vis,
            name: name.to_owned(),
            generics,
            bounds_last: choice.chance(50),
            arguments,
            returned,
            kind,
            style: choice.below(10),
        }
    }

    /// Calls with different arguments, among them two that are the same.
    pub(super) fn calls(&self, choice: &mut Choice) -> Vec<Call> {
        let keyed = self.options.list.iter().any(|option| option.starts_with("key"));
        let mut calls: Vec<Call> = Vec::new();
        for number in 0..3 + choice.below(2) {
            let instance = choice.below(2);
            let turbofish = match self.generics.as_slice() {
                [] => String::new(),
                generics => {
                    let all: Vec<_> =
                        generics.iter().map(|each| each.instances[instance]).collect();
                    format!("::<{}>", all.join(", "))
                }
            };
            let mut key = vec![turbofish.clone()];
            let (mut values, mut parts) = (Vec::new(), Vec::new());
            for (index, argument) in self.arguments.iter().enumerate() {
                let which = if index == 0 { number % VALUES } else { choice.below(VALUES) };
                let value = &argument.values[which];
                values.push(value.clone());
                if argument.skipped && keyed {
                    // An expression for the key may use everything, so companions take everything.
                    parts.push("&crate::types::Handle".to_owned());
                }
                if !argument.skipped {
                    key.push(value.clone());
                    parts.push(format!("{}{value}", argument.borrow));
                }
            }
            let (values, parts) = (values.join(", "), parts.join(", "));
            calls.push(Call { turbofish, values, parts, key });
        }
        calls
    }

    /// The attribute and the function, or the function alone.
    pub(super) fn item(&self, cached: bool, receiver: &str, salt: &str) -> String {
        let attribute = if cached { self.options.text() } else { String::new() };
        format!("{attribute}\n{} {}", self.vis, self.written(receiver, salt))
    }

    /// The function from `fn` on.
    pub(super) fn written(&self, receiver: &str, salt: &str) -> String {
        let arguments: Vec<_> = self
            .arguments
            .iter()
            .map(|argument| format!("{}: {}", argument.pattern, self.type_of(argument)))
            .collect();
        let receiver = if receiver.is_empty() { vec![] } else { vec![receiver.to_owned()] };
        let arguments = [receiver, arguments].concat().join(", ");
        let asyncness = if self.kind == Kind::Async { "async " } else { "" };
        let (generics, bounds) = self.generics();
        let (name, returned) = (&self.name, self.returned());
        format!(
            "{asyncness}fn {name}{generics}({arguments}) -> {returned} {bounds} {}",
            self.body(salt)
        )
    }

    pub(super) fn type_of(&self, argument: &Argument) -> String {
        if !self.names_lifetime() {
            return argument.ty.clone();
        }
        argument.ty.replace('&', "&'a ").replace("'_", "'a")
    }

    fn is_borrowing(&self) -> bool {
        self.arguments.iter().any(|argument| argument.borrowed)
    }

    /// Returned futures have to say what they borrow.
    pub(super) fn names_lifetime(&self) -> bool {
        self.is_borrowing() && self.kind == Kind::Boxed
    }

    pub(super) fn generics(&self) -> (String, String) {
        let mut declared = Vec::new();
        if self.names_lifetime() {
            declared.push("'a".to_owned());
        }
        let mut bounds = Vec::new();
        for generic in &self.generics {
            if generic.bounds.is_empty() || self.bounds_last {
                declared.push(generic.declared.to_owned());
                bounds.extend((!generic.bounds.is_empty()).then_some(generic.bounds));
            } else {
                declared.push(generic.bounds.to_owned());
            }
        }
        let declared = match declared.as_slice() {
            [] => String::new(),
            all => format!("<{}>", all.join(", ")),
        };
        let bounds = match bounds.as_slice() {
            [] => String::new(),
            all => format!("where {}", all.join(", ")),
        };
        (declared, bounds)
    }

    pub(super) fn returned(&self) -> String {
        let ty = self.returned.ty;
        let life = if self.names_lifetime() { "'a" } else { "'static" };
        let future = format!("::core::future::Future<Output = {ty}> + ::core::marker::Send");
        match self.kind {
            Kind::Sync | Kind::Async => ty.to_owned(),
            Kind::Boxed => format!("::core::pin::Pin<::std::boxed::Box<dyn {future} + {life}>>"),
            Kind::Opaque => format!("impl {future}"),
        }
    }

    /// Shows everything that decides about the result, and counts.
    pub(super) fn body(&self, salt: &str) -> String {
        let mut shown = vec![salt.to_owned()];
        shown.extend(self.generics.iter().map(|generic| generic.shown.to_owned()));
        shown.extend(self.arguments.iter().flat_map(|argument| argument.bound.iter().cloned()));
        let places = vec!["{:?}"; shown.len()].join("|");
        let text = format!(
            "RUNS.fetch_add(1, ::core::sync::atomic::Ordering::SeqCst); \
             let text = ::std::format!(\"{places}\", {});",
            shown.join(", ")
        );
        let result = self.returned.from_text;
        let ty = self.returned.ty;
        let body = match self.style {
            0 => format!("{text} if text.is_empty() {{ return {result}; }} {result}"),
            1 => format!(
                "{text} let make = |text: ::std::string::String| -> {ty} {{ {result} }}; make(text)"
            ),
            2 => format!("{text} loop {{ break {result}; }}"),
            3 => {
                format!("#![allow(unused)] {text} let (key, value, found) = ((), (), ()); {result}")
            }
            4 => format!(
                "{text} 'value: {{ if text.is_empty() {{ break 'value {result}; }} {result} }}"
            ),
            5 => format!("{text} struct Some; struct Ok; let _ = (Some, Ok); {{ {result} }}"),
            6 => format!(
                "{text} fn made(text: ::std::string::String) -> {ty} {{ {result} }} made(text)"
            ),
            7 => format!("{text} let value: {ty} = {{ {result} }}; value"),
            8 => format!("{text} match text {{ text => {result} }}"),
            _ => format!("{text} {result}"),
        };
        match self.kind {
            Kind::Sync | Kind::Async => format!("{{ {body} }}"),
            _ => format!(
                "{{ ::std::boxed::Box::pin(async move {{ {} }}) }}",
                body.replace("#![allow(unused)]", "")
            ),
        }
    }

    /// An expression that calls it and prints the result.
    pub(super) fn shown(&self, call: &str) -> String {
        let call = match self.kind {
            Kind::Sync => call.to_owned(),
            _ => format!("::cachekit_compiled_tests::block_on({call})"),
        };
        format!("::std::format!(\"{{:?}}\", {call})")
    }
}
