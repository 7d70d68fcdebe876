//! The options that need each value: which results to keep, how long, at what weight.

use std::time::Duration;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::spans::{Extent, located};
use crate::args::Lifetime;
use crate::model::Model;

/// The chain that collects them, or nothing when the site's policy says it all.
pub(super) fn expand(model: &Model) -> Option<TokenStream> {
    let options = &model.options;
    let mut chain = TokenStream::new();
    match &options.ttl_ok {
        // The policy has it.
        None | Some(Lifetime::Fixed(..)) => {}
        Some(lifetime) => chain.extend(ttl("ttl", lifetime)),
    }
    if let Some(lifetime) = &options.ttl_none {
        chain.extend(ttl("ttl_none", lifetime));
    }
    if let Some(lifetime) = &options.ttl_err {
        chain.extend(ttl("ttl_err", lifetime));
    }
    if let Some(condition) = &options.condition {
        chain.extend(call("keep_if", condition));
    }
    if let Some(weight) = &options.weight {
        chain.extend(call("weight", weight));
    }
    if chain.is_empty() {
        return None;
    }
    // Asked of the miss, which knows the types of the key and of the value.
    Some(quote_spanned!(Span::mixed_site()=> __miss.rules()#chain))
}

fn ttl(method: &str, lifetime: &Lifetime) -> TokenStream {
    match lifetime {
        Lifetime::Fixed(lifetime, span) => call(method, &duration(*lifetime, *span)),
        Lifetime::Computed(expr) => call(method, expr),
        Lifetime::FromValue(closure) => call(&format!("{method}_from"), closure),
    }
}

/// `.method(value)`, standing where the value does.
fn call(method: &str, value: &impl ToTokens) -> TokenStream {
    let at = Extent::of(value);
    let method = Ident::new(method, at.start);
    quote_spanned!(at.start=> .#method(#value))
}

/// A literal duration, at the literal that the user wrote.
pub(super) fn duration(lifetime: Duration, span: Span) -> TokenStream {
    let span = located(span);
    // Whole seconds are what most people write, and what reads well when expanded.
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
