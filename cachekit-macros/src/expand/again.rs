//! `stale`: the function called again in the background, with copies of its arguments.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{ReceiverKind, Type};

use super::spans::{Extent, located};
use crate::model::{Companion, Model, pointee};
use crate::names::ours;
use crate::signature::Flavor;

/// An argument, or `self`: how it is copied, kept and passed on.
struct Copied {
    name: Ident,
    /// The expression that makes the copy, in the function.
    made: TokenStream,
    /// The copy's type.
    ty: TokenStream,
    /// The argument of the call, from the copy.
    given: TokenStream,
}

/// What happens on a miss of a function with `stale`, around the run of the function.
pub(super) fn ask(model: &Model, run: &TokenStream) -> TokenStream {
    let private = model.private();
    let here = model.here();
    let start = start(model);
    let [miss, value, ticket] = ["miss", "value", "ticket"].map(|name| ours(name, here));
    if model.returned.is_async() {
        // As in the function: only the lead is part of the future.
        return quote_spanned! {here=>
            let #miss = match #private::Miss::ask_async(#miss).await {
                #private::Asked::Value(#value) => return #value,
                #private::Asked::Stale(#value, #ticket) => {
                    #start
                    return #value;
                }
                #private::Asked::Lead(#miss) => #miss,
            };
            #run
        };
    }
    quote_spanned! {here=>
        match #private::Miss::ask(#miss) {
            #private::Asked::Value(#value) => #value,
            #private::Asked::Stale(#value, #ticket) => {
                #start
                #value
            }
            #private::Asked::Lead(#miss) => #run
        }
    }
}

/// Starts the call, with the ticket for its refresh.
fn start(model: &Model) -> TokenStream {
    let mixed = Span::mixed_site();
    let private = model.private();
    let ticket = ours("ticket", mixed);
    let copies = copies(model);
    let names = copies.iter().map(|copy| &copy.name);
    let made = copies.iter().map(|copy| {
        let (name, made) = (&copy.name, &copy.made);
        quote!(let #name = #made;)
    });
    let call = call(model, &copies);
    let started = match model.returned.flavor {
        Flavor::Sync => quote_spanned!(mixed=> #private::Ticket::run(#ticket, move || #call)),
        Flavor::BoxedFuture => quote_spanned! {mixed=>
            #private::Ticket::run_async(#ticket, async move { #call.await })
        },
        Flavor::Async | Flavor::ImplFuture => {
            let turbofish = model.turbofish();
            let again = if let Companion::Type { name, .. } = &model.companion {
                quote_spanned!(mixed=> #name::__cachekit_again)
            } else {
                let again = of_method(model);
                quote!(Self::#again)
            };
            quote_spanned! {mixed=>
                #private::Ticket::run_async(#ticket, #again #turbofish (#(#names),*))
            }
        }
    };
    quote_spanned!(mixed=> #(#made)* #started;)
}

/// The function that creates the future of an async call. It is next to the function: inside, the compiler
/// could not yet know whether the future is `Send`.
pub(super) fn function(model: &Model) -> TokenStream {
    let opaque = matches!(model.returned.flavor, Flavor::Async | Flavor::ImplFuture);
    if model.options.stale.is_none() || !opaque {
        return TokenStream::new();
    }
    let name = match &model.companion {
        Companion::Type { .. } => Ident::new("__cachekit_again", Span::mixed_site()),
        Companion::Handle { .. } => of_method(model),
        Companion::None => return TokenStream::new(),
    };
    let mixed = Span::mixed_site();
    let (generics, _, bounds) = model.function.sig.generics.split_for_impl();
    let copies = copies(model);
    let parameters = copies.iter().map(|copy| {
        let (name, ty) = (&copy.name, &copy.ty);
        quote!(#name: #ty)
    });
    let value = &model.returned.value;
    let call = call(model, &copies);
    // A future that is not `Send` is the function's mistake, so it is reported at its name.
    let at = located(model.name().span());
    let private = model.krate.private(at);
    let boxed = quote_spanned!(at=> #private::Box::pin(async move { #call.await }));
    let cfgs = model.cfgs();
    let allowed = model.levels_of_lints();
    let (deprecated, features) = (model.deprecated(), model.target_features());
    quote_spanned! {mixed=>
        #(#cfgs)*
        #[doc(hidden)]
        #allowed
        #deprecated
        #features
        fn #name #generics (#(#parameters),*) -> ::core::pin::Pin<#private::Box<
            dyn ::core::future::Future<Output = #value> + ::core::marker::Send,
        >> #bounds {
            #boxed
        }
    }
}

fn of_method(model: &Model) -> Ident {
    format_ident!("__cachekit_again_{}", model.name().unraw(), span = Span::mixed_site())
}

/// The call by name.
fn call(model: &Model, copies: &[Copied]) -> TokenStream {
    let function = model.name();
    let turbofish = model.turbofish();
    let given = copies.iter().map(|copy| &copy.given);
    // An associated function is one of `Self`, with a receiver or without.
    let path = if let Companion::Type { .. } = &model.companion {
        quote!(#function)
    } else {
        quote!(Self::#function)
    };
    quote!(#path #turbofish (#(#given),*))
}

fn copies(model: &Model) -> Vec<Copied> {
    let receiver = model.function.receiver().map(|receiver| {
        let this = receiver.self_token;
        let name = ours("self", Span::mixed_site());
        let own: Type = syn::parse_quote!(Self);
        match &receiver.kind {
            ReceiverKind::Typed(_, ty) => copy(model, name, &quote!(#this), ty),
            ReceiverKind::Reference(..) => {
                borrowed(model, name, &quote!(#this), &own, receiver.self_token.span)
            }
            _ => owned(model, name, &quote!(#this), &own, receiver.self_token.span),
        }
    });
    let parameters = model.parameters.iter().enumerate().map(|(index, parameter)| {
        let name = ours(&format!("kept{index}"), Span::mixed_site());
        let ident = &parameter.ident;
        copy(model, name, &quote!(#ident), &parameter.ty)
    });
    receiver.into_iter().chain(parameters).collect()
}

fn copy(model: &Model, name: Ident, value: &TokenStream, ty: &Type) -> Copied {
    let target = pointee(ty);
    let at = Extent::of(ty).start;
    if std::ptr::eq(target, ty) || !is_reference(ty) {
        owned(model, name, value, ty, at)
    } else {
        borrowed(model, name, value, target, at)
    }
}

fn is_reference(ty: &Type) -> bool {
    match ty {
        Type::Group(inner) => is_reference(&inner.elem),
        Type::Paren(inner) => is_reference(&inner.elem),
        Type::Reference(reference) => {
            reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static")
        }
        _ => false,
    }
}

fn owned(model: &Model, name: Ident, value: &TokenStream, ty: &Type, at: Span) -> Copied {
    let at = located(at);
    let private = model.krate.private(at);
    let made = quote_spanned!(at=> #private::keep(&#value));
    Copied { made, ty: quote!(#ty), given: quote!(#name), name }
}

fn borrowed(model: &Model, name: Ident, value: &TokenStream, target: &Type, at: Span) -> Copied {
    let at = located(at);
    let private = model.krate.private(at);
    let made = quote_spanned!(at=> #private::keep_borrowed::<#target>(#value));
    let given = quote_spanned!(at=> #private::lend::<#target>(&#name));
    Copied { made, ty: quote!(#private::Kept<#target>), given, name }
}
