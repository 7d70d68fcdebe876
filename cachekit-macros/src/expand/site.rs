//! The static behind a function, and the reference to it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

use super::rules::duration;
use super::spans::Extent;
use crate::args::{Capacity, FillLock, Lifetime};
use crate::model::{Companion, Model, Tier};

/// The static itself, as items for the start of a block. It describes the function as written, and
/// has no generics: all instantiations share it.
pub(super) fn definition(model: &Model) -> TokenStream {
    let private = model.private();
    let function = model.name();
    let name = function.unraw().to_string();
    // The user's own span, not one of ours: only then is the line the function's and not that of the
    // attribute.
    let here = function.span();
    let place = quote_spanned! {here=>
        module: ::core::module_path!(),
        file: ::core::file!(),
        line: ::core::line!(),
        column: ::core::column!(),
    };
    let tier = match model.tier {
        Tier::Local => quote!(Local),
        Tier::Shared => quote!(Shared),
        Tier::Io => quote!(Io),
    };
    let policy = policy(model);
    quote_spanned! {Span::mixed_site()=>
        static __CACHEKIT_SITE: #private::Site = #private::Site::new(#private::SiteInfo {
            name: #name,
            #place
            tier: #private::Tier::#tier,
            policy: #policy,
        });
        #private::register!(__CACHEKIT_SITE);
    }
}

fn policy(model: &Model) -> TokenStream {
    let private = model.private();
    let options = &model.options;
    let none = quote!(::core::option::Option::None);
    let ttl = match &options.ttl_ok {
        None => quote!(Never),
        Some((_, Lifetime::Fixed(lifetime, span))) => {
            let lifetime = duration(*lifetime, *span);
            quote!(Fixed(#lifetime))
        }
        Some((_, Lifetime::Computed(_) | Lifetime::FromValue(_))) => quote!(Dynamic),
    };
    let capacity = match &options.capacity {
        None => none.clone(),
        Some(Capacity::Literal(entries, span)) => {
            let mut entries = proc_macro2::Literal::u64_suffixed(*entries);
            entries.set_span(*span);
            quote!(::core::option::Option::Some(#entries))
        }
        Some(Capacity::Computed(entries)) => {
            let at = Extent::of(entries);
            let private = model.krate.private(at.start);
            // The cast gives numbers their type, and whatever is no number an error of its own.
            let cast = quote_spanned!(at.end=> as ::core::primitive::i128);
            let cast = quote_spanned!(at.start=> (#entries) #cast);
            let name = Ident::new("entries", at.end);
            let arguments = quote_spanned!(at.end=> (#cast));
            quote_spanned!(at.start=> #private::#name #arguments)
        }
    };
    let namespace = match &options.namespace {
        None => none,
        Some(namespace) => quote!(::core::option::Option::Some(#namespace)),
    };
    let weighted = options.weight.is_some();
    let conditional = options.condition.is_some();
    let version = options.version.unwrap_or_default();
    let is_async = model.returned.is_async();
    let own_cache = model.own_cache.is_some();
    let own_backend = model.backend.is_some();
    let some = |length, span| {
        let length = duration(length, span);
        quote!(::core::option::Option::Some(#length))
    };
    let none = || quote!(::core::option::Option::None);
    let stale = options.stale.map_or_else(none, |(window, span)| some(window, span));
    let fill_lock = match &options.fill_lock {
        None => {
            let private = model.private();
            quote!(#private::DEFAULT_FILL_LOCK)
        }
        Some(FillLock::Off) => none(),
        Some(FillLock::Wait(wait, span)) => some(*wait, *span),
    };
    quote_spanned! {Span::mixed_site()=>
        #private::Policy {
            ttl: #private::TtlPolicy::#ttl,
            capacity: #capacity,
            weighted: #weighted,
            conditional: #conditional,
            version: #version,
            namespace: #namespace,
            is_async: #is_async,
            own_cache: #own_cache,
            own_backend: #own_backend,
            stale: #stale,
            fill_lock: #fill_lock,
        }
    }
}

/// The function in its present instantiation, as an expression of the function's body.
pub(super) fn reference(model: &Model) -> TokenStream {
    let private = model.private();
    let turbofish = model.turbofish();
    // The closure's type names all generics around it. It has to be written where they are: in the
    // function itself, or in something that repeats them.
    match &model.companion {
        Companion::Type { name, .. } if !model.has_entries_by_key() => {
            quote_spanned! {Span::mixed_site()=>
                #private::SiteRef::new(#name::__cachekit_static(), &|| ())
            }
        }
        Companion::Type { name, .. } => quote!(#name::__cachekit_site #turbofish ()),
        Companion::Handle { .. } => {
            let site = site_of_method(model);
            quote!(Self::#site #turbofish ())
        }
        Companion::None => {
            let definition = definition(model);
            quote_spanned! {Span::mixed_site()=>
                {
                    #definition
                    #private::SiteRef::new(&__CACHEKIT_SITE, &|| ())
                }
            }
        }
    }
}

/// The function that returns the reference, in the same `impl` as the method.
pub(super) fn site_of_method(model: &Model) -> proc_macro2::Ident {
    quote::format_ident!("__cachekit_site_{}", model.name().unraw(), span = Span::mixed_site())
}
