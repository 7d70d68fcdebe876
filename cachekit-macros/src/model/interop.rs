//! What `interop = …` accepts: names that every language accepts, and nothing that only Rust knows.

use syn::visit::{self, Visit};
use syn::{Expr, LitStr, Token};

use super::Tier;
use super::says::is_unreadable;
use crate::args::{Args, Interop, SelfKey};
use crate::diagnostics::Errors;
use crate::signature::{Free, Parameter};

/// Checks the option. `stays` means that the values cannot leave the process.
pub(super) fn check(
    (tier, stays): (Tier, bool),
    args: &Args,
    parameters: &[Parameter],
    errors: &mut Errors,
) {
    let (Some(option), Some(Interop { operation, .. })) =
        (args.interop.name(), args.interop.value())
    else {
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
    if let (Some(ttl), Some(_)) = (args.ttl_err.name(), args.ttl_err.value()) {
        errors.at(
            ttl,
            "other languages know no `Err` and would read one as a value, so errors are not cached with `interop`: \
             remove it, or return the failure as a value of the document",
        );
    }
    if tier == Tier::Secure {
        check_tenant(args, parameters, errors);
    }
    if let (Some(version), Some(_)) = (args.version.name(), args.version.value()) {
        errors.at(
            version,
            "other languages know no `version`: give the operation another name, such as `interop = \"get_user.v2\"`",
        );
    }
}

/// The key shows no tenant, so whatever distinguishes tenants must be in it.
fn check_tenant(args: &Args, parameters: &[Parameter], errors: &mut Errors) {
    let Some(tenant) = args.tenant.value().filter(|tenant| !is_unreadable(tenant)) else { return };
    let free = Free::of(tenant);
    let of_self = match args.self_key.value() {
        Some(SelfKey::Part(part)) => Some(part),
        _ => None,
    };
    // In another backend it is another entry.
    let places = [args.key.value(), args.backend.value(), of_self];
    let places: Vec<Free> = places.into_iter().flatten().map(Free::of).collect();
    let names = parameters.iter().flat_map(|parameter| {
        let kept = !args.key.is_given() && !parameter.skipped;
        parameter.names.iter().map(move |name| (name, kept))
    });
    let missing = names
        .filter(|(name, kept)| {
            free.has(name) && !kept && !places.iter().any(|place| place.has(name))
        })
        .map(|(name, _)| name.to_string());
    let missing_self = free.has_self() && !places.iter().any(Free::has_self);
    for name in missing.chain(missing_self.then(|| "self".to_owned())) {
        let advice = match &*name {
            "self" => "write `self = key(…)` with what names the tenant".to_owned(),
            name if args.key.is_given() => format!("name `{name}` in `key = …`"),
            name => format!("do not skip `{name}`"),
        };
        errors.at(
            tenant,
            format_args!(
                "the key that all languages share has no tenant, and `{name}` is in no part of it, so that tenants \
                 would overwrite each other's entries: {advice}"
            ),
        );
    }
}

/// Whether the attribute says what the type parameters around the function mean for the key.
pub(super) fn decides_types(args: &Args) -> bool {
    let skipped = args.skip.value().map_or(&[][..], Vec::as_slice);
    skipped.iter().any(|name| name == "Self") || is_named_in_key(args, "Self")
}

/// Whether the key distinguishes a type or a `const` parameter.
pub(super) fn is_named_in_key(args: &Args, word: &str) -> bool {
    let of_self = match args.self_key.value() {
        Some(SelfKey::Part(part)) => Some(part),
        _ => None,
    };
    let mut named = Named { word, found: false };
    for part in [args.key.value(), of_self].into_iter().flatten() {
        named.visit_expr(part);
    }
    named.found
}

/// Looks for a value that depends only on a type: the parameter itself, one of its constants, or the result of one
/// of its functions without arguments. A function with an argument may only convert it.
struct Named<'a> {
    word: &'a str,
    found: bool,
}

impl<'ast> Visit<'ast> for Named<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.found |= path.segments.first().is_some_and(|first| first.ident == self.word);
        visit::visit_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if call.args.is_empty() {
            self.visit_expr(&call.func);
        }
        call.args.iter().for_each(|argument| self.visit_expr(argument));
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.visit_expr(&call.receiver);
        call.args.iter().for_each(|argument| self.visit_expr(argument));
    }

    fn visit_expr_cast(&mut self, cast: &'ast syn::ExprCast) {
        self.visit_expr(&cast.expr);
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        literal.fields.iter().for_each(|field| self.visit_expr(&field.expr));
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        type Arguments = syn::punctuated::Punctuated<Expr, Token![,]>;
        if let Ok(arguments) = called.parse_body_with(Arguments::parse_terminated) {
            let mut inside = Named { word: self.word, found: false };
            for argument in &arguments {
                Visit::visit_expr(&mut inside, argument);
            }
            self.found |= inside.found;
        }
    }

    // Inner declarations say nothing about the result.
    fn visit_block(&mut self, _block: &'ast syn::Block) {}
    fn visit_expr_closure(&mut self, _closure: &'ast syn::ExprClosure) {}
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

/// Why this cannot be part of a key that all languages share.
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
