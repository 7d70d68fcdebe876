//! The model, written as code. Nothing here can fail.
//!
//! The body stays once, with the author's signature, and everything around it is calls into
//! `__private`. What we add lives in scopes of its own: no name and no import of ours is visible to
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
    /// `::cachekit::__private`, where no user code is to be underlined.
    fn private(&self) -> TokenStream {
        self.krate.private(Span::mixed_site())
    }

    /// Where code of ours stands that no token of the user's is closer to: on the return type, since
    /// what can go wrong there has to do with the value.
    fn here(&self) -> Span {
        spans::heart(&self.returned.value)
    }

    /// `::<T, N>`, to call something that repeats the function's generics.
    fn turbofish(&self) -> TokenStream {
        let names = self.function.turbofish();
        if names.is_empty() { TokenStream::new() } else { quote!(::<#(#names),*>) }
    }

    /// The same without what entries are not told apart by.
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

    /// The generics of what stands beside the function and works with its entries.
    fn kept_generics(&self) -> Generics {
        let mut generics = self.function.sig.generics.clone();
        if !self.left_out.is_empty() {
            generics::leave_out(&mut generics, &self.left_out);
        }
        generics
    }

    /// The conditions under which the function exists, and with it everything beside it.
    fn cfgs(&self) -> impl Iterator<Item = &Attribute> {
        self.function.attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
    }

    /// The return type's shape: what of it is stored.
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

    /// A call into `__private` that has to do with the value: `name(first, __shape, key)`.
    ///
    /// Its `__shape` stands on the whole return type, so that whatever the runtime asks of values is
    /// reported there. So does `name`, unless the call is the business of other tokens.
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

    /// Lints that are about code people write. The companions repeat the user's types, so what is to
    /// say about those has been said at the function.
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
