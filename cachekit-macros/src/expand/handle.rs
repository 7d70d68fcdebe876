//! The handle of a method: `self.user_cache(&id).invalidate()`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Visibility, ext::IdentExt};

use super::key::{self, Arrival};
use super::spans::{self, located};
use super::{again, cached_function, route, rules, secure};
use crate::crate_path::Item;
use crate::model::Model;
use crate::names::ours;

/// The handle's function and that of the site, in the same `impl` as the method.
pub(super) fn expand(model: &Model, name: &Ident, vis: &Visibility) -> TokenStream {
    let private = model.private();
    let definition = cached_function::definition(model);
    let site = cached_function::function_of_method(model);
    let turbofish = model.kept_turbofish();
    let generics = model.kept_generics();
    let (generics, _, bounds) = generics.split_for_impl();
    // The method's own token, so that `self` in the key's expression means the same, whichever macro it came through.
    let receiver = model.receiver().map(|receiver| quote!(&#receiver,));
    let arguments = model.borrowed_arguments();
    let handle_type = return_type(model);
    let handle = make(model, ["handle", "handle_ruled"], &quote!(Self::#site #turbofish ()));
    let cfgs: Vec<_> = model.cfgs().collect();
    let allowed = model.levels_of_lints();
    let vis = spans::visibility(vis, name);
    let doc = format!(
        "The entry of `{}` for these arguments: look at it, set it, drop it.",
        model.name().unraw()
    );
    let again = again::function(model);
    // Nothing can be added to a trait's `impl`: the compiler reports that at the name.
    let at = located(name.span());
    let own_name = spans::relocated(name);
    quote_spanned! {at=>
        #(#cfgs)*
        #[doc = #doc]
        #allowed
        #[inline]
        #vis fn #own_name #generics (#receiver #(#arguments),*) -> #handle_type #bounds {
            #handle
        }

        #(#cfgs)*
        #[doc(hidden)]
        #allowed
        #[inline]
        fn #site #generics () -> #private::FunctionRef #bounds {
            #definition
            #private::FunctionRef::generic(&__CACHEKIT_SITE, &|| ())
        }

        #again
    }
}

/// `Handle`, or its async twin.
fn name(model: &Model) -> Item<'_> {
    let name = if model.returned.is_async() { "AsyncHandle" } else { "Handle" };
    model.krate.public(name, Span::mixed_site())
}

/// `Handle<R>`, or its async twin.
fn return_type(model: &Model) -> TokenStream {
    let handle = name(model);
    let value = &model.returned.value;
    quote!(#handle<#value>)
}

/// A call that gets everything about a call of the function. Its name depends on whether there are rules for a value that is
/// set. `first` are the arguments before.
pub(super) fn make(
    model: &Model,
    [plain, by_rules]: [&str; 2],
    first: &TokenStream,
) -> TokenStream {
    let shape = model.shape();
    let (name, rules) = match rules::for_set(model) {
        None => (plain, None),
        Some(rules) => (by_rules, Some(quote!(, #rules))),
    };
    let sealing = secure::wrap_shape(model);
    let made = route::with(model, |route| {
        key::with(model, Arrival::Borrowed, |key| {
            model.call_with_shape(name, None, &quote!(#first, #route), &quote!(#key #rules))
        })
    });
    let of_value = ours("shape", Span::mixed_site());
    quote_spanned! {Span::mixed_site()=>
        let #of_value = #shape;
        #sealing
        #made
    }
}
