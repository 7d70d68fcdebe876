//! One parameter: how the signature, the key and the companions name it.

use super::behind::Behind;
use super::returned::plain;
use crate::names::ours;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::visit::{self, Visit};
use syn::{Attribute, Pat, PatIdent, PatType, Type};

/// A parameter that is not the receiver.
pub(crate) struct Parameter {
    /// The name it has in the emitted signature: the user's, or one of ours in place of a pattern.
    pub(crate) ident: Ident,
    /// Its name in a companion that must also name the function.
    pub(crate) companion_ident: Ident,
    /// The user's pattern, if it is not a plain name.
    pub(crate) pattern: Option<Pat>,
    pub(crate) ty: Type,
    /// The names that the body sees.
    pub(crate) names: Vec<Ident>,
    pub(crate) form: Form,
    /// Whether it is left out of the key; the model decides.
    pub(crate) skipped: bool,
    /// `#[cfg]` or `#[cfg_attr]` on it.
    pub(crate) conditional: Option<Attribute>,
}

/// How a value arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Value,
    Reference,
    MutableReference,
}

impl Parameter {
    pub(crate) fn new(index: usize, typed: &PatType, function: &Ident) -> Self {
        let fresh = ours(&format!("argument{index}"), Span::mixed_site());
        let plain = match &*typed.pat {
            Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, .. }) => Some(ident.clone()),
            _ => None,
        };
        let (names, pattern) = match &plain {
            Some(ident) => (vec![ident.clone()], None),
            None => (names(&typed.pat), Some((*typed.pat).clone())),
        };
        let ident = plain.unwrap_or_else(|| fresh.clone());
        // A parameter with the function's name would hide the function where a companion calls it.
        let companion_ident = if ident == *function { fresh } else { ident.clone() };
        Parameter {
            ident,
            companion_ident,
            pattern,
            form: Form::of(&typed.ty),
            ty: (*typed.ty).clone(),
            names,
            skipped: false,
            conditional: typed.attrs.iter().find(|attr| is_conditional(attr)).cloned(),
        }
    }

    /// The statement that gives the body the names of the pattern.
    pub(crate) fn unpacked(&self) -> Option<TokenStream> {
        let ident = &self.ident;
        match &self.pattern {
            None | Some(Pat::Wild(_)) => None,
            Some(pattern) => Some(quote!(let #pattern = #ident;)),
        }
    }

    /// Its type in a companion, which only borrows.
    pub(crate) fn borrowed_type(&self) -> TokenStream {
        match plain(&self.ty) {
            Type::Reference(reference) if reference.mutability.is_some() => {
                let (and, lifetime, elem) =
                    (&reference.and_token, &reference.lifetime, &reference.elem);
                quote!(#and #lifetime #elem)
            }
            Type::Reference(reference) => quote!(#reference),
            owned => quote!(&#owned),
        }
    }

    /// Makes its names references to it, for the key's expression. `owned` says whether it arrives as
    /// in the function, or borrowed as in a companion.
    pub(crate) fn borrowed_names(&self, owned: bool) -> Option<TokenStream> {
        let ident = &self.ident;
        let borrowed = match self.form {
            Form::Value if owned => quote!(&#ident),
            Form::MutableReference if owned => quote!(&*#ident),
            _ => quote!(#ident),
        };
        match &self.pattern {
            None if self.form == Form::Reference || !owned => None,
            None => Some(quote!(let #ident = #borrowed;)),
            Some(Pat::Wild(_)) => None,
            // It was written for a reference.
            Some(pattern) if self.form == Form::Reference => {
                Some(quote!(let #pattern = #borrowed;))
            }
            Some(pattern) => {
                let behind = Behind::of(pattern, self.form);
                let (pattern, deeper) = (&behind.pattern, &behind.deeper);
                Some(quote!(let #pattern = #borrowed; #(let #deeper = &**#deeper;)*))
            }
        }
    }

    /// Whether `skip(…)` named it: by its name, by every name of its pattern, or by `_` if it has none.
    pub(crate) fn is_named_by(&self, skipped: &[Ident]) -> bool {
        if self.names.is_empty() {
            return skipped.iter().any(|name| name == "_");
        }
        self.names.iter().all(|name| skipped.contains(name))
    }
}

impl Form {
    fn of(ty: &Type) -> Self {
        match plain(ty) {
            Type::Reference(reference) if reference.mutability.is_some() => Form::MutableReference,
            Type::Reference(_) => Form::Reference,
            _ => Form::Value,
        }
    }
}

pub(super) fn names(pattern: &Pat) -> Vec<Ident> {
    struct Names(Vec<Ident>);
    impl Visit<'_> for Names {
        fn visit_pat_ident(&mut self, pattern: &PatIdent) {
            self.0.push(pattern.ident.clone());
            visit::visit_pat_ident(self, pattern);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_pat(pattern);
    names.0
}

fn is_conditional(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr")
}
