//! Which companion the function gets, under which name.

use proc_macro2::{Group, Ident, TokenStream};
use quote::{ToTokens, format_ident};
use syn::Visibility;
use syn::ext::IdentExt;

use crate::args::Args;
use crate::diagnostics::Errors;
use crate::signature::{Around, Free, Function, Parameter, begins_path};

/// The item next to the function that works with its entries.
pub(crate) enum Companion {
    /// A type of the function's name: `user::invalidate(&id)`.
    Type { name: Ident, vis: Visibility },
    /// A method that returns a handle: `self.user_cache(&id).invalidate()`.
    Handle { name: Ident, vis: Visibility },
    /// Nothing, because it is not allowed or not needed.
    None,
}

/// Types that a companion's name must not hide.
const PRIMITIVES: [&str; 17] = [
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64",
    "i128", "isize", "f32", "f64",
];

impl Companion {
    pub(super) fn choose(
        (args, written): (&Args, &TokenStream),
        (function, parameters): (&Function, &[Parameter]),
        errors: &mut Errors,
    ) -> Self {
        if args.own_cache.is_given() {
            return Companion::None;
        }
        let vis = args.vis.value().unwrap_or(&function.vis).clone();
        let around = Around::of(&function.sig.ident);
        if function.is_associated(args) || around.of_self {
            return Self::beside_method((args, &around), (function, parameters), vis, errors);
        }
        let name = args.name.value().unwrap_or(&function.sig.ident).clone();
        if PRIMITIVES.iter().any(|primitive| name == primitive) {
            errors.at(
                &name,
                format_args!(
                    "the companion `{name}` would hide the type of that name; give it another one: `name = {name}_cache`"
                ),
            );
        } else if let Some(item) = around.taken(&name) {
            let what = if item == "mod" { "module" } else { "type" };
            errors.at(
                &name,
                format_args!(
                    "`{name}` is a {what} here already, and the companion of the function would have the same name; \
                     give it another one: `name = {}_cache`",
                    name.unraw()
                ),
            );
        } else if hides_a_path(&name, function, written) {
            errors.at(
                &name,
                format_args!(
                    "the companion `{name}` would hide the crate or module of that name, which a path here begins \
                     with; give it another one: `name = {}_cache`",
                    name.unraw()
                ),
            );
        }
        Companion::Type { name, vis }
    }

    /// More methods may be added next to a method, unless it implements a trait.
    fn beside_method(
        (args, around): (&Args, &Around),
        (function, parameters): (&Function, &[Parameter]),
        vis: Visibility,
        errors: &mut Errors,
    ) -> Self {
        // Without a visibility it may implement a trait: only the source file shows that.
        let inherent = !matches!(function.vis, Visibility::Inherited) || around.inherent_impl;
        if let (true, Some((what, name))) =
            (inherent || args.name.is_given(), hidden(args, parameters))
        {
            // If a companion is requested, an error says so; otherwise there is none.
            for option in [args.name.name(), args.vis.name()].into_iter().flatten() {
                errors.at(
                    option,
                    format_args!(
                        "this method has no companion: `{what}` needs the argument `{name}`, which is skipped, so \
                         that the companion does not get it"
                    ),
                );
            }
            return Companion::None;
        }
        if function.has_impl_parameters() {
            for option in [args.name.name(), args.vis.name()].into_iter().flatten() {
                errors.at(
                    option,
                    "a method with `impl Trait` arguments has no companion, their types cannot be named: write \
                     `fn f<T: Trait>(x: T)` to get one",
                );
            }
            return Companion::None;
        }
        if !inherent && !args.name.is_given() {
            if let Some(option) = args.vis.name() {
                errors.at(
                    option,
                    "this method has no companion: without a visibility it may implement a trait, where nothing can \
                     be added; in an inherent `impl`, ask for one with `name = …`",
                );
            }
            return Companion::None;
        }
        let name = match args.name.value() {
            Some(name) => name.clone(),
            None => format_ident!(
                "{}_cache",
                function.sig.ident.unraw(),
                span = function.sig.ident.span()
            ),
        };
        Companion::Handle { name, vis }
    }
}

/// Whether the function uses the name of its companion for something else: `serde_json::Value` in
/// `fn serde_json(…)`.
fn hides_a_path(name: &Ident, function: &Function, written: &TokenStream) -> bool {
    let body = function.body.as_ref().map(Group::stream).unwrap_or_default();
    [function.sig.to_token_stream(), written.clone(), body]
        .into_iter()
        .any(|tokens| begins_path(tokens, name, &OF_A_COMPANION).is_some())
}

/// The functions of a companion: these paths mean it.
const OF_A_COMPANION: [&str; 11] = [
    "clear",
    "contains",
    "explain",
    "invalidate",
    "key",
    "peek",
    "purge",
    "refresh",
    "set",
    "stats",
    "with",
];

/// The argument that `backend` or `tenant` needs and that a companion does not get.
pub(crate) fn hidden<'a>(
    args: &Args,
    parameters: &'a [Parameter],
) -> Option<(&'static str, &'a Ident)> {
    let backend = args.backend.value().map(|backend| ("backend", backend));
    let tenant = args.tenant.value().map(|tenant| ("tenant", tenant));
    backend
        .into_iter()
        .chain(tenant)
        .find_map(|(what, expr)| Some((what, skipped_in(expr, parameters)?)))
}

/// The first skipped argument that an expression names.
pub(crate) fn skipped_in<'a>(expr: &syn::Expr, parameters: &'a [Parameter]) -> Option<&'a Ident> {
    let free = Free::of(expr);
    let skipped = parameters.iter().filter(|parameter| parameter.skipped);
    skipped.map(|parameter| &parameter.ident).find(|name| free.has(name))
}
