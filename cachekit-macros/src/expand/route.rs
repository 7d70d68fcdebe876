//! The route of a call: the attribute's backend and tenant, in the form of the runtime.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Expr;

use super::spans::Extent;
use crate::model::{Model, Tier};
use crate::names::ours;

/// A call that gets the route as an argument.
pub(super) fn with(model: &Model, call: impl FnOnce(TokenStream) -> TokenStream) -> TokenStream {
    let private = model.private();
    let path = |item| {
        let item = Ident::new(item, Span::mixed_site());
        quote_spanned!(Span::mixed_site()=> #private::route::#item)
    };
    let (route, parts) = match (model.tier, &model.backend) {
        (Tier::Local, _) => (path("InProcess"), vec![]),
        (Tier::Secure, _) => {
            let sealed = match model.options.interop {
                None => path("sealed"),
                Some(_) => of_arguments(model, &path("interop_sealed"), 2),
            };
            let (backend, backend_expr) = part(model, "backend", model.backend.as_ref());
            let (tenant, tenant_expr) = part(model, "tenant", model.tenant.as_ref());
            let parts = backend_expr.into_iter().chain(tenant_expr).collect();
            (quote_spanned!(Span::mixed_site()=> #sealed(#backend, #tenant)), parts)
        }
        (Tier::Shared | Tier::Io, backend) if model.options.interop.is_some() => {
            let interop = of_arguments(model, &path("interop"), 1);
            let (backend, backend_expr) = part(model, "backend", backend.as_ref());
            let route = quote_spanned!(Span::mixed_site()=> #interop(#backend));
            (route, backend_expr.into_iter().collect())
        }
        (Tier::Shared | Tier::Io, None) => (path("Configured"), vec![]),
        (Tier::Shared | Tier::Io, Some(backend)) => {
            let (route, backend) = part(model, "backend", Some(backend));
            (route, backend.into_iter().collect())
        }
    };
    let call = call(route);
    if parts.is_empty() {
        return call;
    }
    // As with the key: the temporaries of the user's expressions live until the call is over.
    let (names, exprs): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    quote_spanned! {model.here()=>
        match (#(&(#exprs),)*) {
            (#(#names,)*) => #call
        }
    }
}

/// The function with the number of arguments in the key: a single argument is its own key, in this process.
fn of_arguments(model: &Model, function: &TokenStream, inferred: usize) -> TokenStream {
    let count = Literal::usize_unsuffixed(model.key.len());
    let inferred = std::iter::repeat_n(quote!(_), inferred);
    quote_spanned!(Span::mixed_site()=> #function::<#count #(, #inferred)*>)
}

/// The expression of one of the two options, and the name that represents it.
fn part<'a>(
    model: &Model,
    what: &str,
    expr: Option<&'a Expr>,
) -> (TokenStream, Option<(Ident, &'a Expr)>) {
    let Some(expr) = expr else { return (quote!(()), None) };
    let at = Extent::of(expr);
    // All of it has the span of the user's code, so that errors are reported there.
    let private = model.krate.private(at.start);
    let name = ours(what, at.start);
    let function = Ident::new(what, at.end);
    let argument = quote_spanned!(at.end=> (#name));
    (quote_spanned!(at.start=> #private::route::#function #argument), Some((name, expr)))
}
