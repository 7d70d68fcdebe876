//! `stale`: whether the function can run again after its caller has left.

use syn::{ReceiverKind, Safety, Type, TypeReference};

use super::Companion;
use crate::args::Args;
use crate::diagnostics::Errors;
use crate::signature::{Flavor, Form, Function, Parameter, Returned, borrows};

/// Checks that all arguments can be copied and that the function can be called by its name.
pub(super) fn check(
    args: &Args,
    (function, parameters): (&Function, &[Parameter]),
    (returned, companion): (&Returned, &Companion),
    errors: &mut Errors,
) {
    let Some(option) = args.stale.name() else { return };
    if let Some(idle) = args.idle.name() {
        errors.at(
            idle,
            "`idle` lets go of a value that is not used, and `stale` keeps one that is over: use one of the two",
        );
    }
    if args.own_cache.is_given() {
        return;
    }
    if !args.ttl_ok.is_given() && !args.ttl_none.is_given() {
        errors.at(
            option,
            "`stale` begins where `ttl` ends: say how long values are fresh, `ttl = 60`",
        );
    }
    if let Safety::Unsafe(keyword) = &function.sig.safety {
        errors.at(
            keyword,
            "`stale` calls the function in the background, where no caller vouches for an `unsafe fn`: remove \
             `stale`",
        );
    }
    check_receiver(function, errors);
    for parameter in parameters {
        check_parameter(parameter, function, errors);
    }
    if function.has_impl_parameters() {
        errors.at(
            option,
            "`stale` has to name the types of the arguments, and `impl Trait` has no name: write \
             `fn f<T: Trait>(x: T)`",
        );
    }
    let opaque = matches!(returned.flavor, Flavor::Async | Flavor::ImplFuture);
    if opaque && matches!(companion, Companion::None) && !function.has_impl_parameters() {
        errors.at(
            option,
            "`stale` needs a function beside this async method, and without a visibility it may implement a \
             trait, where none can be added: in an inherent `impl`, ask for one with `name = …`; in a trait's, \
             cache a function that the method calls",
        );
    }
}

fn check_receiver(function: &Function, errors: &mut Errors) {
    let Some(receiver) = function.receiver() else { return };
    let message = match &receiver.kind {
        ReceiverKind::Reference(_, _, Some(_)) => "`&mut self` cannot be lent to the background",
        ReceiverKind::Typed(_, ty) if mutable(ty) => "`&mut` cannot be lent to the background",
        ReceiverKind::Typed(_, ty) if borrows(pointee(ty)) => "this `self` borrows",
        _ => return,
    };
    errors.at(
        receiver,
        format_args!(
            "`stale` runs the method again after the call, with a copy of `self`, and {message}: take `&self`"
        ),
    );
}

fn check_parameter(parameter: &Parameter, function: &Function, errors: &mut Errors) {
    let name = parameter.names.first().unwrap_or(&parameter.ident);
    if parameter.ident == function.sig.ident {
        errors.at(
            name,
            "`stale` calls the function by its name, which this argument hides: rename the argument",
        );
    }
    if parameter.form == Form::MutableReference {
        errors.at(
            &parameter.ty,
            format_args!(
                "`stale` runs the function again after the call, and `{name}` cannot be lent for that: pass it \
                 by value, in an `Arc`, or remove `stale`"
            ),
        );
    } else if borrows(pointee(&parameter.ty)) {
        errors.at(
            &parameter.ty,
            format_args!(
                "`stale` runs the function again after the call, with a copy of `{name}`, and the copy would \
                 still borrow: use an owned type, such as `Option<String>` or `Vec<String>`"
            ),
        );
    }
}

fn mutable(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference) if reference.mutability.is_some())
}

/// What a plain reference points at; any other type itself.
pub(crate) fn pointee(ty: &Type) -> &Type {
    match ty {
        Type::Group(inner) => pointee(&inner.elem),
        Type::Paren(inner) => pointee(&inner.elem),
        Type::Reference(reference) if !is_static(reference) => &reference.elem,
        other => other,
    }
}

fn is_static(reference: &TypeReference) -> bool {
    reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
}
