//! Type parameters that the key does not show.
//!
//! A function has separate entries for each type it is called with. If a type occurs only in arguments that
//! are left out of the key, that may or may not be intended: the type of an executor says nothing about the
//! value, the type of a closure may determine it. The author decides, since either default would be wrong for
//! some functions.

use proc_macro2::Ident;
use syn::visit::Visit;
use syn::{Expr, TypeImplTrait};

use super::Companion;
use super::interop::is_named_in_key;
use super::says::is_unreadable;
use crate::args::{Args, SelfKey};
use crate::diagnostics::{Errors, list};
use crate::signature::{Free, Function, Parameter, names};

/// The type and `const` parameters that `skip(…)` leaves out of the function's identity.
pub(super) fn choose(
    args: &Args,
    function: &Function,
    parameters: &mut [Parameter],
    errors: &mut Errors,
) -> Vec<Ident> {
    let left_out = decided(args, function, parameters, errors);
    // No companion could take these. With `key` they were not skipped.
    for parameter in parameters {
        let names_it = |name: &Ident| names(&parameter.ty, &name.to_string());
        parameter.skipped |= left_out.iter().any(names_it);
    }
    left_out
}

fn decided(
    args: &Args,
    function: &Function,
    parameters: &[Parameter],
    errors: &mut Errors,
) -> Vec<Ident> {
    let Some(view) = View::of(args, function, parameters) else { return Vec::new() };
    let mut left_out = Vec::new();
    for name in function.turbofish() {
        let skipped = view.skipped(name);
        if view.is_for_all_languages() {
            match (skipped, view.reason_besides_arguments(&name.to_string())) {
                (None, _) => view.ask_for_all_languages(name, errors),
                (Some(skipped), Some(reason)) => {
                    errors.at(skipped, format_args!("`{skipped}` cannot be left out: {reason}"));
                }
                (Some(_), None) if view.argument_of(&name.to_string()).is_none() => {
                    left_out.push(name.clone());
                }
                // Entries of this process are still distinguished by it.
                (Some(_), None) => {}
            }
            continue;
        }
        let reason = view.reason(name);
        match (skipped, reason) {
            (Some(skipped), Some(reason)) => {
                errors.at(skipped, format_args!("`{skipped}` cannot be left out: {reason}"));
            }
            (Some(_), None) => left_out.push(name.clone()),
            (None, None) => view.ask(name, errors),
            (None, Some(_)) => {}
        }
    }
    view.ask_for_names(errors);
    if let (false, true, Some(first)) =
        (left_out.is_empty(), function.has_impl_parameters(), view.first_skipped(&left_out))
    {
        errors.at(
            first,
            format_args!(
                "`{first}` cannot be left out beside an argument of type `impl Trait`, whose type has no name: write \
                 `fn f<T: Trait>(x: T)`"
            ),
        );
    }
    left_out
}

/// Leaving a parameter out requires a function without it, next to the cached one.
pub(super) fn check_place(
    left_out: &[Ident],
    args: &Args,
    companion: &Companion,
    errors: &mut Errors,
) {
    if args.own_cache.is_given() || !matches!(companion, Companion::None) {
        return;
    }
    let skipped = args.skip.value().map_or(&[][..], Vec::as_slice);
    for name in skipped.iter().filter(|name| left_out.contains(name)) {
        errors.at(
            name,
            format_args!(
                "to leave `{name}` out takes a function beside this method, and without a visibility it may implement a \
                 trait, where none can be added: in an inherent `impl`, ask for one with `name = …`; in a trait's, \
                 cache a function that the method calls"
            ),
        );
    }
}

/// Whether `skip` names one of the function's type or `const` parameters, and no argument.
pub(super) fn is_type_parameter(
    name: &Ident,
    function: &Function,
    parameters: &[Parameter],
) -> bool {
    let is_argument = parameters.iter().any(|parameter| parameter.names.contains(name));
    !is_argument && function.turbofish().contains(&name)
}

/// The function, as seen by the key.
pub(super) struct View<'a> {
    args: &'a Args,
    function: &'a Function,
    /// The arguments that the key shows.
    kept: Vec<&'a Parameter>,
    dropped: Vec<&'a Parameter>,
}

impl<'a> View<'a> {
    /// `None` if a part of it could not be read.
    pub(super) fn of(
        args: &'a Args,
        function: &'a Function,
        parameters: &'a [Parameter],
    ) -> Option<Self> {
        let free = match (args.key.is_given(), args.key.value()) {
            (true, None) => return None,
            (_, Some(key)) if is_unreadable(key) => return None,
            (_, key) => key.map(Free::of),
        };
        let (kept, dropped) = parameters.iter().partition(|parameter| match &free {
            Some(free) => parameter.names.iter().any(|name| free.has(name)),
            None => !parameter.skipped,
        });
        Some(View { args, function, kept, dropped })
    }

    fn skipped(&self, name: &Ident) -> Option<&'a Ident> {
        let is_argument =
            self.kept.iter().chain(&self.dropped).any(|parameter| parameter.names.contains(name));
        let skipped = self.args.skip.value().map_or(&[][..], Vec::as_slice);
        skipped.iter().find(|skipped| *skipped == name && !is_argument)
    }

    fn first_skipped(&self, left_out: &[Ident]) -> Option<&'a Ident> {
        left_out.first().and_then(|name| self.skipped(name))
    }

    /// Why a type is part of the identity of the stored value.
    fn reason(&self, name: &Ident) -> Option<String> {
        self.reason_for(&name.to_string())
    }

    /// The same for the parameter of this name, which may be one of the block around.
    pub(super) fn reason_for(&self, name: &str) -> Option<String> {
        let argument = self.argument_of(name).map(|argument| {
            format!("it is in the type of `{argument}`, which is a part of the key")
        });
        argument.or_else(|| self.reason_besides_arguments(name))
    }

    /// An argument in the key whose type contains it.
    fn argument_of(&self, name: &str) -> Option<&'a Ident> {
        let argument = self.kept.iter().find(|argument| names(&argument.ty, name))?;
        Some(argument.names.first().unwrap_or(&argument.ident))
    }

    fn reason_besides_arguments(&self, name: &str) -> Option<String> {
        if names(&self.function.sig.output, name) {
            return Some("it is in the return type, and so decides what is stored".to_owned());
        }
        let of_self = match self.args.self_key.value() {
            Some(SelfKey::Part(part)) => Some(part),
            _ => None,
        };
        let named = [
            ("key", self.args.key.value()),
            ("self", of_self),
            ("tenant", self.args.tenant.value()),
            ("backend", self.args.backend.value()),
            ("in", self.args.own_cache.value()),
        ];
        let named =
            named.into_iter().find(|(_, expr)| expr.is_some_and(|expr: &Expr| names(expr, name)));
        named.map(|(option, _)| format!("`{option}` names it"))
    }

    /// Reports a parameter about which the author has not decided.
    fn ask(&self, name: &Ident, errors: &mut Errors) {
        let word = name.to_string();
        let holder = self.dropped.iter().find(|argument| names(&argument.ty, &word));
        let names: Vec<String> =
            holder.iter().flat_map(|argument| &argument.names).map(ToString::to_string).collect();
        let in_key = self.in_key(name);
        let skip = self.skip_with(&names, &word);
        if holder.is_some() {
            let names = list(names.iter().map(String::as_str));
            let place = if names.is_empty() { "an argument".to_owned() } else { names };
            errors.at(
                name,
                format_args!(
                    "`{word}` occurs only in {place}, which the key leaves out, so decide whether it tells entries \
                     apart: write `{skip}` for the same entries whatever `{word}` is, or `{in_key}` for entries of \
                     each `{word}`"
                ),
            );
        } else if self.args.own_cache.is_given() {
            errors.at(
                name,
                format_args!(
                    "a cache of your own has the same entries for every `{word}`: write `{in_key}` if it decides \
                     about the value, or `{skip}` if not"
                ),
            );
        }
    }

    /// Whether the key is that of all languages. It contains no types, not even those of its parts.
    fn is_for_all_languages(&self) -> bool {
        self.args.interop.is_given() && !self.args.own_cache.is_given()
    }

    /// Reports a parameter that such a key does not show.
    fn ask_for_all_languages(&self, name: &Ident, errors: &mut Errors) {
        let word = name.to_string();
        if is_named_in_key(self.args, &word) {
            return;
        }
        let function = &self.function.sig.ident;
        let in_key = self
            .in_key(name)
            .replace(&format!("std::any::type_name::<{name}>()"), &format!("{name}::NAME"));
        let returned = names(&self.function.sig.output, &word);
        let skipped = self.args.skip.value().map_or(&[][..], Vec::as_slice);
        let skipped: Vec<String> = skipped.iter().map(ToString::to_string).collect();
        let skip = match self.skip_with(&skipped, &word) {
            skip if !returned => format!(", or `{skip}` for the same entries whatever `{word}` is"),
            _ => String::new(),
        };
        errors.at(
            name,
            format_args!(
                "in all languages `{function}` has one entry for every `{word}`: name it in the key as they do, as in \
                 `{in_key}`{skip}"
            ),
        );
    }

    pub(super) fn skip_with(&self, names: &[String], word: &str) -> String {
        if self.args.key.is_given() || names.is_empty() {
            return format!("skip({word})");
        }
        format!("skip({}, {word})", names.join(", "))
    }

    /// The key that distinguishes the parameter's types.
    fn in_key(&self, name: &Ident) -> String {
        use syn::GenericParam;
        let is_const = self
            .function
            .sig
            .generics
            .params
            .iter()
            .any(|param| matches!(param, GenericParam::Const(param) if param.ident == *name));
        if is_const {
            self.key_with(&name.to_string())
        } else {
            self.key_with(&format!("std::any::type_name::<{name}>()"))
        }
    }

    /// The key of the arguments with one more part.
    pub(super) fn key_with(&self, part: &str) -> String {
        let names: Vec<String> = self
            .kept
            .iter()
            .flat_map(|argument| &argument.names)
            .map(ToString::to_string)
            .collect();
        match names.as_slice() {
            [] => format!("key = {part}"),
            names => format!("key = ({part}, {})", names.join(", ")),
        }
    }

    /// The same question for arguments whose types have no name that could be used.
    fn ask_for_names(&self, errors: &mut Errors) {
        struct Found<'a>(Option<&'a TypeImplTrait>);
        impl<'a> Visit<'a> for Found<'a> {
            fn visit_type_impl_trait(&mut self, found: &'a TypeImplTrait) {
                self.0.get_or_insert(found);
            }
        }
        let of_all_languages = self.kept.iter().filter(|_| self.is_for_all_languages());
        for argument in self.dropped.iter().chain(of_all_languages) {
            let mut found = Found(None);
            found.visit_type(&argument.ty);
            let Some(found) = found.0 else { continue };
            let name = argument.names.first().unwrap_or(&argument.ident);
            let function = &self.function.sig.ident;
            let is_kept = self.kept.iter().any(|kept| std::ptr::eq(*kept, *argument));
            let skip = self.skip_with(&if is_kept { vec![] } else { vec![name.to_string()] }, "X");
            if is_kept {
                errors.at(
                    found,
                    format_args!(
                        "in all languages `{function}` has one entry for every type of `{name}`, which has no name to \
                         decide about that with: write `fn {function}<X: …>({name}: X, …)` with `{skip}` for the same \
                         entries whatever `X` is, or take a `&dyn …`"
                    ),
                );
                continue;
            }
            errors.at(
                found,
                format_args!(
                    "the key leaves `{name}` out, and its type, which may tell entries apart, has no name to decide \
                     that with: write `fn {function}<X: …>({name}: X, …)` with `{skip}` for the same entries whatever \
                     `X` is, or take a `&dyn …`"
                ),
            );
        }
    }
}
