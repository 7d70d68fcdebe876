//! The companion type of a free function: `user::invalidate(&id)`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Visibility, ext::IdentExt};

use super::spans::{self, located};
use super::{again, cached_function, handle};
use crate::model::Model;
use crate::names::ours;

pub(super) fn expand(model: &Model, name: &Ident, vis: &Visibility) -> TokenStream {
    let sites = sites(model);
    let whole = of_the_function(model);
    // An argument of type `impl Trait` has no name that a companion could repeat.
    let by_key = if model.has_entries_by_key() { of_one_entry(model) } else { TokenStream::new() };
    let again = again::function(model);
    let cfgs: Vec<_> = model.cfgs().collect();
    let allowed = model.levels_of_lints();
    let vis = spans::visibility(vis, name);
    let doc = format!(
        "The cache of the function `{}`: look at its entries, set them, drop them.",
        model.name().unraw()
    );
    // If a type is not allowed here, or a type of that name exists already, the compiler reports it at these tokens.
    let at = located(name.span());
    // A struct, because the compiler's wording for it fits: it has functions, and no variants. It has no values.
    let name = spans::relocated(name);
    let declaration = quote_spanned!(at=> struct #name { never: ::core::convert::Infallible });
    let implementation = quote_spanned!(at=> impl #name);
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        #[doc = #doc]
        #vis #declaration

        #(#cfgs)*
        #allowed
        #implementation {
            #sites
            #by_key
            #again
            #whole
        }
    }
}

/// Whether the companion's own type names the function's one instantiation.
fn is_plain(model: &Model) -> bool {
    !model.function.has_impl_parameters() && model.kept_turbofish().is_empty()
}

/// The static, and the function in one instantiation.
fn sites(model: &Model) -> TokenStream {
    let mixed = Span::mixed_site();
    let private = model.private();
    let definition = cached_function::definition(model);
    if is_plain(model) {
        return quote_spanned! {mixed=>
            #[doc(hidden)]
            #[inline]
            fn __cachekit_site() -> #private::FunctionRef {
                #definition
                #private::FunctionRef::new(&__CACHEKIT_SITE, ::core::any::TypeId::of::<Self>())
            }
        };
    }
    let generics = model.kept_generics();
    let (generics, _, bounds) = generics.split_for_impl();
    let reference = (!model.function.has_impl_parameters()).then(|| {
        quote_spanned! {mixed=>
            #[doc(hidden)]
            #[inline]
            fn __cachekit_site #generics () -> #private::FunctionRef #bounds {
                #private::FunctionRef::generic(Self::__cachekit_static(), &|| ())
            }
        }
    });
    quote_spanned! {mixed=>
        #[doc(hidden)]
        #[inline]
        fn __cachekit_static() -> &'static #private::CachedFunction {
            #definition
            &__CACHEKIT_SITE
        }

        #reference
    }
}

// Its functions are as visible as the type: if that is wrong, one error says so. Their text is a macro of the runtime: see
// there.

/// The function's static, whose address is its identity.
fn definition(model: &Model) -> TokenStream {
    let mixed = Span::mixed_site();
    if is_plain(model) {
        quote_spanned!(mixed=> Self::__cachekit_site().definition)
    } else {
        quote_spanned!(mixed=> Self::__cachekit_static())
    }
}

/// Companions for all entries.
fn of_the_function(model: &Model) -> TokenStream {
    let private = model.private();
    let kind = kind(model);
    let definition = definition(model);
    quote_spanned! {Span::mixed_site()=>
        #private::companion::whole! { #kind [stats purge clear] [#definition] }
    }
}

/// Which text the companions have.
fn kind(model: &Model) -> Option<TokenStream> {
    model.returned.is_async().then(|| quote!(async))
}

/// Companions for the entry of some arguments.
fn of_one_entry(model: &Model) -> TokenStream {
    let mixed = Span::mixed_site();
    let private = model.private();
    let kind = kind(model);
    let turbofish = model.kept_turbofish();
    let generics = model.kept_generics();
    let (generics, _, bounds) = generics.split_for_impl();
    let arguments = model.borrowed_arguments();
    let names = model
        .parameters
        .iter()
        .filter(|parameter| !parameter.skipped)
        .map(|parameter| &parameter.ident);
    let names: Vec<_> = names.collect();
    let on_call = on_call(model);
    let on = on_call_path(model);
    let value = &model.returned.value;
    let refresh = refresh(model);
    let with = with(model, &names);
    quote_spanned! {mixed=>
        #on_call

        #private::companion::entries! {
            #kind [invalidate peek contains explain set key]
            [#generics] [#bounds] [#turbofish] [#(#arguments,)*] [#(#names,)*] [#on] [#value]
        }

        #with
        #refresh
    }
}

/// Passes a call to a visitor: its route, shape and key are determined here, once for all companions.
fn on_call(model: &Model) -> TokenStream {
    let mixed = Span::mixed_site();
    let private = model.private();
    let turbofish = model.kept_turbofish();
    let arguments = model.borrowed_arguments();
    let value = &model.returned.value;
    let mut generics = model.kept_generics();
    let visitor = ours("V", mixed);
    generics.params.push(syn::parse_quote!(#visitor: #private::companion::Visit<#value>));
    let (generics, _, bounds) = generics.split_for_impl();
    let by = ours("visitor", mixed);
    let visit = quote_spanned!(mixed=> #by, Self::__cachekit_site #turbofish ());
    let made = handle::make(model, ["visit", "visit_ruled"], &visit);
    quote_spanned! {mixed=>
        #[doc(hidden)]
        #[inline]
        fn __cachekit_on #generics (
            #(#arguments,)*
            #by: #visitor
        ) -> #visitor::Returned #bounds {
            #made
        }
    }
}

/// Its path. It has one type parameter more than the other companions.
fn on_call_path(model: &Model) -> TokenStream {
    let mixed = Span::mixed_site();
    let names = model.kept_names();
    if names.is_empty() {
        return quote_spanned!(mixed=> Self::__cachekit_on);
    }
    quote_spanned!(mixed=> Self::__cachekit_on::<#(#names,)* _>)
}

/// Runs a closure on the value in place.
fn with(model: &Model, names: &[&Ident]) -> TokenStream {
    let mixed = Span::mixed_site();
    let private = model.private();
    let mut generics = model.kept_generics();
    let result = ours("R", mixed);
    generics.params.push(syn::parse_quote!(#result));
    let arguments = model.borrowed_arguments();
    // For a `Result`, the value that is stored. A type under another name is passed as a whole.
    let whole = &model.returned.value;
    let (look, seen) = if is_named_result(whole) {
        // Which type it is, a trait says: the name may be that of an alias, or of a type of the user. Its parameter makes the
        // bound one that is checked where `with` is called.
        let holds = quote_spanned!(mixed=> #private::companion::HoldsOk<#result>);
        let clause = generics.make_where_clause();
        clause.predicates.push(syn::parse_quote!(#whole: #holds));
        ("LookAtValue", quote_spanned!(mixed=> <#whole as #holds>::Ok))
    } else {
        ("LookAt", quote!(#whole))
    };
    let look = Ident::new(look, mixed);
    let (generics, _, bounds) = generics.split_for_impl();
    let on = on_call_path(model);
    let run = ours("look", mixed);
    quote_spanned! {mixed=>
        /// Runs a closure on the cached value of these arguments in place: nothing is cloned, and the function does not
        /// run. `None` if there is no value in this process. It counts as a use. A value that is kept sealed is opened for
        /// it.
        #[allow(clippy::impl_trait_in_params)]
        #[inline]
        pub fn with #generics (
            #(#arguments,)*
            #run: impl ::core::ops::FnOnce(&#seen) -> #result
        ) -> ::core::option::Option<#result> #bounds {
            #on(#(#names,)* #private::companion::#look::new(#run))
        }
    }
}

/// Whether it is written `Result<T, …>`.
fn is_named_result(ty: &syn::Type) -> bool {
    let syn::Type::Path(path) = ty else { return false };
    let last = path.path.segments.last().filter(|last| last.ident == "Result");
    let Some(syn::PathArguments::AngleBracketed(arguments)) = last.map(|last| &last.arguments)
    else {
        return false;
    };
    arguments.args.iter().any(|argument| matches!(argument, syn::GenericArgument::Type(_)))
}

/// Calls the function past its entry. The arguments are those of the function.
fn refresh(model: &Model) -> TokenStream {
    let mixed = Span::mixed_site();
    let private = model.private();
    let function = model.name();
    let definition = definition(model);
    let turbofish = model.turbofish();
    let (generics, _, bounds) = model.function.sig.generics.split_for_impl();
    let value = &model.returned.value;
    let safety = &model.function.sig.safety;
    let arguments = model.parameters.iter().map(|parameter| {
        let (ident, ty) = (&parameter.companion_ident, &parameter.ty);
        quote!(#ident: #ty)
    });
    let names = model.parameters.iter().map(|parameter| &parameter.companion_ident);
    let call = quote!(#function #turbofish (#(#names),*));
    let call = match safety {
        syn::Safety::Unsafe(_) => quote_spanned!(mixed=> unsafe { #call }),
        _ => call,
    };
    // The only future without a name: it contains that of the function.
    let returned = if model.returned.is_async() {
        quote_spanned!(mixed=> impl ::core::future::Future<Output = #value>)
    } else {
        quote!(#value)
    };
    let run = if model.returned.is_async() {
        quote_spanned!(mixed=> #private::refresh_async_of(#definition, #call))
    } else {
        // As the runtime's `refresh` does, without a closure.
        let forcing = Ident::new("_cachekit_own_forcing", mixed);
        quote_spanned! {mixed=>
            let #forcing = #private::force(#definition);
            #call
        }
    };
    let (deprecated, features) = (model.deprecated(), model.target_features());
    // Lints look at the span of the signature, which must not end with the user's tokens.
    let bounds = if bounds.is_some() { quote!(#bounds) } else { quote_spanned!(mixed=> where) };
    let safety_doc = match safety {
        syn::Safety::Unsafe(_) => quote! {
            #[doc = ""]
            #[doc = "# Safety"]
            #[doc = ""]
            #[doc = "As for the function itself."]
        },
        _ => TokenStream::new(),
    };
    quote_spanned! {mixed=>
        /// Runs the function and replaces the entry of these arguments.
        #safety_doc
        #deprecated
        #features
        #[inline]
        pub #safety fn refresh #generics (#(#arguments),*) -> #returned #bounds {
            #run
        }
    }
}
