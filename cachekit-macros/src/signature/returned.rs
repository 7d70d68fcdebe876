//! What the function returns: the value to cache, and how the function returns it.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    AssocType, GenericArgument, Lifetime, ParenthesizedGenericArguments, PathArguments,
    PathSegment, ReturnType, Signature, TraitBound, Type, TypeFnPtr, TypeImplTrait, TypeParamBound,
    TypeReference, parse_quote,
};

/// How the value is returned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    Sync,
    /// `async fn`.
    Async,
    /// Returns a pinned, boxed future: written by hand, as `BoxFuture`, or by `#[async_trait]`.
    BoxedFuture,
    /// `-> impl Future<Output = R>`.
    ImplFuture,
}

/// The value and how it is returned.
pub(crate) struct Returned {
    pub(crate) flavor: Flavor,
    /// The type of the value, without the future around it.
    pub(crate) value: Type,
}

impl Returned {
    /// Without a return type it is the unit type, as everywhere in Rust.
    pub(crate) fn of(sig: &Signature) -> Self {
        let unit = parse_quote!(());
        let written = match &sig.output {
            ReturnType::Type(_, written) => plain(written),
            ReturnType::Default => &unit,
        };
        let found = |flavor, value: &Type| Returned { flavor, value: value.clone() };
        if sig.asyncness.is_some() {
            found(Flavor::Async, written)
        } else if let Some(value) = boxed_future(written) {
            found(Flavor::BoxedFuture, value)
        } else if let Some(value) = impl_future(written) {
            found(Flavor::ImplFuture, value)
        } else {
            found(Flavor::Sync, written)
        }
    }

    pub(crate) fn is_async(&self) -> bool {
        self.flavor != Flavor::Sync
    }

    /// Why the value cannot be cached, and what to underline. `leaves` says whether it may go to a shared
    /// tier, `with_err` whether errors are stored too.
    pub(crate) fn mistake(&self, leaves: bool, with_err: bool) -> Option<(TokenStream, String)> {
        if let Type::Never(never) = plain(&self.value) {
            let message =
                "a function that never returns has no value to cache: remove the attribute";
            return Some((never.to_token_stream(), message.to_owned()));
        }
        let mut found = Finder { leaves, with_err, mistake: None };
        found.visit_type(&self.value);
        found.mistake
    }
}

/// The first part of a type that cannot be cached.
struct Finder {
    leaves: bool,
    with_err: bool,
    mistake: Option<(TokenStream, String)>,
}

impl Finder {
    fn found(&mut self, tokens: &impl ToTokens, message: impl Into<String>) {
        self.mistake.get_or_insert_with(|| (tokens.to_token_stream(), message.into()));
    }
}

const BORROWED: &str = "a cached value must own its data, it outlives this call: return an owned type such as \
                        `String` or `Vec<T>`, or share it with `Arc<T>`";

impl Visit<'_> for Finder {
    fn visit_type_reference(&mut self, reference: &TypeReference) {
        if !is_static(reference) {
            self.found(reference, BORROWED);
        } else if self.leaves {
            let message = format!(
                "a value from a shared cache is not borrowed from this program: return an owned type in place of \
                 `{}`, or keep the values in this process with `#[cache::local]`",
                written(reference)
            );
            self.found(reference, message);
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_path_segment(&mut self, segment: &PathSegment) {
        // The type of an error does not matter if the error is not stored.
        if segment.ident == "Result" && !self.with_err {
            if let Some(value) = first_type(segment) {
                self.visit_type(value);
            }
            return;
        }
        // A type that we do not know may not hold its type arguments.
        let known = ["Option", "Result", "Vec", "Box", "Arc"];
        let leaves = self.leaves;
        self.leaves &= known.iter().any(|name| segment.ident == name);
        visit::visit_path_segment(self, segment);
        self.leaves = leaves;
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        if lifetime.ident != "static" {
            self.found(lifetime, BORROWED);
        }
    }

    fn visit_type_impl_trait(&mut self, found: &TypeImplTrait) {
        self.found(
            found,
            "a cached value needs a name: write the concrete type instead of `impl …`",
        );
    }

    // The value does not hold what the function takes and returns.
    fn visit_type_fn_ptr(&mut self, _: &TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &ParenthesizedGenericArguments) {}

    fn visit_trait_bound(&mut self, bound: &TraitBound) {
        // `for<'a>` declares its own lifetimes.
        if bound.lifetimes.is_none() {
            visit::visit_trait_bound(self, bound);
        }
    }
}

/// A type as people write it.
fn written(ty: &impl ToTokens) -> String {
    let spaced = ty.to_token_stream().to_string();
    [("& ", "&"), (" < ", "<"), (" >", ">"), (" ,", ","), ("[ ", "["), (" ]", "]"), (" :: ", "::")]
        .iter()
        .fold(spaced, |text, (from, to)| text.replace(from, to))
}

/// The type inside the invisible groups of `macro_rules!` and inside parentheses.
pub(crate) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Group(inner) => plain(&inner.elem),
        Type::Paren(inner) => plain(&inner.elem),
        other => other,
    }
}

fn is_static(reference: &TypeReference) -> bool {
    reference.mutability.is_none()
        && reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
}

/// `R` of `Pin<Box<dyn Future<Output = R>>>`, `BoxFuture<'_, R>` and `LocalBoxFuture<'_, R>`.
fn boxed_future(ty: &Type) -> Option<&Type> {
    let outer = last_segment(ty)?;
    if outer.ident == "BoxFuture" || outer.ident == "LocalBoxFuture" {
        return first_type(outer);
    }
    let boxed = last_segment(first_type_of(outer, "Pin")?)?;
    match plain(first_type_of(boxed, "Box")?) {
        Type::TraitObject(object) => object.bounds.iter().find_map(future_output),
        _ => None,
    }
}

/// `R` of `impl Future<Output = R> + …`.
fn impl_future(ty: &Type) -> Option<&Type> {
    match ty {
        Type::ImplTrait(found) => found.bounds.iter().find_map(future_output),
        _ => None,
    }
}

fn future_output(bound: &TypeParamBound) -> Option<&Type> {
    let TypeParamBound::Trait(bound) = bound else {
        return None;
    };
    let segment = bound.path.segments.last().filter(|segment| segment.ident == "Future")?;
    arguments(segment).find_map(|argument| match argument {
        GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Output" => Some(ty),
        _ => None,
    })
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match plain(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn first_type_of<'a>(segment: &'a PathSegment, name: &str) -> Option<&'a Type> {
    if segment.ident == name { first_type(segment) } else { None }
}

fn first_type(segment: &PathSegment) -> Option<&Type> {
    arguments(segment).find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn arguments(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    let bracketed = match &segment.arguments {
        PathArguments::AngleBracketed(bracketed) => Some(&bracketed.args),
        _ => None,
    };
    bracketed.into_iter().flatten()
}
