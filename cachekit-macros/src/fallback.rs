//! What is emitted when something is wrong.

use proc_macro2::TokenStream;

/// The user's item exactly as written, next to the errors.
///
/// Keeping the item means that its callers still find it, so that one mistake in an attribute does
/// not turn into a page of "cannot find function".
pub(crate) fn unchanged(mut item: TokenStream, error: syn::Error) -> TokenStream {
    item.extend(error.into_compile_error());
    item
}
