//! Parameters whose names have the same text.
//!
//! A macro can write such a function: to Rust they are different names, because they come from different places. Options
//! name arguments by their text, so they could mean either.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::{Lit, LitStr};

use crate::diagnostics::Errors;
use crate::signature::Parameter;
use crate::template::inline_names;

/// Refuses an option that names an argument by a text that two of them have. `written`: the options.
pub(super) fn check(written: &TokenStream, parameters: &[Parameter], errors: &mut Errors) {
    for (index, parameter) in parameters.iter().enumerate() {
        // Within one pattern a name may stand twice, on both sides of a `|`.
        let before = || parameters[..index].iter().flat_map(|parameter| &parameter.names);
        let twice = parameter.names.iter().find(|name| {
            let text = name.unraw().to_string();
            before().any(|other| other.unraw() == text.as_str()) && names(written, &text)
        });
        if let Some(name) = twice {
            errors.at(
                name,
                format_args!(
                    "two arguments are called `{name}`, one of them by a macro, and an option of the attribute names \
                     `{name}`: it cannot tell which is meant, so give one of them another name"
                ),
            );
        }
    }
}

/// Whether the tokens name an argument of this text, or may: on their own, or in a string.
fn names(tokens: &TokenStream, text: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => names(&group.stream(), text),
        TokenTree::Ident(ident) => ident.unraw() == text,
        TokenTree::Punct(_) => false,
        TokenTree::Literal(literal) => match Lit::new(literal) {
            Lit::Str(string) => is_in(&string, text),
            _ => false,
        },
    })
}

fn is_in(string: &LitStr, text: &str) -> bool {
    inline_names(&string.value()).iter().any(|name| name == text)
}
