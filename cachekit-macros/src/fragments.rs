//! Fragments of `macro_rules!`: what arrives in groups without delimiters, given its meaning back.
//!
//! `$e:expr`, `$t:ty`, `$b:block` and most others arrive as groups without delimiters. The compiler respects such
//! a group as long as it passes through untouched. When a macro emits the group anew, the compiler reads the bare
//! tokens, and `10 * $e` with `a + b` becomes `10 * a + b`. So every such group is opened here, once, before
//! anything is parsed: it becomes parentheses where precedence could change it, and its bare tokens elsewhere.
//! After this step there are none in the options and in the signature. Bodies are never opened, and stay correct
//! by themselves.

use proc_macro2::{Delimiter, Group, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::{Expr, Item, Pat, Type, TypeParamBound, punctuated::Punctuated};

/// The options of an attribute without such groups.
pub(crate) fn options(tokens: TokenStream) -> TokenStream {
    opened(tokens)
}

/// An item without such groups outside its body.
pub(crate) fn item(tokens: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    // The last token is the body as `$b:block`, or the whole item as `$f:item`.
    while let Some(TokenTree::Group(last)) = tokens.last() {
        if last.delimiter() != Delimiter::None {
            break;
        }
        let inner = last.stream();
        tokens.pop();
        tokens.extend(inner);
    }
    let is_body = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    let body = if tokens.last().is_some_and(is_body) { tokens.pop() } else { None };
    let mut signature = opened(tokens.into_iter().collect());
    signature.extend(body);
    signature
}

/// The statements of a body that had to be opened. Groups inside them are left alone.
pub(crate) fn statements(tokens: TokenStream) -> TokenStream {
    each(tokens, &|inner| inner)
}

fn opened(tokens: TokenStream) -> TokenStream {
    if has_fragments(&tokens) { each(tokens, &opened) } else { tokens }
}

fn has_fragments(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => {
            group.delimiter() == Delimiter::None || has_fragments(&group.stream())
        }
        _ => false,
    })
}

/// Opens the groups among the tokens; `inside` applies to the content of groups.
fn each(tokens: TokenStream, inside: &dyn Fn(TokenStream) -> TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut emitted: Vec<TokenTree> = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            emitted.push(token.clone());
            continue;
        };
        if group.delimiter() == Delimiter::None {
            let neighbours = Neighbours { before: emitted.last(), after: &tokens[index + 1..] };
            let inner = neighbours.open(group.span(), inside(group.stream()));
            emitted.extend(inner);
        } else if is_attribute(group, &emitted) {
            emitted.push(regrouped(group, flattened(group.stream())));
        } else {
            emitted.push(regrouped(group, inside(group.stream())));
        }
    }
    emitted.into_iter().collect()
}

fn regrouped(group: &Group, inner: TokenStream) -> TokenTree {
    if !has_fragments(&group.stream()) {
        return TokenTree::Group(group.clone());
    }
    let mut regrouped = Group::new(group.delimiter(), inner);
    regrouped.set_span(group.span());
    TokenTree::Group(regrouped)
}

/// Whether a group is that of `#[…]` or `#![…]`. Its content is not an expression.
fn is_attribute(group: &Group, before: &[TokenTree]) -> bool {
    let is = |index: usize, sign: char| {
        let token = before.len().checked_sub(index).and_then(|index| before.get(index));
        matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
    };
    group.delimiter() == Delimiter::Bracket && (is(1, '#') || (is(1, '!') && is(2, '#')))
}

/// Bare tokens throughout.
fn flattened(tokens: TokenStream) -> TokenStream {
    let bare = |token: TokenTree| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            flattened(group.stream())
        }
        TokenTree::Group(group) => regrouped(&group, flattened(group.stream())).into(),
        other => other.into(),
    };
    tokens.into_iter().flat_map(bare).collect()
}

/// The tokens around a fragment.
struct Neighbours<'a> {
    before: Option<&'a TokenTree>,
    after: &'a [TokenTree],
}

impl Neighbours<'_> {
    fn open(&self, span: Span, inner: TokenStream) -> TokenStream {
        let at = Span::mixed_site().located_at(span);
        let parentheses = || {
            let mut group = Group::new(Delimiter::Parenthesis, inner.clone());
            group.set_span(at);
            TokenTree::Group(group).into()
        };
        let tokens: Vec<TokenTree> = inner.clone().into_iter().collect();
        let is_ident = matches!(tokens.as_slice(), [TokenTree::Ident(_)]);
        if tokens.is_empty() {
            // An empty `$v:vis`. As the value of an option it would be missing.
            return if self.before_is(&['=']) { quote_spanned!(at=> pub(self)) } else { inner };
        }
        if self.path_follows() && !is_ident {
            // `$t::new()`, for types that are not plain names.
            return if parses::<Type>(&inner) { quote!(<#inner>) } else { parentheses() };
        }
        if self.before_is_word("as") && self.after_is(&['<']) {
            // `x as $t < y` would begin the arguments of a generic type.
            return parentheses();
        }
        if matches!(&tokens[0], TokenTree::Ident(word) if word == "let") && !self.after_is(&[';']) {
            // A whole statement, which as `$s:stmt` needs no semicolon.
            return quote_spanned!(at=> #inner;);
        }
        if tokens.len() == 1 || starts_bare(&tokens[0]) {
            return inner;
        }
        if is_negative(&tokens) {
            // Also a pattern and the argument of a generic type, where parentheses are not allowed.
            let binds_tighter = self.after_is(&['.', '?']) || self.operates_on_groups();
            return if binds_tighter { parentheses() } else { inner };
        }
        match syn::parse2::<Type>(inner.clone()) {
            Ok(Type::Path(_)) => return inner,
            Ok(ty) if !parses::<Expr>(&inner) => {
                return if self.binds_types() && has_plus(&ty) { parentheses() } else { inner };
            }
            _ => {}
        }
        if parses::<Expr>(&inner) {
            return parentheses();
        }
        match Pat::parse_multi.parse2(inner.clone()) {
            Ok(Pat::Or(_)) => parentheses(),
            Ok(_) => inner,
            Err(_) if parses::<Item>(&inner) => inner,
            // Bare tokens might change their meaning: with these, at worst it does not compile.
            Err(_) => parentheses(),
        }
    }

    fn before_is(&self, signs: &[char]) -> bool {
        matches!(self.before, Some(TokenTree::Punct(punct)) if signs.contains(&punct.as_char()))
    }

    fn before_is_word(&self, word: &str) -> bool {
        matches!(self.before, Some(TokenTree::Ident(ident)) if ident == word)
    }

    fn after_is(&self, signs: &[char]) -> bool {
        matches!(self.after, [TokenTree::Punct(punct), ..] if signs.contains(&punct.as_char()))
    }

    /// A call or an index.
    fn operates_on_groups(&self) -> bool {
        matches!(self.after, [TokenTree::Group(group), ..] if group.delimiter() != Delimiter::Brace)
    }

    fn path_follows(&self) -> bool {
        let colon = |punct: &Punct| punct.as_char() == ':';
        matches!(self.after, [TokenTree::Punct(first), TokenTree::Punct(second), ..]
            if colon(first) && first.spacing() == Spacing::Joint && colon(second))
    }

    /// After `&`, `&'a`, `&mut`, `*const` and `as`, a type ends before a `+`.
    fn binds_types(&self) -> bool {
        self.before_is(&['&']) || matches!(self.before, Some(TokenTree::Ident(_)))
    }
}

fn parses<T: syn::parse::Parse>(tokens: &TokenStream) -> bool {
    syn::parse2::<T>(tokens.clone()).is_ok()
}

/// A visibility, a statement with `let`, a lifetime.
fn starts_bare(first: &TokenTree) -> bool {
    match first {
        TokenTree::Ident(word) => word == "pub" || word == "let",
        TokenTree::Punct(sign) => sign.as_char() == '\'',
        _ => false,
    }
}

/// `-1` as `$l:literal`, or as an expression.
fn is_negative(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(minus), TokenTree::Literal(_)] if minus.as_char() == '-')
}

/// `dyn A + B` and `impl A + B`.
fn has_plus(ty: &Type) -> bool {
    let several = |bounds: &Punctuated<TypeParamBound, _>| bounds.len() > 1;
    match ty {
        Type::TraitObject(object) => several(&object.bounds),
        Type::ImplTrait(found) => several(&found.bounds),
        _ => false,
    }
}
