//! The path of the runtime: `::cachekit` unless `crate = …` names another one.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{Path, Token, parse_quote};

/// An absolute path to the runtime crate.
pub(crate) struct CratePath(Path);

impl CratePath {
    /// Accepts a path that means the same wherever the generated code is.
    pub(crate) fn new(path: Path) -> syn::Result<Self> {
        let first = path.segments.first().map(|segment| segment.ident.to_string());
        // `$crate` is what `crate` becomes inside a `macro_rules!` macro.
        let in_this_crate = matches!(first.as_deref(), Some("crate" | "$crate"));
        if path.leading_colon.is_some() || in_this_crate {
            return Ok(CratePath(path));
        }
        let written = path.to_token_stream().to_string().replace(' ', "");
        let advice = match first.as_deref() {
            Some("self" | "super" | "Self") => {
                "start at the crate's root, `crate = crate::…`".to_owned()
            }
            _ => format!(
                "write `crate = ::{written}` for a crate of that name, or `crate = crate::…` for \
                 something in this crate"
            ),
        };
        Err(syn::Error::new_spanned(
            &path,
            format_args!("the path must mean the same everywhere: {advice}"),
        ))
    }

    /// `::cachekit::name`, located at `span`, so that an error there underlines the user's code.
    pub(crate) fn public(&self, name: &'static str, span: Span) -> Item<'_> {
        Item { krate: &self.0, name, span }
    }

    /// `::cachekit::__private`, located at `span`.
    pub(crate) fn private(&self, span: Span) -> Item<'_> {
        self.public("__private", span)
    }
}

/// The path of an item of the runtime. It is written token by token where it stands, and not as a stream of its own: each
/// stream in another one is a conversation with the compiler.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    krate: &'a Path,
    name: &'static str,
    span: Span,
}

impl ToTokens for Item<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let colons = Token![::](self.span);
        if self.krate.leading_colon.is_some() {
            colons.to_tokens(tokens);
        }
        for segment in &self.krate.segments {
            let mut segment = segment.ident.clone();
            // Its location changes, its meaning does not: `$crate` depends on its hygiene.
            segment.set_span(self.span.resolved_at(segment.span()));
            segment.to_tokens(tokens);
            colons.to_tokens(tokens);
        }
        Ident::new(self.name, self.span).to_tokens(tokens);
    }
}

impl Default for CratePath {
    fn default() -> Self {
        CratePath(parse_quote!(::cachekit))
    }
}
