//! Placeholder docs.

mod args;
mod crate_path;
mod diagnostics;
mod duration;
mod expand;
mod fallback;
mod model;
mod signature;

use proc_macro::TokenStream;

use crate::model::{Model, Tier};

#[proc_macro_attribute]
pub fn cache(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Tier::Shared, options.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn local(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Tier::Local, options.into(), item.into()).into()
}

fn attribute(
    tier: Tier,
    options: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    match Model::build(tier, options, item.clone()) {
        Ok(model) => expand::expand(&model),
        Err(error) => fallback::unchanged(item, error),
    }
}
