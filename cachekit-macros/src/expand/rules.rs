//! The options that need each value: which results to keep, how long, at what weight.

use std::time::Duration;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;

use super::spans::{Extent, located};
use crate::args::Lifetime;
use crate::model::{Model, Tier};
use crate::names::ours;
use crate::signature::{Free, awaits, names};

/// The chain that collects them, or nothing if the site's policy is enough.
pub(super) fn expand(model: &Model) -> Option<TokenStream> {
    let chain = chain(model);
    if chain.is_empty() {
        return None;
    }
    // Asked of the miss, which knows the types of the key and of the value.
    let private = model.private();
    let holder = if model.options.stale.is_some() { quote!(Lead) } else { quote!(Miss) };
    let is_pinned =
        model.backend.is_some() || model.tier == Tier::Secure || model.options.interop.is_some();
    let method = if is_pinned { quote!(rules_at) } else { quote!(rules) };
    let miss = ours("miss", Span::mixed_site());
    let rules = quote_spanned!(Span::mixed_site()=> #private::#holder::#method(&#miss));
    let rules = quote!(#rules #chain);
    // What awaits may go on elsewhere, where it is not inside.
    if model.options.stale.is_none() || expressions(model).any(awaits) {
        return Some(rules);
    }
    // The call leads already: what the options call must be known to run inside of it.
    let here = Span::mixed_site();
    let [inside, made] = ["inside", "made"].map(|name| ours(name, here));
    Some(quote_spanned! {here=>
        {
            let #inside = #private::Lead::enters(&#miss);
            let #made = #rules;
            ::core::mem::drop(#inside);
            #made
        }
    })
}

/// The same for a value that is set from outside, where there is no call and so no arguments: what makes the rules.
pub(super) fn for_set(model: &Model) -> Option<TokenStream> {
    let chain = chain(model);
    if chain.is_empty() {
        return None;
    }
    let mixed = Span::mixed_site();
    if expressions(model).any(|expr| mentions_a_call(model, expr)) {
        let private = model.private();
        return Some(quote_spanned!(mixed=> #private::unknown));
    }
    let rules = ours("rules", mixed);
    Some(quote_spanned!(mixed=> |#rules| #rules #chain))
}

/// What the user wrote in these options.
fn expressions(model: &Model) -> impl Iterator<Item = &Expr> {
    let options = &model.options;
    let lifetimes = [&options.ttl_ok, &options.ttl_none, &options.ttl_err];
    let lifetimes = lifetimes.into_iter().flatten().filter_map(|(_, lifetime)| match lifetime {
        Lifetime::Fixed(..) => None,
        Lifetime::Computed(expr) | Lifetime::FromValue(expr) => Some(expr),
    });
    let functions = [&options.condition, &options.weight].into_iter().flatten();
    lifetimes.chain(functions.map(|(_, expr)| expr))
}

/// Whether an option's expression uses an argument or `self`, or a type that is left out.
fn mentions_a_call(model: &Model, expr: &Expr) -> bool {
    let free = Free::of(expr);
    let mut arguments = model.parameters.iter().flat_map(|parameter| &parameter.names);
    free.has_self()
        || arguments.any(|name| free.has(name))
        || model.left_out.iter().any(|name| names(expr, &name.to_string()))
}

fn chain(model: &Model) -> TokenStream {
    let options = &model.options;
    let mut chain = TokenStream::new();
    match &options.ttl_ok {
        // The policy contains it.
        None | Some((_, Lifetime::Fixed(..))) => {}
        Some((name, lifetime)) => chain.extend(ttl("ttl", name, lifetime)),
    }
    if let Some((name, lifetime)) = &options.ttl_none {
        chain.extend(ttl("ttl_none", name, lifetime));
    }
    if let Some((name, lifetime)) = &options.ttl_err {
        chain.extend(ttl("ttl_err", name, lifetime));
    }
    if let Some((name, condition)) = &options.condition {
        chain.extend(call("keep_if", name, condition));
    }
    if let Some((name, weight)) = &options.weight {
        chain.extend(call("weight", name, weight));
    }
    chain
}

fn ttl(method: &str, name: &Ident, lifetime: &Lifetime) -> TokenStream {
    match lifetime {
        Lifetime::Fixed(lifetime, span) => call(method, name, &duration(*lifetime, *span)),
        Lifetime::Computed(expr) => call(method, name, expr),
        Lifetime::FromValue(closure) => call(&format!("{method}_from"), name, closure),
    }
}

/// `.method(value)`, with the span of the user's `name = value`.
fn call(method: &str, name: &Ident, value: &impl ToTokens) -> TokenStream {
    let at = Extent::of(value);
    let method = Ident::new(method, located(name.span()));
    quote_spanned!(at.start=> .#method(#value))
}

/// A literal duration, at the literal that the user wrote.
pub(super) fn duration(lifetime: Duration, span: Span) -> TokenStream {
    let span = located(span);
    // Most durations are whole seconds, which also read well when expanded.
    let (unit, count) = if lifetime.subsec_millis() == 0 {
        ("from_secs", lifetime.as_secs())
    } else {
        // It was read as 64 bits of milliseconds.
        ("from_millis", u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX))
    };
    let unit = Ident::new(unit, span);
    let mut count = Literal::u64_suffixed(count);
    count.set_span(span);
    let arguments = quote!(#count);
    quote_spanned!(span=> ::core::time::Duration::#unit(#arguments))
}
