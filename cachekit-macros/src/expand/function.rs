//! The function: look up, and on a miss run the body.

use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, Pat, PatIdent, ReturnType, Signature, Type};

use super::key::{self, Arrival};
use super::spans::{Extent, located};
use super::{again, cached_function, route, rules, secure};
use crate::model::{Model, Tier};
use crate::names::ours;
use crate::signature::{Flavor, Parameter};

pub(super) fn expand(model: &Model) -> TokenStream {
    let function = &model.function;
    let (attrs, vis) = (&function.attrs, &function.vis);
    let sig = signature(model);
    let call = call(model);
    let here = model.here();
    let private = model.krate.private(here);
    let call = match model.returned.flavor {
        Flavor::Sync | Flavor::Async => call,
        Flavor::BoxedFuture => quote_spanned!(here=> #private::Box::pin(async move { #call })),
        Flavor::ImplFuture => quote_spanned!(here=> async move { #call }),
    };
    let mut body = Group::new(Delimiter::Brace, call);
    body.set_span(model.body.span());
    let allowed = allowed_lints(model);
    quote! {
        #(#attrs)*
        #allowed
        #vis #sig #body
    }
}

/// Lints that the attribute would otherwise provoke at code that is fine.
fn allowed_lints(model: &Model) -> TokenStream {
    let mut lints = Vec::new();
    if model.returned.flavor == Flavor::ImplFuture {
        // Our body is one async block, whatever the user's is.
        lints.push(quote!(clippy::manual_async_fn));
    }
    if matches!(&model.returned.value, Type::Tuple(unit) if unit.elems.is_empty()) {
        // We ask for it.
        lints.push(quote!(clippy::unused_unit));
    }
    if model.parameters.iter().any(|parameter| parameter.ident.to_string().starts_with('_')) {
        // Unused by the body; the key uses it.
        lints.push(quote!(clippy::used_underscore_binding));
        lints.push(quote!(clippy::no_effect_underscore_binding));
    }
    if lints.is_empty() { TokenStream::new() } else { quote!(#[allow(#(#lints),*)]) }
}

/// The user's signature, with a name for each argument, since the key needs to name it.
fn signature(model: &Model) -> Signature {
    let mut sig = model.function.sig.clone();
    let typed = sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    for (typed, parameter) in typed.zip(&model.parameters) {
        if parameter.pattern.is_some() {
            *typed.pat = Pat::Ident(PatIdent {
                attrs: Vec::new(),
                by_ref: None,
                mutability: None,
                ident: parameter.ident.clone(),
                subpat: None,
            });
        }
    }
    sig
}

fn call(model: &Model) -> TokenStream {
    let here = model.here();
    let shape = model.shape();
    let checks = checks(model);
    let sealing = secure::wrap_shape(model);
    let found = look_up(model);
    let run = run(model);
    let [of_value, into, value, miss] =
        ["shape", "found", "value", "miss"].map(|name| ours(name, here));
    if model.returned.is_async() {
        // The miss alone is taken out, and what was found is let go of: it would be part of the future.
        return quote_spanned! {here=>
            let #of_value = #shape;
            #checks
            #sealing
            let #miss = match #found {
                ::core::result::Result::Ok(#value) => return #value,
                ::core::result::Result::Err(#miss) => #miss,
            };
            #run
        };
    }
    quote_spanned! {here=>
        let #of_value = #shape;
        #checks
        #sealing
        let #into = #found;
        match #into {
            ::core::result::Result::Ok(#value) => #value,
            ::core::result::Result::Err(#miss) => #run
        }
    }
}

/// What the return type must be, reported on the return type.
fn checks(model: &Model) -> TokenStream {
    let (of_value, of_error) = match model.tier {
        Tier::Local => ("check_value", "check_error"),
        Tier::Shared | Tier::Io | Tier::Secure => ("check_shareable", "check_shareable_error"),
    };
    let of_error = model.options.ttl_err.as_ref().map(|_| of_error);
    let at = Extent::of(&model.returned.value);
    let private = model.krate.private(at.start);
    let shape = ours("shape", at.end);
    let argument = quote_spanned!(at.start=> &#shape);
    let names = [of_value].into_iter().chain(of_error).map(|name| Ident::new(name, at.end));
    let argument = quote_spanned!(at.end=> (#argument));
    quote_spanned!(at.start=> #(#private::#names #argument;)*)
}

fn look_up(model: &Model) -> TokenStream {
    let Some(cache) = &model.own_cache else {
        let site = cached_function::reference(model);
        let own = cached_function::own_type(model);
        let first = quote_spanned!(model.here()=> #site, #own);
        return route::with(model, |route| {
            key::with(model, Arrival::AsWritten, |key| {
                model.call_with_shape("lookup", None, &quote!(#first, #route), &key)
            })
        });
    };
    let site = cached_function::definition(model);
    let at = Extent::of(cache);
    let reference = ours("cache", at.end);
    let reference = quote_spanned!(at.start=> &#reference);
    let looked_up = key::with(model, Arrival::AsWritten, |key| {
        let site = ours("site", model.here());
        model.call_with_shape("lookup_in", Some(&at), &quote!(#reference, #site), &key)
    });
    let [own_cache, own_site] = ["cache", "site"].map(|name| ours(name, model.here()));
    quote_spanned! {model.here()=>
        match (&(#cache), { #site &__CACHEKIT_SITE }) {
            (#own_cache, #own_site) => #looked_up
        }
    }
}

/// The miss: the body runs, and its result is judged and stored.
fn run(model: &Model) -> TokenStream {
    let body = body(model);
    let rules = rules::expand(model);
    let run = if model.returned.is_async() {
        drive(model, &body, rules)
    } else {
        call_back(model, &body, rules)
    };
    if model.options.stale.is_some() { again::ask(model, &run) } else { run }
}

/// The body as a closure, which the miss may call.
fn call_back(model: &Model, body: &TokenStream, rules: Option<TokenStream>) -> TokenStream {
    let here = model.here();
    let private = model.krate.private(here);
    let [miss, judge] = ["miss", "rules"].map(|name| ours(name, here));
    match rules {
        None => quote_spanned!(here=> #miss.run(#private::Defaults, #body)),
        // A statement of its own: what the options' expressions hold is let go before the body runs.
        Some(rules) => quote_spanned! {here=>
            {
                let #judge = #rules;
                #miss.run(#judge, #body)
            }
        },
    }
}

/// The body as a future, which the miss may poll.
fn drive(model: &Model, body: &TokenStream, rules: Option<TokenStream>) -> TokenStream {
    let here = model.here();
    let private = model.krate.private(here);
    let holder = if model.options.stale.is_some() { "Lead" } else { "Miss" };
    let holder = Ident::new(holder, here);
    let [miss, of_rules, driver, pinned] =
        ["miss", "rules", "driver", "body"].map(|name| ours(name, here));
    let (rules, judge) = match rules {
        None => (TokenStream::new(), quote_spanned!(here=> #private::Defaults)),
        Some(rules) => (
            quote_spanned!(here=> let mut #of_rules = #rules;),
            quote_spanned!(here=> &mut #of_rules),
        ),
    };
    // Pinned here, once, and after the driver: if the call is given up, the body is dropped before its callers that wait
    // learn of it.
    quote_spanned! {here=>
        #rules
        let mut #driver = #private::#holder::driver(#miss);
        let #pinned = ::core::pin::pin!(#body);
        #private::unboxed(#private::Driving::new(#judge, &mut #driver, #pinned).await)
    }
}

/// The body as a closure or a future.
fn body(model: &Model) -> TokenStream {
    let here = model.here();
    let value = &model.returned.value;
    let unpacked: TokenStream = model.parameters.iter().filter_map(Parameter::unpacked).collect();
    let body = &model.body;
    // After a statement of ours it is a block of its own, because the items in it come first. Lints on
    // superfluous braces must not take these for the user's.
    let mut inner = body.clone();
    inner.set_span(located(body.span()));
    let body = if unpacked.is_empty() {
        quote!(#body)
    } else {
        quote_spanned!(here=> { #unpacked #inner })
    };
    match model.returned.flavor {
        Flavor::Sync => quote_spanned!(here=> || -> #value #body),
        Flavor::Async => {
            let at = Extent::of(value);
            // Tells the compiler what `?` and `return` in the body lead to.
            let private = model.krate.private(at.start);
            let typed = quote_spanned! {at.start=>
                if false {
                    return #private::never::<#value>();
                }
            };
            let inner = if unpacked.is_empty() { quote!(#inner) } else { body };
            quote_spanned!(here=> async { #typed #inner })
        }
        Flavor::BoxedFuture | Flavor::ImplFuture => {
            let returns = match (&model.returned.flavor, &model.function.sig.output) {
                (Flavor::BoxedFuture, output @ ReturnType::Type(..)) => output.to_token_stream(),
                _ => TokenStream::new(),
            };
            let block = if returns.is_empty() { quote!({ #body }) } else { quote!(#body) };
            // A closure, so that `return` leaves the user's body only. `unwrap_or_else` makes it one that
            // is called once: the future may then borrow from what it captured.
            quote_spanned! {here=>
                async move {
                    ::core::option::Option::unwrap_or_else(
                        ::core::option::Option::None,
                        move || #returns #block,
                    )
                    .await
                }
            }
        }
    }
}
