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

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Generics};

use crate::model::{Companion, Model, Tier};
use crate::signature::Parameter;

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
    fn private(&self) -> TokenStream {
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
                #[allow(unused_imports)]
                use #private::shape::*;
                (&&&&#private::Outcome::<#value, #private::#reach>::new()).#call
            }
        }
    }

    /// A call into `__private` that concerns the value: `name(first, __shape, key)`.
    ///
    /// Its `__shape` has the span of the whole return type, so that whatever the runtime requires of
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
        let shape = quote_spanned!(at.end=> __shape);
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

    /// The types of these.
    fn borrowed_types(&self) -> Vec<TokenStream> {
        let needed = self.parameters.iter().filter(|parameter| !parameter.skipped);
        needed.map(Parameter::borrowed_type).collect()
    }

    /// Lints about handwritten code. The companions repeat the user's types, and lints about
    /// those are reported at the function.
    fn allowed_lints() -> TokenStream {
        quote! {
            #[allow(
                dead_code,
                deprecated,
                private_bounds,
                private_interfaces,
                unreachable_pub,
                unused_lifetimes,
                unused_variables,
                clippy::all,
                clippy::nursery,
                clippy::pedantic,
                clippy::restriction
            )]
        }
    }
}
