//! The parts of the key.

use proc_macro2::Ident;
use syn::Expr;

use super::left_out::is_type_parameter;
use super::own_cache;
use crate::args::{Args, SelfKey};
use crate::diagnostics::{Errors, list, list_or, nearest};
use crate::signature::{Free, Function, Parameter};

/// One part of the key.
pub(crate) enum Part {
    /// `self = instance`, with the word for the span of errors.
    Instance(Ident),
    /// `key = …` or `self = key(…)`.
    Expr(Expr),
    /// The parameter at this position.
    Argument(usize),
}

/// How many parts the runtime's key tuples have besides a part for `self`.
const MOST_PARTS: usize = 12;

/// The parts; also records in each parameter whether it was left out.
pub(super) fn parts(
    args: &Args,
    function: &Function,
    parameters: &mut [Parameter],
    errors: &mut Errors,
) -> Vec<Part> {
    let mut parts: Vec<Part> = receiver_part(args, function, errors).into_iter().collect();
    let skipped = skipped(args, function, parameters, errors);
    for parameter in &mut *parameters {
        parameter.skipped = parameter.is_named_by(skipped);
    }
    let of_self = parts.len();
    if args.key.is_given() {
        parts.extend(
            args.key.value().map(split_tuple).unwrap_or_default().into_iter().map(Part::Expr),
        );
    } else {
        for (index, parameter) in parameters.iter().enumerate() {
            if !parameter.skipped {
                super::check_mutable(parameter, errors);
                parts.push(Part::Argument(index));
            }
        }
    }
    let count = parts.len() - of_self;
    if count > MOST_PARTS {
        let advice = format!("this key has {count} parts and can have {MOST_PARTS}");
        match args.key.value() {
            Some(key) => errors.at(key, format_args!("{advice}: group some of them, as in `key = ((a, b), c)`")),
            None => errors.at(
                &function.sig.ident,
                format_args!("{advice}: say what matters with `key = …`, leave some out with `skip(…)`, or group \
                              the arguments in a struct"),
            ),
        }
    }
    parts
}

/// A method must state what `self` means: a silent default would serve one object's value to
/// another.
fn receiver_part(args: &Args, function: &Function, errors: &mut Errors) -> Option<Part> {
    let Some(receiver) = function.receiver() else {
        if let (Some(option), Some(SelfKey::Instance(_) | SelfKey::Part(_))) =
            (args.self_key.name(), args.self_key.value())
        {
            errors.at(
                option,
                "this function has no `self`: remove the option, or write `self = shared` if this is an associated function",
            );
        }
        return None;
    };
    if !args.self_key.is_given() {
        // A key that could not be read may have mentioned it.
        let key_says_it =
            args.key.is_given() && args.key.value().is_none_or(|key| Free::of(key).has_self());
        if !key_says_it && !own_cache::is_of_self(args) {
            let why = if args.own_cache.is_given() { own_cache::NOT_OF_SELF } else { "" };
            errors.at(
                receiver,
                format_args!(
                    "{why}say what `self` means for the key: `self = shared` if every instance gives the same result, \
                     `self = instance` if each instance has entries of its own, or `self = key(self.id)` if this \
                     part of it decides"
                ),
            );
        }
        return None;
    }
    match args.self_key.value()? {
        SelfKey::Shared => None,
        SelfKey::Instance(word) => Some(Part::Instance(word.clone())),
        SelfKey::Part(expr) => Some(Part::Expr(expr.clone())),
    }
}

/// The names of `skip(…)`, each checked.
fn skipped<'a>(
    args: &'a Args,
    function: &Function,
    parameters: &[Parameter],
    errors: &mut Errors,
) -> &'a [Ident] {
    let skipped = args.skip.value().map_or(&[][..], Vec::as_slice);
    // Where a key shows no types, also the parameters around the function.
    let shows_no_types = args.interop.is_given() || args.own_cache.is_given();
    let is_type = |name: &Ident| {
        is_type_parameter(name, function, parameters) || (name == "Self" && shows_no_types)
    };
    let only_types = !skipped.is_empty() && skipped.iter().all(is_type);
    if let (Some(option), true, false) = (args.skip.name(), args.key.is_given(), only_types) {
        errors.at(option, "`key` already says what the key is: remove `skip`");
        return skipped;
    }
    for (index, name) in skipped.iter().enumerate() {
        if skipped[..index].contains(name) {
            errors.at(name, format_args!("`{name}` stands twice in `skip`"));
        } else if is_type(name) {
            // Another file checks this.
        } else if let Some(problem) = problem_with(name, skipped, parameters) {
            errors.at(name, problem);
        }
    }
    skipped
}

fn problem_with(name: &Ident, skipped: &[Ident], parameters: &[Parameter]) -> Option<String> {
    if name == "self" {
        return Some("`self` is left out of the key with `self = shared`".to_owned());
    }
    if name == "_" {
        let unnamed = parameters.iter().any(|parameter| parameter.names.is_empty());
        return (!unnamed).then(|| {
            "`_` stands for the arguments without a name, and all arguments of this function have one".to_owned()
        });
    }
    let Some(parameter) = parameters.iter().find(|parameter| parameter.names.contains(name)) else {
        let names: Vec<String> = parameters
            .iter()
            .flat_map(|parameter| &parameter.names)
            .map(Ident::to_string)
            .collect();
        let names = names.iter().map(String::as_str);
        let hint = match nearest(&name.to_string(), names.clone()).as_slice() {
            [] if parameters.is_empty() => "; the function has none".to_owned(),
            [] => format!("; there is {}", list(names)),
            meant => format!("; did you mean {}?", list_or(meant.iter().copied())),
        };
        return Some(format!("no argument is called `{name}`{hint}"));
    };
    let missing = parameter.names.iter().find(|other| !skipped.contains(other))?;
    Some(format!(
        "`{name}` is a part of an argument, and `{missing}` of the same argument is not skipped: skip both, or \
         say what matters with `key = …`"
    ))
}

/// `key = (a, b)` is a key of two parts, not of one tuple.
fn split_tuple(key: &Expr) -> Vec<Expr> {
    match key {
        Expr::Group(inner) => split_tuple(&inner.expr),
        Expr::Paren(inner) => split_tuple(&inner.expr),
        Expr::Tuple(tuple) => tuple.elems.iter().cloned().collect(),
        other => vec![other.clone()],
    }
}
