//! What is emitted when something is wrong.

use proc_macro2::TokenStream;
use quote::quote;

/// The user's item exactly as written, next to the errors.
///
/// Keeping the item means that its callers still find it, so that one mistake in an attribute does
/// not turn into a page of "cannot find function". Its arguments may have been meant only for the key.
pub(crate) fn unchanged(item: TokenStream, error: &syn::Error) -> TokenStream {
    let mut emitted = quote!(#[allow(unused_variables)]);
    emitted.extend(item);
    emitted.extend(error.to_compile_error());
    emitted
}
