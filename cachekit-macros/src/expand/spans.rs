//! Spans of generated code: an error in it underlines what the user wrote.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{Type, Visibility};

/// The first and the last token of something the user wrote. An expression whose tokens carry these
/// two spans is underlined from one end to the other.
pub(super) struct Extent {
    pub(super) start: Span,
    pub(super) end: Span,
}

impl Extent {
    pub(super) fn of(tokens: &impl ToTokens) -> Self {
        let mut tokens = tokens.to_token_stream().into_iter().map(|token| token.span());
        let start = tokens.next().unwrap_or_else(Span::mixed_site);
        let end = tokens.last().unwrap_or(start);
        Extent { start: located(start), end: located(end) }
    }
}

/// The one token that represents a type best, for errors that can underline only one.
pub(super) fn heart(ty: &Type) -> Span {
    match ty {
        Type::Path(path) if path.qself.is_none() => match path.path.segments.last() {
            Some(last) => located(last.ident.span()),
            None => Extent::of(ty).start,
        },
        Type::Group(inner) => heart(&inner.elem),
        Type::Paren(inner) => heart(&inner.elem),
        Type::Reference(reference) => heart(&reference.elem),
        other => Extent::of(other).start,
    }
}

/// The user's location with our hygiene: identifiers neither see nor shadow those of the user, and
/// lints know that the user did not write this.
pub(super) fn located(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// The same name, as one that we wrote. It means the same, if it names an item.
pub(super) fn relocated(name: &Ident) -> Ident {
    let mut name = name.clone();
    name.set_span(located(name.span()));
    name
}

/// The same visibility, as one that we wrote: the item's span begins with it, and is that of the item's name.
pub(super) fn visibility(vis: &Visibility, name: &Ident) -> Visibility {
    let mut vis = vis.clone();
    match &mut vis {
        Visibility::Public(public) => public.span = located(name.span()),
        Visibility::Restricted(restricted) => {
            restricted.pub_token.span = located(name.span());
        }
        Visibility::Inherited => {}
    }
    vis
}
