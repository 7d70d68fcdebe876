//! Names of bindings and parameters in generated code.

use proc_macro2::{Ident, Span};
use quote::format_ident;

/// A name for a binding, a parameter or a type parameter of ours.
///
/// Hygiene does not protect a pattern from the user's items: `let value = …` matches against a constant `value` that is in
/// scope. So every name that generated code binds comes from here, and is none that a user would write.
pub(crate) fn ours(what: &str, span: Span) -> Ident {
    format_ident!("cachekit_own_{what}", span = span)
}
