//! The key of a call, borrowed from its arguments.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use super::spans::{Extent, heart, located};
use crate::model::{Model, Part, Tier};
use crate::signature::{Form, Parameter};

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
            Part::Expr(expr) => {
                let name = format_ident!("__key{}", expressions.len(), span = here);
                let at = Extent::of(expr);
                let part = self::part(model, &at, at.end, &quote!(#name));
                expressions.push(expr);
                bound.push(name);
                part
            }
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
            #[allow(unused_imports)]
            use #private::part::*;
        }
    };
    let made = quote_spanned!(here=> { #import #call });
    if expressions.is_empty() {
        return made;
    }
    let names = model
        .parameters
        .iter()
        .filter(|parameter| !parameter.skipped)
        .filter_map(|parameter| parameter.borrowed_names(arrival == Arrival::AsWritten));
    // A match keeps the temporaries of the expressions alive until the key has been used. Its own
    // statement ends them before anything else happens, and before an await.
    quote_spanned! {here=>
        {
            #(#[allow(unused_variables, clippy::no_effect_underscore_binding)] #names)*
            let __done = match (#(&(#expressions),)*) {
                (#(#bound,)*) => #made
            };
            __done
        }
    }
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
    let value = if parameter.form == Form::Value && arrival == Arrival::Borrowed {
        quote!(#ident)
    } else {
        quote_spanned!(at.start=> &#ident)
    };
    part(model, &at, heart(&parameter.ty), &value)
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
fn part(model: &Model, at: &Extent, heart: Span, reference: &TokenStream) -> TokenStream {
    let private = model.krate.private(at.start);
    let mut methods = quote_spanned!(heart=> __cachekit_via());
    if model.tier != Tier::Local {
        methods.extend(quote_spanned!(heart=> .__cachekit_shared()));
    }
    quote_spanned!(at.start=> (&&&&#private::Part(#reference)).#methods)
}
