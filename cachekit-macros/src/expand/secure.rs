//! Sealed values: what stands around the shape of the return type, and where an entry belongs.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Expr;

use super::spans::{Extent, located};
use crate::args::{L1, OnTamper};
use crate::model::{Model, Tier};

/// Makes `__shape` that of a sealed function, after it has been checked as any other.
pub(super) fn wrap_shape(model: &Model) -> TokenStream {
    if model.tier != Tier::Secure {
        return TokenStream::new();
    }
    let at = Extent::of(&model.returned.value);
    let private = model.krate.private(at.start);
    let value = &model.returned.value;
    let kind = match model.options.l1 {
        L1::Sealed => "sealed",
        L1::Typed | L1::Off => "typed",
    };
    let kind = Ident::new(kind, at.end);
    let check = match model.options.on_tamper {
        OnTamper::Recompute => TokenStream::new(),
        OnTamper::Error(word) => {
            let word = located(word);
            let on_word = model.krate.private(word);
            // Named where the option stands, so that what is wrong is said there.
            let returned = Ident::new("__returned", word);
            quote_spanned! {word=>
                let #returned = #private::Refusing::<#value>::new();
                #on_word::check_on_tamper(#returned);
            }
        }
    };
    quote_spanned! {at.start=>
        #check
        let __shape = #private::#kind(__shape, {
            #[allow(unused_imports)]
            use #private::refusing::*;
            (&#private::Refusing::<#value>::new()).__cachekit_refuse()
        });
    }
}

/// A call that gets the backend and the tenant as one more argument.
pub(super) fn at_spot(model: &Model, call: impl FnOnce(TokenStream) -> TokenStream) -> TokenStream {
    let (backend, backend_match) = part(model, "backend", model.backend.as_ref());
    let (tenant, tenant_match) = part(model, "tenant", model.tenant.as_ref());
    let call = call(quote_spanned!(Span::mixed_site()=> , (#backend, #tenant)));
    // As with the key: their temporaries live until the call is over.
    let (names, exprs): (Vec<_>, Vec<_>) = backend_match.into_iter().chain(tenant_match).unzip();
    if names.is_empty() {
        return call;
    }
    quote_spanned! {model.here()=>
        match (#(&(#exprs),)*) {
            (#(#names,)*) => #call
        }
    }
}

/// The argument for one of the two, and what it is made of.
fn part<'a>(
    model: &Model,
    what: &str,
    expr: Option<&'a Expr>,
) -> (TokenStream, Option<(Ident, &'a Expr)>) {
    let Some(expr) = expr else { return (quote!(()), None) };
    let at = Extent::of(expr);
    // All of it stands where the user wrote it, so that what is wrong with it is said there.
    let private = model.krate.private(at.start);
    let name = Ident::new(&format!("__{what}"), at.start);
    let function = Ident::new(what, at.end);
    let argument = quote_spanned!(at.end=> (#name));
    (quote_spanned!(at.start=> #private::secure::#function #argument), Some((name, expr)))
}
