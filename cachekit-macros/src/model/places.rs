//! Where values may go, and what that requires.

use proc_macro2::Span;

use super::Tier;
use crate::args::Args;
use crate::diagnostics::Errors;
use crate::signature::{Free, Function, Parameter};

/// Checks the attribute and the options of the shared tier. `stays` means that the values
/// cannot leave the process.
pub(super) fn check(
    (tier, stays): (Tier, bool),
    args: &Args,
    (function, parameters): (&Function, &[Parameter]),
    errors: &mut Errors,
) {
    if tier == Tier::Io && !cfg!(feature = "io") {
        errors.push(syn::Error::new(
            Span::call_site(),
            "`#[cache::io]` needs the feature `io` of cachekit: in Cargo.toml, write \
             `cachekit = { path = \"…\", features = [\"io\"] }`",
        ));
    }
    if tier == Tier::Io && stays {
        errors.at(
            args.own_cache.name().or(args.self_key.name()).unwrap_or(&function.sig.ident),
            "this keeps the values in this process, and `#[cache::io]` shares them: write `#[cache::local]`, \
             or say what identifies the instance everywhere with `self = key(self.id)`",
        );
    }
    check_namespace(tier, args, errors);
    // An error about the unreadable value was reported already.
    let backend = args.backend.name().filter(|_| args.backend.value().is_some());
    let fill_lock = args.fill_lock.name().filter(|_| args.fill_lock.value().is_some());
    for option in [backend, fill_lock].into_iter().flatten() {
        if tier == Tier::Local {
            errors.at(
                option,
                format_args!(
                    "`{option}` is for a shared tier, and `#[cache::local]` keeps values in this process: write \
                     `#[cache]`, or remove it"
                ),
            );
        } else if stays && !args.own_cache.is_given() {
            errors.at(
                option,
                format_args!(
                    "`{option}` is for a shared tier, and with `self = instance` values stay in this process: \
                     say what identifies the instance everywhere with `self = key(self.id)`"
                ),
            );
        } else if !cfg!(feature = "shared") {
            errors.at(
                option,
                format_args!(
                    "`{option}` needs the feature `shared` of cachekit: in Cargo.toml, write \
                     `cachekit = {{ path = \"…\", features = [\"shared\"] }}`"
                ),
            );
        }
    }
    check_backend(args, parameters, errors);
}

/// Namespaces are stricter where they are visible.
fn check_namespace(tier: Tier, args: &Args, errors: &mut Errors) {
    // A key that all languages share contains it in the form of that protocol, which has dots.
    if args.interop.is_given() {
        return;
    }
    let who = match tier {
        Tier::Io => "cachekit.io takes",
        Tier::Secure => "storage keys may show the namespace of sealed values, and take",
        Tier::Local | Tier::Shared => return,
    };
    let Some(namespace) = args.namespace.value() else { return };
    let value = namespace.value();
    if value.contains('.') {
        errors.at(
            namespace,
            format_args!("{who} no dots in a namespace: write \"{}\"", value.replace('.', "-")),
        );
    }
}

/// The expression is evaluated before a pattern is taken apart, and in companions too.
fn check_backend(args: &Args, parameters: &[Parameter], errors: &mut Errors) {
    let backend = args.backend.value().map(|backend| (backend, "backend"));
    let tenant = args.tenant.value().map(|tenant| (tenant, "tenant"));
    for (expr, what) in backend.into_iter().chain(tenant) {
        let free = Free::of(expr);
        for parameter in parameters.iter().filter(|parameter| parameter.pattern.is_some()) {
            let mut names = parameter.names.iter();
            let Some(name) = names.find(|name| free.has(name)) else { continue };
            errors.at(
                expr,
                format_args!(
                    "`{name}` is a part of a pattern, which is not taken apart yet when the {what} is looked \
                     for: give the argument a plain name"
                ),
            );
        }
    }
}
