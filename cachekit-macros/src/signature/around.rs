//! The code around the function, as far as its source file shows it.
//!
//! An attribute on a method sees only the method. But whether another method may be added next to it
//! depends on the block around: an `impl` of a type may have one, an `impl` of a trait may not. So we look at the
//! file. If that is not possible (code that a macro generated, Rust before 1.88), nothing is known, and nothing
//! is added.

mod lex;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use proc_macro2::Ident;
use syn::ext::IdentExt;

use self::lex::{Kind, Token};

/// What is known of the block around the function.
#[derive(Clone, Default)]
pub(crate) struct Around {
    /// Whether it is an `impl` or a `trait`: the function is one of `Self`, even if its tokens do not show that.
    pub(crate) of_self: bool,
    /// Whether it is an `impl` of a type, without a trait and without attributes that could rewrite it.
    pub(crate) inherent_impl: bool,
    /// What the block leaves open: its type and `const` parameters, and first `Self`, if it is a `trait`.
    pub(crate) parameters: Rc<[BlockParameter]>,
    /// The names of types and modules next to the function, with the keyword that declares them.
    types: Rc<[(String, &'static str)]>,
}

/// A type or `const` parameter of an `impl` or a `trait`.
pub(crate) struct BlockParameter {
    pub(crate) name: String,
    /// Whether `Self` determines it.
    pub(crate) in_self: bool,
}

/// The functions in a source file.
struct File {
    source: String,
    /// Where lines begin.
    lines: Vec<usize>,
    /// By the position of their names: the length of the name, and the code around.
    functions: HashMap<usize, (usize, Around)>,
}

thread_local! {
    /// The file that was read last: the next function is usually in it, too, and reading a long file again for each
    /// would cost most.
    static LAST: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// Keywords that declare a name among the types.
const ITEMS: [&str; 6] = ["mod", "struct", "enum", "union", "trait", "type"];

/// Attributes on an `impl` that do not change it.
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
    /// Looks at the file that contains the function's name.
    pub(crate) fn of(function: &Ident) -> Self {
        let span = function.span();
        let Some(file) = span.local_file() else { return Self::default() };
        let Ok(source) = std::fs::read_to_string(file) else { return Self::default() };
        let start = span.start();
        LAST.with_borrow_mut(|last| {
            // The compiler's server for editors stays alive while the file changes.
            if last.as_ref().is_none_or(|last| last.source != source) {
                *last = Some(File::read(source));
            }
            let around = last.as_ref()?.around(start.line, start.column, &function.to_string());
            Some(around)
        })
        .unwrap_or_default()
    }

    /// Which kind of item has the name among the types: "mod", "struct" and so on.
    pub(crate) fn taken(&self, name: &Ident) -> Option<&'static str> {
        let name = name.unraw().to_string();
        self.types.iter().find(|(taken, _)| *taken == name).map(|(_, item)| *item)
    }
}

impl File {
    fn read(source: String) -> Self {
        let ends = source.match_indices('\n').map(|(end, _)| end + 1);
        let lines = [0].into_iter().chain(ends).collect();
        let functions = functions(&lex::tokens(&source));
        Self { source, lines, functions }
    }

    /// The code around the function whose name is at this position.
    fn around(&self, line: usize, column: usize, name: &str) -> Around {
        self.offset(line, column).map(|at| self.at(at, name)).unwrap_or_default()
    }

    /// The offset in the text of a line and a column, counted in characters.
    fn offset(&self, line: usize, column: usize) -> Option<usize> {
        let start = *self.lines.get(line.checked_sub(1)?)?;
        // The compiler's positions do not count the byte order mark.
        let mark = if start == 0 && self.source.starts_with('\u{feff}') { 3 } else { 0 };
        let (at, _) = self.source[start + mark..].char_indices().nth(column)?;
        Some(start + mark + at)
    }

    fn at(&self, offset: usize, name: &str) -> Around {
        let Some((length, around)) = self.functions.get(&offset) else { return Around::default() };
        let written = &self.source[offset..][..*length];
        let bare = |name: &'_ str| name.strip_prefix("r#").unwrap_or(name).len();
        let same = written[written.len() - bare(written)..] == name[name.len() - bare(name)..];
        if same { around.clone() } else { Around::default() }
    }
}

/// The functions of a file, by the position of their names.
fn functions(tokens: &[Token<'_>]) -> HashMap<usize, (usize, Around)> {
    let mut found = HashMap::new();
    let mut blocks = HashMap::new();
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => open.push(index),
            Kind::Close => drop(open.pop()),
            Kind::Word if index > 0 && tokens[index - 1].text == "fn" => {
                let block = open.last().copied();
                let around = blocks.entry(block).or_insert_with(|| block_at(tokens, block));
                found.insert(token.at, (token.length, Around::clone(around)));
            }
            _ => {}
        }
    }
    found
}

/// The block that opens there; `None`: the file itself.
fn block_at(tokens: &[Token<'_>], open: Option<usize>) -> Around {
    let beside = match open {
        None => tokens,
        Some(index) if tokens[index].text == "{" => &tokens[index + 1..],
        // The arguments of a macro, whose expansion is unknown.
        Some(_) => return Around::default(),
    };
    let item = open.and_then(|open| item(&tokens[..open]));
    Around {
        of_self: item.as_ref().is_some_and(|(_, head)| is_block_of_self(head)),
        parameters: item.as_ref().map(|(_, head)| parameters(head)).unwrap_or_default().into(),
        inherent_impl: item.is_some_and(|(attributes, head)| is_inherent_impl(&attributes, head)),
        types: types(beside).into(),
    }
}

/// The item whose head ends with these tokens: the names of its attributes, and the head without the words that may
/// come before its keyword.
fn item<'a, 's>(before: &'a [Token<'s>]) -> Option<(Vec<&'s str>, &'a [Token<'s>])> {
    let (attributes, mut head) = split_attributes(&before[head(before)..])?;
    while let [first, rest @ ..] = head {
        head = match (first.text, rest) {
            // `pub(crate)`
            ("pub", [open, ..]) if open.text == "(" => rest.get(closing(rest)? + 1..)?,
            ("pub" | "unsafe" | "default" | "const" | "auto", _) => rest,
            _ => break,
        };
    }
    Some((attributes, head))
}

/// Whether this is the head of an `impl` or a `trait`.
fn is_block_of_self(head: &[Token<'_>]) -> bool {
    head.first().is_some_and(|first| matches!(first.text, "impl" | "trait"))
}

/// The type and `const` parameters of the block with this head.
fn parameters(head: &[Token<'_>]) -> Vec<BlockParameter> {
    let (mut found, generics) = match head {
        [first, generics @ ..] if first.text == "impl" => (Vec::new(), generics),
        [first, _, generics @ ..] if first.text == "trait" => {
            (vec![BlockParameter { name: "Self".to_owned(), in_self: true }], generics)
        }
        _ => return Vec::new(),
    };
    let (names, rest) = declared(generics);
    let of_self = match of_a_trait(rest) {
        Some(at) => &rest[at + 1..],
        None => rest,
    };
    let is_trait = !found.is_empty();
    let end = of_self.iter().position(|token| token.text == "where").unwrap_or(of_self.len());
    let of_self = &of_self[..end];
    found.extend(names.into_iter().map(|name| BlockParameter {
        name: name.to_owned(),
        in_self: !is_trait && of_self.iter().any(|token| token.text == name),
    }));
    found
}

/// The names that `<…>` at the start of these tokens declares, without lifetimes, and the tokens after it.
fn declared<'a, 's>(tokens: &'a [Token<'s>]) -> (Vec<&'s str>, &'a [Token<'s>]) {
    let mut names = Vec::new();
    let (mut depth, mut brackets) = (0_usize, 0_usize);
    let mut begins = false;
    for (index, token) in tokens.iter().enumerate() {
        match (token.kind, token.text) {
            (Kind::Open, _) => brackets += 1,
            (Kind::Close, _) => brackets = brackets.saturating_sub(1),
            _ if brackets > 0 => {}
            (_, "<") => {
                depth += 1;
                begins = depth == 1;
            }
            // The end of `->`.
            (_, ">") if index > 0 && tokens[index - 1].text == "-" => {}
            (_, ">") if depth > 1 => depth -= 1,
            (_, ">") => return (names, &tokens[index + 1..]),
            // A fragment of a macro: what it stands for is unknown.
            (_, "$") if depth > 0 => return (Vec::new(), &[]),
            _ if depth == 0 => break,
            (_, ",") if depth == 1 => begins = true,
            (Kind::Lifetime, _) => begins = false,
            (Kind::Word, name) if begins && name != "const" => {
                names.push(name);
                begins = false;
            }
            _ => {}
        }
    }
    (Vec::new(), tokens)
}

/// The position of the `for` between a trait and its type. In `for<'a>`, the keyword belongs to a bound.
fn of_a_trait(head: &[Token<'_>]) -> Option<usize> {
    head.iter().enumerate().position(|(index, token)| {
        token.text == "for"
            && !matches!(&head[index + 1..], [open, lifetime, ..] if open.text == "<" && lifetime.kind == Kind::Lifetime)
    })
}

/// Whether this is the head of an `impl` of a type.
fn is_inherent_impl(attributes: &[&str], head: &[Token<'_>]) -> bool {
    let [first, head @ ..] = head else { return false };
    // `$($head)*` can stand for all of it.
    let repeated = head.windows(2).any(|pair| pair[0].text == "$" && pair[1].text == "(");
    first.text == "impl"
        && of_a_trait(head).is_none()
        && !repeated
        && attributes.iter().all(|name| HARMLESS.contains(name))
}

/// The beginning of the item whose head these tokens end with.
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

/// The names of the attributes before an item, and the item. `None` if these tokens are something else.
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

/// The position of the bracket that closes the first one.
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

/// The types and modules of a block, up to its end. Those under a `cfg` may not exist.
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
                        // An attribute with another name may also remove the item.
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
