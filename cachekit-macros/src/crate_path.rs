//! The path of the runtime: `::cachekit` unless `crate = …` names another one.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, parse_quote};

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
    pub(crate) fn public(&self, name: &str, span: Span) -> TokenStream {
        let name = Ident::new(name, span);
        let path = self.located(span);
        quote_spanned!(span=> #path::#name)
    }

    /// `::cachekit::__private`, located at `span`.
    pub(crate) fn private(&self, span: Span) -> TokenStream {
        self.public("__private", span)
    }

    fn located(&self, span: Span) -> TokenStream {
        let mut path = self.0.clone();
        if let Some(colons) = &mut path.leading_colon {
            colons.spans = [span; 2];
        }
        for pair in path.segments.pairs_mut() {
            let (segment, colons) = pair.into_tuple();
            if let Some(colons) = colons {
                colons.spans = [span; 2];
            }
            // Its location changes, its meaning does not: `$crate` depends on its hygiene.
            segment.ident.set_span(span.resolved_at(segment.ident.span()));
        }
        quote!(#path)
    }
}

impl Default for CratePath {
    fn default() -> Self {
        CratePath(parse_quote!(::cachekit))
    }
}
