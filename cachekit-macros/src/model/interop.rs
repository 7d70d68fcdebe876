//! What `interop = …` takes: names that every language accepts, and nothing that only Rust knows.

use syn::LitStr;

use super::Tier;
use crate::args::Args;
use crate::diagnostics::Errors;

/// Checks the option. `stays` says that the values cannot leave the process.
pub(super) fn check((tier, stays): (Tier, bool), args: &Args, errors: &mut Errors) {
    let (Some(option), Some(operation)) = (args.interop.name(), args.interop.value()) else {
        return;
    };
    if !cfg!(feature = "interop") {
        errors.at(
            option,
            "`interop` needs the feature `interop` of cachekit: in Cargo.toml, write \
             `cachekit = { path = \"…\", features = [\"interop\"] }`",
        );
    }
    if tier == Tier::Local {
        errors.at(
            option,
            "`interop` shares values with other languages, and `#[cache::local]` keeps them in this process: write \
             `#[cache]`, or remove it",
        );
    } else if let Some(place) = args.own_cache.name() {
        errors.at(
            place,
            "`interop` shares values with other languages, and a cache of your own is in this process only: remove \
             `in`, or remove `interop`",
        );
    } else if stays {
        errors.at(
            args.self_key.name().unwrap_or(option),
            "`interop` shares values with other languages, to which an instance means nothing: say what identifies \
             it everywhere with `self = key(self.id)`",
        );
    }
    if let Some(why) = refused(&operation.value()) {
        errors.at(operation, format_args!("this is no operation that all languages accept: {why}"));
    }
    match args.namespace.value() {
        Some(namespace) => check_namespace(namespace, errors),
        None if args.namespace.is_given() => {}
        None => errors.at(
            option,
            "`interop` needs the namespace that the other languages use: add `namespace = \"users\"`",
        ),
    }
    if let (Some(version), Some(_)) = (args.version.name(), args.version.value()) {
        errors.at(
            version,
            "other languages know no `version`: give the operation another name, such as `interop = \"get_user.v2\"`",
        );
    }
}

fn check_namespace(namespace: &LitStr, errors: &mut Errors) {
    let value = namespace.value();
    if let Some(why) = refused(&value) {
        errors.at(namespace, format_args!("this is no namespace that all languages accept: {why}"));
    } else if matches!(value.as_str(), "ns" | "nsapi") {
        errors.at(
            namespace,
            "this namespace is reserved in keys that all languages share: choose another one",
        );
    }
}

/// Why this is no part of a key that all languages share.
fn refused(segment: &str) -> Option<String> {
    let is_first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_other = |c: char| is_first(c) || matches!(c, '.' | '_' | '-');
    if !(1..=64).contains(&segment.len()) {
        return Some(format!("it has {} characters, and may have from 1 to 64", segment.len()));
    }
    if let Some(foreign) = segment.chars().find(|c| !is_other(*c)) {
        let advice = if foreign.is_ascii_uppercase() {
            format!("write {:?}", segment.to_ascii_lowercase())
        } else {
            "write a-z, 0-9, `.`, `_` and `-`".to_owned()
        };
        return Some(format!("{foreign:?} cannot be in it; {advice}"));
    }
    if !segment.starts_with(is_first) {
        return Some("it has to begin with one of a-z and 0-9".to_owned());
    }
    segment.contains("..").then(|| "it cannot have two dots in a row".to_owned())
}
