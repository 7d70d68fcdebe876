//! Sealed values: the code around the shape of the return type.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;

use super::spans::{Extent, located};
use crate::args::{L1, OnTamper};
use crate::model::{Model, Tier};
use crate::names::ours;

/// Makes the shape that of a sealed function, after the usual checks.
pub(super) fn wrap_shape(model: &Model) -> TokenStream {
    // A function with `interop` can refuse calls, too: for an argument that other languages cannot
    // represent.
    let is_sealed = model.tier == Tier::Secure;
    if !is_sealed && model.options.interop.is_none() {
        return TokenStream::new();
    }
    let at = Extent::of(&model.returned.value);
    let private = model.krate.private(at.start);
    let value = &model.returned.value;
    let kind = match model.options.l1 {
        L1::Sealed if is_sealed => "sealed",
        L1::Sealed | L1::Typed | L1::Off => "typed",
    };
    let kind = Ident::new(kind, at.end);
    let check = match model.options.on_tamper {
        OnTamper::Recompute => TokenStream::new(),
        OnTamper::Error(word) => {
            let word = located(word);
            let on_word = model.krate.private(word);
            // With the span of the option, so that errors are reported there.
            let returned = ours("returned", word);
            quote_spanned! {word=>
                let #returned = #private::Refusing::<#value>::new();
                #on_word::check_on_tamper(#returned);
            }
        }
    };
    let shape = ours("shape", at.start);
    quote_spanned! {at.start=>
        #check
        let #shape = #private::#kind(#shape, {
            use #private::refusing::*;
            (&#private::Refusing::<#value>::new()).__cachekit_refuse()
        });
    }
}
