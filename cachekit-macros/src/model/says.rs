//! Whether `key`, `tenant` and `self = key(…)` depend on the call.
//!
//! An expression that mentions no argument gives all calls one entry, or one tenant. That is a
//! wrong value at the second call, so it must be written in an unmistakable way: `key = ()`.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Expr, LitStr};

use super::Tier;
use crate::args::{Args, SelfKey};
use crate::crate_path::CratePath;
use crate::diagnostics::Errors;
use crate::signature::{Free, Function, Parameter};
use crate::template::{Names, inline_names};

/// Fills the templates of the three options. One that cannot be read is a mistake, and its option is not
/// checked further.
pub(super) fn fill_templates(
    args: &mut Args,
    function: &Function,
    parameters: &[Parameter],
    errors: &mut Errors,
) {
    let default = CratePath::default();
    let names = Names {
        krate: args.krate.value().unwrap_or(&default),
        receiver: function.receiver().map(|receiver| receiver.self_token),
        arguments: parameters.iter().flat_map(|parameter| &parameter.names).collect(),
    };
    let of_self = match args.self_key.value_mut() {
        Some(SelfKey::Part(part)) => Some(part),
        _ => None,
    };
    for expr in [args.key.value_mut(), args.tenant.value_mut(), of_self].into_iter().flatten() {
        let filled = names.fill(expr);
        if errors.keep(filled).is_none() {
            *expr = unreadable();
        }
    }
}

/// Stands for an expression whose error was reported. It is never emitted.
fn unreadable() -> Expr {
    Expr::Verbatim(proc_macro2::TokenStream::new())
}

pub(super) fn is_unreadable(expr: &Expr) -> bool {
    matches!(expr, Expr::Verbatim(tokens) if tokens.is_empty())
}

/// Checks that each of the three mentions what it depends on.
pub(super) fn check(
    tier: Tier,
    args: &Args,
    function: &Function,
    parameters: &[Parameter],
    errors: &mut Errors,
) {
    let call = Call { function, parameters };
    if let Some(key) = args.key.value() {
        call.check_key(key, errors);
    }
    // Elsewhere the option itself is the mistake.
    if let (Some(tenant), Tier::Secure) = (args.tenant.value(), tier) {
        call.check_tenant(tenant, args, errors);
    }
    if let (Some(SelfKey::Part(part)), Some(_)) = (args.self_key.value(), function.receiver()) {
        call.check_self(part, errors);
    }
}

struct Call<'a> {
    function: &'a Function,
    parameters: &'a [Parameter],
}

impl Call<'_> {
    fn check_key(&self, key: &Expr, errors: &mut Errors) {
        if is_unreadable(key) || is_unit(key) || self.parameters.is_empty() {
            return;
        }
        let free = Free::of(key);
        if self.is_mentioned(&free) {
            self.check_texts(&free, errors);
            return;
        }
        let (function, example) = (&self.function.sig.ident, self.example());
        errors.at(
            key,
            format_args!(
                "`key` mentions no argument of `{function}`, so that all calls would get one entry: write \
                 `key = {example}`, or as a text `key = \"{function}:{{{example}}}\"` or \
                 `key = format!(\"{function}:{{{example}}}\")`; if one entry is meant, `key = ()`"
            ),
        );
    }

    fn check_tenant(&self, tenant: &Expr, args: &Args, errors: &mut Errors) {
        let shared = matches!(args.self_key.value(), Some(SelfKey::Shared));
        let told_apart = self.parameters.iter().any(|parameter| !parameter.skipped)
            || (self.function.receiver().is_some() && !shared);
        if is_unreadable(tenant) || !told_apart {
            return;
        }
        let free = Free::of(tenant);
        if self.is_mentioned(&free) {
            self.check_texts(&free, errors);
            return;
        }
        let (function, example) = (&self.function.sig.ident, self.example());
        errors.at(
            tenant,
            format_args!(
                "`tenant` mentions no argument of `{function}`, so that all calls would be of one tenant: write \
                 `tenant = {example}` or `tenant = \"{{{example}}}\"` with the argument that names it, or leave \
                 `tenant` out if there is only one"
            ),
        );
    }

    fn check_self(&self, part: &Expr, errors: &mut Errors) {
        if is_unreadable(part) {
            return;
        }
        let free = Free::of(part);
        if free.has_self() {
            self.check_texts(&free, errors);
            return;
        }
        errors.at(
            part,
            "`self = key(…)` does not mention `self`, so that all instances would share their entries, as far as the \
             arguments are equal: name a part of it, `self = key(self.id)` or `self = key(\"{self.id}\")`; if all \
             instances give the same result, write `self = shared`",
        );
    }

    fn is_mentioned(&self, free: &Free) -> bool {
        free.has_self() || self.names().any(|name| free.has(name))
    }

    /// A string inside an expression is not filled in, even if it looks like a template.
    fn check_texts(&self, free: &Free, errors: &mut Errors) {
        for text in &free.texts {
            if let Some(name) = self.named_in(text) {
                errors.at(
                    text,
                    format_args!(
                        "`{{{name}}}` is not filled in here: a text is a template by itself or as a part of a tuple; \
                         elsewhere write `format!(…)`"
                    ),
                );
            }
        }
    }

    fn named_in(&self, text: &LitStr) -> Option<String> {
        let is_argument = |inline: &String| {
            inline == "self" || self.names().any(|name| name.unraw() == inline.as_str())
        };
        inline_names(&text.value()).into_iter().find(is_argument)
    }

    fn names(&self) -> impl Iterator<Item = &Ident> {
        self.parameters.iter().flat_map(|parameter| &parameter.names)
    }

    /// An argument to show in a message.
    fn example(&self) -> String {
        self.names().next().map_or_else(|| "self.id".to_owned(), |name| name.unraw().to_string())
    }
}

/// The explicit "one entry".
fn is_unit(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(inner) => is_unit(&inner.expr),
        Expr::Tuple(tuple) => tuple.elems.is_empty(),
        _ => false,
    }
}
