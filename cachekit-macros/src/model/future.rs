//! A returned future that must not borrow.
//!
//! The look-up is in the future, and so are the arguments that it and the body use. An author's own future can do without
//! them, if the function copies what it needs before.

use proc_macro2::Group;
use syn::{
    Block, CapturedParam, Expr, ExprBlock, GenericArgument, PathArguments, ReceiverKind,
    ReturnType, Type, TypeParamBound, token,
};

use crate::args::Args;
use crate::diagnostics::{Errors, list};
use crate::signature::{Flavor, Free, Function, Parameter, Returned, borrows, plain};

/// Refuses one where the call borrows something that the look-up or the body uses. The compiler would refuse it too, but
/// cannot say why.
pub(super) fn check(
    args: &Args,
    (function, parameters): (&Function, &[Parameter]),
    returned: &Returned,
    errors: &mut Errors,
) {
    let ReturnType::Type(_, written) = &function.sig.output else { return };
    let Some(instead) = borrowing_form(returned, plain(written)) else { return };
    let receiver = function.receiver().filter(|receiver| match &receiver.kind {
        ReceiverKind::Reference(_, lifetime, _) => {
            lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static")
        }
        ReceiverKind::Typed(_, ty) => borrows(ty),
        _ => false,
    });
    let mut borrowed = parameters.iter().filter(|parameter| borrows(&parameter.ty)).peekable();
    if receiver.is_none() && borrowed.peek().is_none() {
        return;
    }
    let mut inside: Vec<Free> = args.expressions().map(Free::of).collect();
    inside.extend(function.body.as_ref().and_then(names_of_body));
    let mut names = Vec::new();
    if receiver.is_some() && (args.is_of_instance() || inside.iter().any(Free::has_self)) {
        names.push("self".to_owned());
    }
    names.extend(borrowed.filter_map(|parameter| {
        let in_key = !args.key.is_given() && !parameter.skipped;
        let used = |name: &&proc_macro2::Ident| inside.iter().any(|free| free.has(name));
        let name = parameter.names.iter().find(|name| in_key || used(name));
        name.map(ToString::to_string).or_else(|| in_key.then(|| "_".to_owned()))
    }));
    if names.is_empty() {
        return;
    }
    let names = list(names.iter().map(String::as_str));
    errors.at(
        written,
        format_args!(
            "the look-up and the body are inside of the future, which must not borrow, and they use {names}: write \
             `async fn`, or {instead}; if it must not borrow, pass owned values, or have it call an `async fn` that is \
             cached"
        ),
    );
}

/// What to write in place of a return type that borrows nothing; `None` if it may borrow.
fn borrowing_form(returned: &Returned, written: &Type) -> Option<&'static str> {
    match (returned.flavor, written) {
        (Flavor::BoxedFuture, Type::Path(path)) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
            let first = arguments.args.first()?;
            match first {
                GenericArgument::Lifetime(lifetime) => {
                    (lifetime.ident == "static").then_some("give it the lifetime `'_`")
                }
                GenericArgument::Type(boxed) if last.ident == "Pin" => boxed_form(plain(boxed)),
                _ => None,
            }
        }
        (Flavor::ImplFuture, Type::ImplTrait(found)) => {
            found.bounds.iter().find_map(|bound| match bound {
                TypeParamBound::Lifetime(lifetime) => {
                    (lifetime.ident == "static").then_some("`'_` in place of `'static`")
                }
                TypeParamBound::PreciseCapture(capture) => {
                    let is_lifetime =
                        |param: &CapturedParam| matches!(param, CapturedParam::Lifetime(_));
                    (!capture.params.iter().any(is_lifetime)).then_some("add `'_` to the `use<…>`")
                }
                _ => None,
            })
        }
        _ => None,
    }
}

/// Of `Box<dyn Future>`, where no lifetime means `'static`.
fn boxed_form(boxed: &Type) -> Option<&'static str> {
    let Type::Path(path) = boxed else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    let Some(GenericArgument::Type(held)) = arguments.args.first() else { return None };
    let Type::TraitObject(object) = plain(held) else { return None };
    let mut lifetimes = object.bounds.iter().filter_map(|bound| match bound {
        TypeParamBound::Lifetime(lifetime) => Some(lifetime),
        _ => None,
    });
    match lifetimes.next() {
        None => Some("add `+ '_` to the `dyn Future`"),
        Some(lifetime) => (lifetime.ident == "static").then_some("`'_` in place of `'static`"),
    }
}

/// `None` for a body that is not written completely yet.
fn names_of_body(body: &Group) -> Option<Free> {
    let stmts = syn::parse::Parser::parse2(Block::parse_within, body.stream()).ok()?;
    let block = Block { brace_token: token::Brace::default(), stmts };
    Some(Free::of(&Expr::Block(ExprBlock { attrs: Vec::new(), label: None, block })))
}
