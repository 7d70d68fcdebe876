//! The static behind a function, and the reference to it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use super::rules::duration;
use super::spans::Extent;
use crate::args::{Capacity, FillLock, Interop, L1, Lifetime, OnTamper};
use crate::model::{Companion, Model, Tier};

/// The static itself, as items for the start of a block. It describes the function as written, and
/// has no generics: all instantiations share it.
pub(super) fn definition(model: &Model) -> TokenStream {
    let private = model.private();
    let function = model.name();
    let name = function.unraw().to_string();
    let tier = match model.tier {
        Tier::Local => quote!(Local),
        Tier::Shared => quote!(Shared),
        Tier::Io => quote!(Io),
        Tier::Secure => quote!(Secure),
    };
    let policy = policy(model);
    let mixed = Span::mixed_site();
    // A type of ours in the static: the path of it names everything around the function.
    let arguments = quote_spanned! {mixed=>
        #name, ::core::module_path!(), #private::Tier::#tier, #policy, {
            enum __Here {}
            ::core::any::type_name::<__Here>
        }
    };
    // The call takes down its place. It has to stand at the user's own span, not at one of ours: only
    // then is the line the function's and not that of the attribute.
    let here = function.span();
    let private_here = model.krate.private(here);
    let new = quote_spanned!(here=> #private_here::CachedFunction::new(#arguments));
    // Its name is part of the path that storage keys are made of: another one would lose what is stored.
    quote_spanned! {mixed=>
        static __CACHEKIT_SITE: #private::CachedFunction = #new;
        #private::register!(__CACHEKIT_SITE);
    }
}

fn policy(model: &Model) -> TokenStream {
    let private = model.private();
    let mixed = Span::mixed_site();
    let options = &model.options;
    let some = |value: TokenStream| quote_spanned!(mixed=> ::core::option::Option::Some(#value));
    // Only what was said: what the compiler has to read costs each function time.
    let mut fields = TokenStream::new();
    let mut field = |name: &str, value: TokenStream| {
        let setter = format_ident!("with_{name}", span = mixed);
        fields.extend(quote_spanned!(mixed=> .#setter(#value)));
    };
    match &options.ttl_ok {
        None => {}
        Some((_, Lifetime::Fixed(lifetime, span))) => {
            let lifetime = duration(*lifetime, *span);
            field("ttl", quote_spanned!(mixed=> #private::TtlPolicy::Fixed(#lifetime)));
        }
        Some((_, Lifetime::Computed(_) | Lifetime::FromValue(_))) => {
            field("ttl", quote_spanned!(mixed=> #private::TtlPolicy::Dynamic));
        }
    }
    match &options.capacity {
        None => {}
        Some(Capacity::Literal(entries, span)) => {
            let mut entries = proc_macro2::Literal::u64_suffixed(*entries);
            entries.set_span(*span);
            field("capacity", some(quote!(#entries)));
        }
        Some(Capacity::Computed(entries)) => {
            let at = Extent::of(entries);
            let private = model.krate.private(at.start);
            // The cast gives numbers their type, and whatever is no number an error of its own.
            let cast = quote_spanned!(at.end=> as ::core::primitive::i128);
            let cast = quote_spanned!(at.start=> (#entries) #cast);
            let name = Ident::new("entries", at.end);
            let arguments = quote_spanned!(at.end=> (#cast));
            field("capacity", quote_spanned!(at.start=> #private::#name #arguments));
        }
    }
    if let Some(namespace) = &options.namespace {
        field("namespace", some(quote!(#namespace)));
    }
    if let Some(Interop { operation, .. }) = &options.interop {
        field("interop", some(quote!(#operation)));
    }
    if let Some(version) = options.version {
        field("version", quote!(#version));
    }
    let flags = [
        ("weighted", options.weight.is_some()),
        ("conditional", options.condition.is_some()),
        ("is_async", model.returned.is_async()),
        ("own_cache", model.own_cache.is_some()),
        ("own_backend", model.backend.is_some()),
        ("interop_shared", options.interop.as_ref().is_some_and(|interop| interop.shared)),
        ("interop_types", options.interop.is_some() && options.interop_types),
    ];
    for (name, _) in flags.into_iter().filter(|(_, set)| *set) {
        field(name, quote_spanned!(mixed=> true));
    }
    if let Some((window, span)) = options.stale {
        field("stale", some(duration(window, span)));
    }
    if let Some((idle, span)) = options.idle {
        field("idle", some(duration(idle, span)));
    }
    match &options.fill_lock {
        None => {}
        Some(FillLock::Off) => {
            field("fill_lock", quote_spanned!(mixed=> ::core::option::Option::None));
        }
        Some(FillLock::Wait(wait, span)) => field("fill_lock", some(duration(*wait, *span))),
    }
    if model.tier == Tier::Secure {
        match options.l1 {
            L1::Sealed => field("l1", quote_spanned!(mixed=> #private::L1::Sealed)),
            L1::Typed => {}
            L1::Off => field("l1", quote_spanned!(mixed=> #private::L1::Off)),
        }
        if let OnTamper::Error(_) = options.on_tamper {
            field("on_tamper", quote_spanned!(mixed=> #private::OnTamper::Error));
        }
    }
    quote_spanned!(mixed=> #private::POLICY #fields)
}

/// The function in its present instantiation, as an expression of the function's body.
pub(super) fn reference(model: &Model) -> TokenStream {
    let private = model.private();
    let turbofish = model.kept_turbofish();
    // The closure's type names all generics around it. It has to be written where they are: in the
    // function itself, or in something that repeats them.
    match &model.companion {
        Companion::Type { name, .. } if model.function.has_impl_parameters() => {
            quote_spanned! {Span::mixed_site()=>
                #private::FunctionRef::generic(#name::__cachekit_static(), &|| ())
            }
        }
        Companion::Type { name, .. } => quote!(#name::__cachekit_site #turbofish ()),
        Companion::Handle { .. } => {
            let site = function_of_method(model);
            quote!(Self::#site #turbofish ())
        }
        Companion::None => {
            let definition = definition(model);
            quote_spanned! {Span::mixed_site()=>
                {
                    #definition
                    #private::FunctionRef::generic(&__CACHEKIT_SITE, &|| ())
                }
            }
        }
    }
}

/// A type of the function's own, for which the look-up is compiled.
pub(super) fn own_type(model: &Model) -> TokenStream {
    let mixed = Span::mixed_site();
    let private = model.private();
    match &model.companion {
        // A closure costs the compiler more.
        Companion::Type { name, .. } if model.kept_turbofish().is_empty() => {
            quote_spanned! {mixed=>
                ::core::marker::PhantomData::<<#name as #private::Own>::Type>
            }
        }
        _ => quote_spanned!(mixed=> #private::own(|| ())),
    }
}

/// The function that returns the reference, in the same `impl` as the method.
pub(super) fn function_of_method(model: &Model) -> proc_macro2::Ident {
    quote::format_ident!("__cachekit_site_{}", model.name().unraw(), span = Span::mixed_site())
}
