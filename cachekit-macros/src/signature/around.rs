//! What stands around the function, as far as its source file tells.
//!
//! An attribute on a method sees the method and nothing else. But whether another method may stand beside it
//! depends on the block around: an `impl` of a type may have one, an `impl` of a trait may not. So we look at the
//! file. Where that is not possible (code that a macro wrote, Rust before 1.88), nothing is known, and nothing
//! is added.

mod lex;

use proc_macro2::Ident;
use syn::ext::IdentExt;

use self::lex::{Kind, Token};

/// What is known of the block in which the function stands.
#[derive(Default)]
pub(crate) struct Around {
    /// Whether it is an `impl` of a type, without a trait and without attributes that could rewrite it.
    pub(crate) inherent_impl: bool,
    /// The names of types and modules beside the function, with the word that makes them.
    types: Vec<(String, &'static str)>,
}

/// What makes a name among the types.
const ITEMS: [&str; 6] = ["mod", "struct", "enum", "union", "trait", "type"];

/// Attributes on an `impl` that leave it what it is.
const HARMLESS: [&str; 9] = [
    "allow",
    "automatically_derived",
    "cfg",
    "clippy",
    "deny",
    "doc",
    "expect",
    "must_use",
    "warn",
];

impl Around {
    /// Looks at the file in which the function's name stands.
    pub(crate) fn of(function: &Ident) -> Self {
        let span = function.span();
        let Some(file) = span.local_file() else { return Self::default() };
        let Ok(source) = std::fs::read_to_string(file) else { return Self::default() };
        let start = span.start();
        let Some(offset) = offset_of(&source, start.line, start.column) else {
            return Self::default();
        };
        Self::at(&source, offset, &function.to_string())
    }

    /// What is around the name at this place of the source.
    fn at(source: &str, offset: usize, name: &str) -> Self {
        let tokens = lex::tokens(source);
        let written = name.strip_prefix("r#").unwrap_or(name);
        let here = tokens.iter().position(|token| token.at == offset);
        let Some(here) = here.filter(|here| tokens[*here].text == written) else {
            return Self::default();
        };
        // The brace that is open there, and no other kind of bracket within.
        let mut depth = 0_usize;
        let mut open = None;
        for (index, token) in tokens[..here].iter().enumerate().rev() {
            match token.kind {
                Kind::Close => depth += 1,
                Kind::Open if depth > 0 => depth -= 1,
                Kind::Open => {
                    open = Some(index);
                    break;
                }
                _ => {}
            }
        }
        let beside = match open {
            None => &tokens[..],
            Some(index) if tokens[index].text == "{" => &tokens[index + 1..],
            // The arguments of a macro: what becomes of them is not to be seen.
            Some(_) => return Self::default(),
        };
        Self {
            inherent_impl: open.is_some_and(|open| is_inherent_impl(&tokens[..open])),
            types: types(beside),
        }
    }

    /// What has the name among the types: "mod", "struct" and so on.
    pub(crate) fn taken(&self, name: &Ident) -> Option<&'static str> {
        let name = name.unraw().to_string();
        self.types.iter().find(|(taken, _)| *taken == name).map(|(_, item)| *item)
    }
}

/// Where a line and a column, counted in characters, are in the text.
fn offset_of(source: &str, line: usize, column: usize) -> Option<usize> {
    let mut before = 0;
    for (index, text) in source.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            // What the compiler reads does not begin with the mark.
            let mark = if index == 0 && text.starts_with('\u{feff}') { 3 } else { 0 };
            let (at, _) = text[mark..].char_indices().nth(column)?;
            return Some(before + mark + at);
        }
        before += text.len();
    }
    None
}

/// Whether what stands before a brace is the head of an `impl` of a type.
fn is_inherent_impl(before: &[Token<'_>]) -> bool {
    let start = head(before);
    let Some((attributes, head)) = split_attributes(&before[start..]) else { return false };
    let mut head = head;
    while let [first, rest @ ..] = head {
        if !matches!(first.text, "unsafe" | "default" | "const") {
            break;
        }
        head = rest;
    }
    let [first, head @ ..] = head else { return false };
    // In `for<'a>`, the word belongs to a bound.
    let of_a_trait = head.iter().enumerate().any(|(index, token)| {
        token.text == "for"
            && !matches!(&head[index + 1..], [open, lifetime, ..] if open.text == "<" && lifetime.kind == Kind::Lifetime)
    });
    // `$($head)*` can stand for all of it.
    let repeated = head.windows(2).any(|pair| pair[0].text == "$" && pair[1].text == "(");
    first.text == "impl"
        && !of_a_trait
        && !repeated
        && attributes.iter().all(|name| HARMLESS.contains(name))
}

/// Where the item begins whose head these tokens end with.
fn head(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().rev() {
        match token.kind {
            Kind::Close if depth == 0 && token.text == "}" => return index + 1,
            Kind::Close => depth += 1,
            Kind::Open if depth == 0 => return index + 1,
            Kind::Open => depth -= 1,
            _ if depth == 0 && token.text == ";" => return index + 1,
            _ => {}
        }
    }
    0
}

/// The names of the attributes before an item, and the item. `None` if that is not what stands there.
fn split_attributes<'a, 's>(
    mut tokens: &'a [Token<'s>],
) -> Option<(Vec<&'s str>, &'a [Token<'s>])> {
    let mut names = Vec::new();
    while let [hash, rest @ ..] = tokens {
        if hash.text != "#" {
            break;
        }
        let rest = match rest {
            [mark, inner @ ..] if mark.text == "!" => inner,
            outer => outer,
        };
        let [_, name, ..] = rest else { return None };
        names.push(name.text);
        tokens = &rest[closing(rest)? + 1..];
    }
    Some((names, tokens))
}

/// Where the bracket closes that these tokens begin with.
fn closing(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|token| {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// The types and modules of a block, up to its end. Those under a `cfg` may not be there.
fn types(mut tokens: &[Token<'_>]) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    let mut conditional = false;
    while let [token, rest @ ..] = tokens {
        tokens = match token.kind {
            Kind::Close => break,
            Kind::Open => {
                conditional &= token.text != "{";
                match closing(tokens) {
                    Some(end) => &tokens[end + 1..],
                    None => break,
                }
            }
            _ => {
                match (token.text, rest) {
                    (";", _) => conditional = false,
                    ("#", [open, name, ..]) if open.text == "[" => {
                        // An attribute of another name may take the item away as well.
                        conditional |= !HARMLESS.contains(&name.text) && name.text != "derive"
                            || name.text == "cfg";
                    }
                    (word, [name, ..]) if name.kind == Kind::Word && !conditional => {
                        let item = ITEMS.into_iter().find(|item| *item == word);
                        found.extend(item.map(|item| (name.text.to_owned(), item)));
                    }
                    _ => {}
                }
                rest
            }
        };
    }
    found
}

#[cfg(test)]
mod tests;
