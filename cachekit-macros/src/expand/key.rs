//! The key of a call, borrowed from its arguments.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{Expr, GenericArgument, Index, PathArguments, Token, Type};

use super::spans::{Extent, heart, located};
use crate::model::{Model, Part, Tier};
use crate::names::ours;
use crate::signature::{Form, Parameter, borrows, plain};

/// How the arguments arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// In the function, as its signature says.
    AsWritten,
    /// In a companion, all borrowed.
    Borrowed,
}

/// A block that creates the key and passes it to `call`.
///
/// The borrows end with the block's statement: what `call` returns must not hold them.
pub(super) fn with(
    model: &Model,
    arrival: Arrival,
    call: impl FnOnce(TokenStream) -> TokenStream,
) -> TokenStream {
    let here = model.here();
    let private = model.private();
    let mut expressions = Vec::new();
    let mut bound = Vec::new();
    let parts: Vec<TokenStream> = model
        .key
        .iter()
        .map(|part| match part {
            Part::Instance(word) => instance(model, word),
            Part::Expr(expr) => expression(model, expr, &mut |expr| {
                let name = ours(&format!("key{}", expressions.len()), here);
                expressions.push(expr);
                bound.push(name.clone());
                name
            }),
            Part::Argument(index) => argument(model, &model.parameters[*index], arrival),
        })
        .collect();
    let mut key = Group::new(Delimiter::Parenthesis, quote!(#(#parts,)*));
    key.set_span(whole(model));
    let call = call(key.into_token_stream());
    // The traits are only in scope here, where there is nothing but our own code and plain arguments.
    let import = if parts.is_empty() {
        TokenStream::new()
    } else {
        quote_spanned! {here=>
            use #private::part::*;
        }
    };
    let made = quote_spanned!(here=> { #import #call });
    if expressions.is_empty() {
        // Of `key = ()` no part uses an argument.
        let is_constant = arrival == Arrival::Borrowed && parts.is_empty();
        let used = if is_constant { used(model, arrival, false) } else { None };
        return quote_spanned!(here=> { #used #made });
    }
    let names = model
        .parameters
        .iter()
        .filter(|parameter| !parameter.skipped)
        .filter_map(|parameter| parameter.borrowed_names(arrival == Arrival::AsWritten));
    let used = used(model, arrival, true);
    let done = ours("done", here);
    // A match keeps the temporaries of the expressions alive until the key has been used. Its own
    // statement ends them before anything else happens, and before an await.
    quote_spanned! {here=>
        {
            #(#names)*
            #used
            let #done = match (#(&(#expressions),)*) {
                (#(#bound,)*) => #made
            };
            #done
        }
    }
}

/// A statement that uses the arguments of a companion, and the names in them if expressions see those: an expression need not
/// use all of them.
fn used(model: &Model, arrival: Arrival, are_bound: bool) -> Option<TokenStream> {
    let mut used = Vec::new();
    for parameter in model.parameters.iter().filter(|parameter| !parameter.skipped) {
        if arrival == Arrival::Borrowed {
            used.push(&parameter.ident);
        }
        let borrowed = parameter.borrowed_names(arrival == Arrival::AsWritten);
        if are_bound && borrowed.is_some() {
            used.extend(&parameter.names);
        }
    }
    (!used.is_empty()).then(|| quote_spanned!(model.here()=> let _ = (#(&#used,)*);))
}

/// The span of the key as a whole.
fn whole(model: &Model) -> Span {
    located(match &model.key_option {
        Some(name) => name.span(),
        None => model.function.sig.paren_token.span.join(),
    })
}

fn argument(model: &Model, parameter: &Parameter, arrival: Arrival) -> TokenStream {
    let at = Extent::of(&parameter.ty);
    let mut ident = parameter.ident.clone();
    // The name keeps its meaning and points at the type, which is what an error about a bad part
    // concerns.
    ident.set_span(at.start.resolved_at(ident.span()));
    if let Some(items) = borrowing_items(&parameter.ty) {
        return each_item(model, items, &quote!(#ident));
    }
    let value = if parameter.form == Form::Value && arrival == Arrival::Borrowed {
        quote!(#ident)
    } else {
        quote_spanned!(at.start=> &#ident)
    };
    part_of_type(model, &parameter.ty, &value)
}

/// The parts of a tuple's items, since references in it are keys of their own: as a whole it could not be kept.
fn each_item(
    model: &Model,
    items: &Punctuated<Type, Token![,]>,
    tuple: &TokenStream,
) -> TokenStream {
    let parts = items.iter().enumerate().map(|(index, ty)| {
        let at = Extent::of(ty);
        let mut index = Index::from(index);
        index.span = at.start;
        let item = quote_spanned!(at.start=> #tuple.#index);
        match borrowing_items(ty) {
            Some(items) => each_item(model, items, &item),
            None => part_of_type(model, ty, &quote_spanned!(at.start=> &#item)),
        }
    });
    quote!((#(#parts,)*))
}

/// The part of a value of a type that is written in the signature.
fn part_of_type(model: &Model, ty: &Type, reference: &TokenStream) -> TokenStream {
    let kind = match plain(ty) {
        _ if is_plain(ty) => "Part",
        Type::Path(_) => "NamedPart",
        _ => "BorrowingPart",
    };
    part(model, kind, &Extent::of(ty), heart(ty), reference)
}

/// Whether there is no reference in a type, or only one that the runtime knows: a reference as a whole, or an optional one.
fn is_plain(ty: &Type) -> bool {
    match plain(ty) {
        Type::Reference(reference) => !borrows(&reference.elem),
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "Option" => match &last.arguments {
                PathArguments::AngleBracketed(arguments) => arguments.args.iter().all(|argument| {
                    matches!(argument, GenericArgument::Type(ty) if match plain(ty) {
                        Type::Reference(reference) => !borrows(&reference.elem),
                        other => !borrows(other),
                    })
                }),
                _ => true,
            },
            _ => !borrows(ty),
        },
        other => !borrows(other),
    }
}

/// The items of a tuple of two or more, or of one behind a reference, if there are references in them.
fn borrowing_items(ty: &Type) -> Option<&Punctuated<Type, Token![,]>> {
    match plain(ty) {
        Type::Reference(reference) => borrowing_items(&reference.elem),
        Type::Tuple(tuple) if tuple.elems.len() > 1 && borrows(ty) => Some(&tuple.elems),
        _ => None,
    }
}

/// The part of an expression. A tuple that is written out is a tuple of parts, since its items may be references: as a whole
/// it could not be kept.
fn expression<'a>(
    model: &Model,
    expr: &'a Expr,
    bind: &mut dyn FnMut(&'a Expr) -> Ident,
) -> TokenStream {
    match expr {
        Expr::Group(inner) => expression(model, &inner.expr, bind),
        Expr::Paren(inner) => expression(model, &inner.expr, bind),
        Expr::Tuple(tuple) if tuple.elems.len() > 1 => {
            let parts: Vec<_> =
                tuple.elems.iter().map(|item| expression(model, item, bind)).collect();
            quote!((#(#parts,)*))
        }
        other => {
            let name = bind(other);
            let at = Extent::of(other);
            part(model, "Part", &at, at.end, &quote!(#name))
        }
    }
}

/// The identity of `self`, reported on the word `instance` if it has none.
fn instance(model: &Model, word: &Ident) -> TokenStream {
    let at = located(word.span());
    let private = model.krate.private(at);
    // `self` keeps its meaning, as any name does.
    let receiver = model.receiver().map(|receiver| {
        let mut receiver = *receiver;
        receiver.span = at.resolved_at(receiver.span);
        receiver
    });
    let argument = quote_spanned!(at=> &#receiver);
    quote_spanned!(at=> #private::instance_part(#argument))
}

/// One part from a reference. One additional reference for each choice that is tried before the last.
/// If none fits, the error underlines the method, so that one gets the span `heart` of the user's
/// code.
fn part(
    model: &Model,
    kind: &str,
    at: &Extent,
    heart: Span,
    reference: &TokenStream,
) -> TokenStream {
    let private = model.krate.private(at.start);
    let kind = Ident::new(kind, at.start);
    let mut methods = quote_spanned!(heart=> __cachekit_via());
    if model.tier != Tier::Local {
        methods.extend(quote_spanned!(heart=> .__cachekit_shared()));
    }
    quote_spanned!(at.start=> (&&&&#private::#kind(#reference)).#methods)
}
