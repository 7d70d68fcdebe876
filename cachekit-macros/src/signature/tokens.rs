//! Searches in tokens that are not parsed.

use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// Where a path begins with `name`, as in `name::Type`, unless the next part is one of `known`; or `None`, if
/// the tokens declare something of that name themselves.
pub(crate) fn begins_path(tokens: TokenStream, name: &Ident, known: &[&str]) -> Option<Ident> {
    let flat = flattened(tokens);
    let is = |token: Option<&TokenTree>, text: &str| match token {
        Some(TokenTree::Punct(punct)) => text.len() == 1 && text.starts_with(punct.as_char()),
        Some(TokenTree::Ident(ident)) => ident == text,
        _ => false,
    };
    let colons = |at: usize| is(flat.get(at), ":") && is(flat.get(at + 1), ":") && joint(&flat[at]);
    let mut found = None;
    let mut importing = false;
    for (at, token) in flat.iter().enumerate() {
        importing = importing && !is(Some(token), ";") || is(Some(token), "use");
        let TokenTree::Ident(ident) = token else { continue };
        if ident != name {
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| flat.get(before));
        // `&'name ::std::primitive::str`, `break 'name ::core::mem::take(x)`.
        if is(before, "'") {
            continue;
        }
        let makes_it = ["mod", "struct", "enum", "union", "trait", "type", "as"];
        let leaf = importing && !colons(at + 1) && !is(flat.get(at + 1), "as");
        if leaf || makes_it.into_iter().any(|word| is(before, word)) {
            return None;
        }
        let is_first = !(at >= 2 && colons(at - 2));
        let next = flat.get(at + 3);
        let goes_on = colons(at + 1)
            && match next {
                Some(TokenTree::Ident(next)) => !known.iter().any(|known| next == known),
                // In an import: `name::{…}` and `name::*`.
                Some(TokenTree::Group(_)) => true,
                next => is(next, "*") && importing,
            };
        if is_first && goes_on && found.is_none() {
            found = Some(ident.clone());
        }
    }
    found
}

fn joint(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint)
}

/// All tokens in one sequence. A group comes before its contents, because its end does not matter.
fn flattened(tokens: TokenStream) -> Vec<TokenTree> {
    let mut flat = Vec::new();
    for token in tokens {
        match &token {
            // A fragment of a macro: the group itself is ignored.
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                flat.extend(flattened(group.stream()));
            }
            TokenTree::Group(group) => {
                let inner = flattened(group.stream());
                flat.push(token.clone());
                flat.extend(inner);
            }
            _ => flat.push(token),
        }
    }
    flat
}

/// Whether `Self` is used, which only happens inside an `impl` or a `trait`.
///
/// Items that declare their own `Self` do not count: a free function may contain a whole `impl`.
pub(crate) fn mentions_self_type(tokens: impl ToTokens) -> bool {
    let mut head: Option<Head> = None;
    for token in tokens.into_token_stream() {
        if let Some(of_item) = &mut head {
            if of_item.ends_at(&token) {
                head = None;
            }
            continue;
        }
        match token {
            TokenTree::Ident(ident) if ident == "Self" => return true,
            TokenTree::Ident(ident) if brings_self(&ident.to_string()) => {
                head = Some(Head::default());
            }
            TokenTree::Group(group) if mentions_self_type(group.stream()) => return true,
            _ => {}
        }
    }
    false
}

/// What was read of an item that declares its own `Self`, before its braces.
#[derive(Default)]
struct Head {
    /// How many `<` are open.
    angles: usize,
    in_where: bool,
    /// Whether the next `>` is the end of an arrow.
    arrow: bool,
}

impl Head {
    /// Whether the item is over, with its braces or without: `impl Trait` in a type, `struct Unit;`, `trait` as a fragment.
    fn ends_at(&mut self, token: &TokenTree) -> bool {
        let arrow = std::mem::take(&mut self.arrow);
        match token {
            TokenTree::Ident(word) => {
                self.in_where |= word == "where";
                false
            }
            // Between `<` and `>` it is the value of a `const` parameter.
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && self.angles == 0,
            TokenTree::Literal(_) => false,
            TokenTree::Punct(punct) => {
                self.arrow =
                    matches!(punct.as_char(), '-' | '=') && punct.spacing() == Spacing::Joint;
                match punct.as_char() {
                    ';' => return true,
                    ',' => return self.angles == 0 && !self.in_where,
                    '=' => return self.angles == 0,
                    '<' => self.angles += 1,
                    '>' if !arrow => self.angles = self.angles.saturating_sub(1),
                    _ => {}
                }
                false
            }
        }
    }
}

fn brings_self(word: &str) -> bool {
    matches!(word, "impl" | "trait" | "struct" | "enum")
}
