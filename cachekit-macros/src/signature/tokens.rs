//! Questions to tokens that nobody parses.

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};
use quote::ToTokens;
use syn::LitStr;

use crate::template::inline_names;

/// Whether `word` stands anywhere in the tokens, also inside macros and in the texts they may fill in.
pub(crate) fn mentions(tokens: impl ToTokens, word: &str) -> bool {
    any(tokens.into_token_stream(), &mut |token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Literal(literal) => fills_in(literal, word),
        _ => false,
    })
}

/// Whether it is a text like `"{word}"`.
fn fills_in(literal: &Literal, word: &str) -> bool {
    let word = word.strip_prefix("r#").unwrap_or(word);
    syn::parse2::<LitStr>(TokenTree::from(literal.clone()).into())
        .is_ok_and(|text| inline_names(&text.value()).iter().any(|name| name == word))
}

fn any(tokens: TokenStream, holds: &mut impl FnMut(&TokenTree) -> bool) -> bool {
    tokens.into_iter().any(|token| match &token {
        TokenTree::Group(group) => any(group.stream(), holds),
        _ => holds(&token),
    })
}

/// Whether `Self` is used, which only happens inside an `impl` or a `trait`.
///
/// Items that bring a `Self` of their own do not count: a free function may hold a whole `impl`.
pub(crate) fn mentions_self_type(tokens: impl ToTokens) -> bool {
    let mut own_self = false;
    for token in tokens.into_token_stream() {
        match token {
            TokenTree::Ident(ident) if ident == "Self" && !own_self => return true,
            TokenTree::Ident(ident) if brings_self(&ident.to_string()) => own_self = true,
            // `impl Trait` in a type, `struct Unit;`, `trait` as a fragment: the item is over.
            TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',' | '=') => {
                own_self = false;
            }
            TokenTree::Group(group) if own_self && group.delimiter() == Delimiter::Brace => {
                own_self = false;
            }
            TokenTree::Group(group) if !own_self && mentions_self_type(group.stream()) => {
                return true;
            }
            _ => {}
        }
    }
    false
}

fn brings_self(word: &str) -> bool {
    matches!(word, "impl" | "trait" | "struct" | "enum")
}
