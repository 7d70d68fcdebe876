//! What the function returns: the value to cache, and how the function hands it over.

use syn::visit::{self, Visit};
use syn::{
    AssocType, GenericArgument, PathArguments, PathSegment, ReturnType, Signature, Type,
    TypeImplTrait, TypeParamBound, TypeReference, parse_quote,
};

/// How the value arrives.
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

/// The value and how it arrives.
pub(crate) struct Returned {
    pub(crate) flavor: Flavor,
    /// The type of the value, without the future around it.
    pub(crate) value: Type,
}

impl Returned {
    /// Without a return type that is the unit, as everywhere in Rust.
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

    /// Why the value cannot be cached, and the type to underline.
    pub(crate) fn mistake(&self) -> Option<(Type, &'static str)> {
        match plain(&self.value) {
            Type::Never(_) => Some((
                self.value.clone(),
                "a function that never returns has no value to cache: remove the attribute",
            )),
            Type::Reference(reference) if !is_static(reference) => Some((
                self.value.clone(),
                "a cached value must own its data, it outlives this call: return an owned type such as \
                 `String` or `Vec<T>`, or share it with `Arc<T>`",
            )),
            value => first_impl_trait(value).map(|found| {
                (
                    Type::ImplTrait(found),
                    "a cached value needs a name: write the concrete type instead of `impl …`",
                )
            }),
        }
    }
}

/// The type inside the invisible groups of `macro_rules!` and inside parentheses.
pub(super) fn plain(ty: &Type) -> &Type {
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

fn first_impl_trait(ty: &Type) -> Option<TypeImplTrait> {
    struct Finder(Option<TypeImplTrait>);
    impl Visit<'_> for Finder {
        fn visit_type_impl_trait(&mut self, found: &TypeImplTrait) {
            self.0.get_or_insert_with(|| found.clone());
        }
    }
    let mut finder = Finder(None);
    visit::visit_type(&mut finder, ty);
    finder.0
}
