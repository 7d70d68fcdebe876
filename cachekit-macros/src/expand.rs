//! The model, written as code. Nothing here can fail.
//!
//! The body appears once, with the author's signature, and everything around it is calls into
//! `__private`. What we add is in its own scopes: no name and no import of ours is visible to
//! the body or to an expression of the attribute.

mod again;
mod cached_function;
mod companion;
mod function;
mod generics;
mod handle;
mod key;
mod route;
mod rules;
mod secure;
mod spans;

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Generics, Meta, Token, Type};

use crate::args::Capacity;
use crate::crate_path::Item;
use crate::model::{Companion, Model, Tier};
use crate::names::ours;
use crate::signature::plain;

/// So many arguments are never too many for clippy, not even with one more.
const FEW_ARGUMENTS: usize = 3;

pub(crate) fn expand(model: &Model) -> TokenStream {
    let function = function::expand(model);
    let beside = match &model.companion {
        Companion::Type { name, vis } => companion::expand(model, name, vis),
        Companion::Handle { name, vis } => handle::expand(model, name, vis),
        Companion::None => TokenStream::new(),
    };
    quote!(#function #beside)
}

impl Model {
    /// `::cachekit::__private`, for code where no user code should be underlined.
    fn private(&self) -> Item<'_> {
        self.krate.private(Span::mixed_site())
    }

    /// The span of our code that is not closer to any other token of the user: the return type,
    /// because errors there concern the value.
    fn here(&self) -> Span {
        spans::heart(&self.returned.value)
    }

    /// `::<T, N>`, to call something that repeats the function's generics.
    fn turbofish(&self) -> TokenStream {
        let names = self.function.turbofish();
        if names.is_empty() { TokenStream::new() } else { quote!(::<#(#names),*>) }
    }

    /// The same without the parameters that do not distinguish entries.
    fn kept_turbofish(&self) -> TokenStream {
        let names = self.kept_names();
        if names.is_empty() { TokenStream::new() } else { quote!(::<#(#names),*>) }
    }

    /// The names in it.
    fn kept_names(&self) -> Vec<&Ident> {
        let mut names = self.function.turbofish();
        names.retain(|name| !self.left_out.contains(name));
        names
    }

    /// The generics of the items next to the function that work with its entries.
    fn kept_generics(&self) -> Generics {
        let mut generics = self.function.sig.generics.clone();
        if !self.left_out.is_empty() {
            generics::leave_out(&mut generics, &self.left_out);
        }
        // Not every item uses all lifetimes, which lints report where they are declared.
        for lifetime in generics.lifetimes_mut() {
            lifetime.lifetime.ident = spans::relocated(&lifetime.lifetime.ident);
        }
        generics
    }

    /// The `cfg` conditions of the function, and of everything next to it.
    fn cfgs(&self) -> impl Iterator<Item = &Attribute> {
        self.function.attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
    }

    /// The shape of the return type: which part of it is stored.
    fn shape(&self) -> TokenStream {
        let at = spans::Extent::of(&self.returned.value);
        let private = self.krate.private(at.start);
        let value = &self.returned.value;
        let reach = match self.tier {
            Tier::Local => Ident::new("InProcess", at.start),
            Tier::Shared | Tier::Io | Tier::Secure => Ident::new("Anywhere", at.start),
        };
        let method = match self.options.ttl_err {
            None => Ident::new("__cachekit_shape", at.end),
            Some(_) => Ident::new("__cachekit_shape_with_err", at.end),
        };
        let call = quote_spanned!(at.end=> #method());
        // One reference for each shape that is tried before the plain one.
        quote_spanned! {at.start=>
            {
                use #private::shape::*;
                (&&&&#private::Outcome::<#value, #private::#reach>::new()).#call
            }
        }
    }

    /// A call into `__private` that concerns the value: `name(first, shape, key)`.
    ///
    /// The shape in it has the span of the whole return type, so that whatever the runtime requires of
    /// values is reported there. So does `name`, unless the call concerns other tokens.
    fn call_with_shape(
        &self,
        name: &str,
        callee: Option<&spans::Extent>,
        first: &TokenStream,
        key: &TokenStream,
    ) -> TokenStream {
        let at = spans::Extent::of(&self.returned.value);
        let callee = callee.unwrap_or(&at);
        let private = self.krate.private(callee.start);
        let path = name.split("::").map(|part| Ident::new(part, callee.end));
        let name = quote_spanned!(callee.start=> #private #(::#path)*);
        let shape = ours("shape", at.end);
        let shape = quote_spanned!(at.start=> *&#shape);
        let arguments = quote_spanned!(at.end=> (#first, #shape, #key));
        quote!(#name #arguments)
    }

    /// `name: &Type, …`: the arguments that a companion needs.
    fn borrowed_arguments(&self) -> Vec<TokenStream> {
        let needed = self.parameters.iter().filter(|parameter| !parameter.skipped);
        needed
            .map(|parameter| {
                let (ident, ty) = (&parameter.ident, parameter.borrowed_type());
                quote!(#ident: #ty)
            })
            .collect()
    }

    /// The levels of lints that the user sets at the function, for the items next to it: they repeat the user's tokens.
    ///
    /// No lint of the compiler has another level there, because `#[allow(…)]` is an error under the user's `#![forbid(…)]`.
    /// Instead, all tokens that a lint could be reported at have spans of the expansion. Most lints of clippy look at these,
    /// too; the others are allowed one by one, where they would be reported.
    fn levels_of_lints(&self) -> TokenStream {
        let levels = self.function.attrs.iter().filter_map(|attr| {
            let path = attr.path();
            if path.is_ident("allow") {
                return Some(quote!(#attr));
            }
            let is_expected = path.is_ident("expect");
            if !is_expected && !path.is_ident("warn") && !path.is_ident("deny") {
                return None;
            }
            let syn::Meta::List(list) = &attr.meta else { return None };
            // What is expected of the function need not be true of these items. If they were not allowed to be unused, they
            // would keep the function in use.
            let lints = expected(list.tokens.clone());
            match (is_expected, lints.is_empty()) {
                (_, true) => None,
                (true, false) => Some(quote!(#[allow(#lints)])),
                (false, false) => Some(quote!(#attr)),
            }
        });
        self.clippy().into_iter().chain(levels).collect()
    }

    /// The lints of clippy that look at what the user wrote, whatever is written around it.
    fn clippy(&self) -> Option<TokenStream> {
        let named = |ty: &Type, name: &str| match plain(ty) {
            Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == name),
            _ => false,
        };
        let mut lints = Vec::new();
        if self.parameters.len() >= FEW_ARGUMENTS {
            lints.push(quote!(clippy::too_many_arguments));
        }
        for parameter in &self.parameters {
            // Companions get all arguments by reference.
            if named(&parameter.ty, "Cow") {
                lints.push(quote!(clippy::ptr_arg));
            } else if named(&parameter.ty, "Option") {
                lints.push(quote!(clippy::ref_option_ref));
            }
            // Unused by the body; the key uses it.
            if parameter.ident.to_string().starts_with('_') {
                lints.push(quote!(clippy::used_underscore_binding));
            }
        }
        if self.returned.is_async() {
            lints.push(quote!(clippy::future_not_send));
        }
        if let Some(Capacity::Computed(_)) = &self.options.capacity {
            lints.push(quote!(clippy::default_numeric_fallback));
        }
        let mut seen = HashSet::new();
        lints.retain(|lint| seen.insert(lint.to_string()));
        (!lints.is_empty()).then(|| quote!(#[allow(#(#lints),*)]))
    }

    /// The attributes that say with which features of the processor the function is compiled: where it may be called. For
    /// items that call it.
    fn target_features(&self) -> TokenStream {
        let is_one = |meta: &Meta| meta.path().is_ident("target_feature");
        let attributes = self.function.attrs.iter().filter_map(|attr| {
            if is_one(&attr.meta) {
                return Some(quote!(#attr));
            }
            let Meta::List(list) = &attr.meta else { return None };
            if !list.path.is_ident("cfg_attr") {
                return None;
            }
            let list = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens.clone());
            let list = list.unwrap_or_default();
            let condition = list.first()?;
            let mut features = list.iter().skip(1).filter(|meta| is_one(meta)).peekable();
            features.peek()?;
            Some(quote!(#[cfg_attr(#condition, #(#features),*)]))
        });
        attributes.collect()
    }

    /// For items that call the function: if it is deprecated, that is no news at its own name.
    fn deprecated(&self) -> Option<TokenStream> {
        let is_deprecated =
            self.function.attrs.iter().any(|attr| attr.path().is_ident("deprecated"));
        is_deprecated.then(|| quote!(#[allow(deprecated)]))
    }
}

/// The lints of `#[expect(…)]`, without the reason and those that are about use.
fn expected(lints: TokenStream) -> TokenStream {
    let lints = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(lints).unwrap_or_default();
    let kept = lints.iter().filter(|lint| {
        let Meta::Path(path) = lint else { return false };
        let name = path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
        name != "dead_code" && name != "warnings" && !name.starts_with("unused")
    });
    quote!(#(#kept),*)
}
