//! The value of each option. Every function here reads the tokens after the option's name.

use std::fmt::Display;
use std::time::Duration;

use proc_macro2::{Ident, Span, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseBuffer, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Error, Expr, ExprUnary, Lit, LitInt, LitStr, Path, Result, Token, UnOp, Visibility, token,
};

use crate::crate_path::CratePath;
use crate::duration;

/// How long an entry is served.
pub(crate) enum Lifetime {
    /// A literal: known now, and checked.
    Fixed(Duration, Span),
    /// An expression, evaluated for each value that is stored.
    Computed(Expr),
    /// A closure that reads it from the value.
    FromValue(Expr),
}

pub(crate) enum Capacity {
    Literal(u64, Span),
    Computed(Box<Expr>),
}

/// What a call does while another process runs the function.
pub(crate) enum FillLock {
    /// Runs it too.
    Off,
    /// Waits this long at most.
    Wait(Duration, Span),
}

/// What the receiver adds to the key.
pub(crate) enum SelfKey {
    /// Nothing: all instances share their entries.
    Shared,
    /// The identity of the instance.
    Instance(Ident),
    /// This expression.
    Part(Expr),
}

const TTL_FORMS: &str =
    "`ttl = 60` (seconds), `ttl = \"5m\"`, `ttl = SOME_DURATION` or `ttl = |value| …`";
const NOT_CACHED: &str = "to cache nothing, write `if = |_| false` or remove the attribute";

pub(super) fn ttl(name: &Ident, input: ParseStream<'_>) -> Result<Lifetime> {
    // Inside `ttl(…)` the name is that of an outcome.
    let forms = TTL_FORMS.replace("`ttl =", &format!("`{name} ="));
    let expr = assigned(name, input, &forms, Expr::parse)?;
    match plain(&expr) {
        Expr::Closure(closure) if closure.inputs.len() == 1 => Ok(Lifetime::FromValue(expr)),
        Expr::Closure(closure) => {
            Err(wrong(closure_head(closure), "this closure takes one argument: the value"))
        }
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(seconds) => fixed(seconds, seconds_of(seconds)?),
            Lit::Str(text) => {
                fixed(text, duration::parse(&text.value()).map_err(|why| wrong(text, why))?)
            }
            Lit::Float(number) => Err(wrong(
                number,
                "a TTL is a whole number of seconds; write \"1500ms\" for a second and a half",
            )),
            other => Err(wrong(other, format_args!("a TTL is written {forms}"))),
        },
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr: inner, .. }) if is_number(inner) => {
            Err(wrong(&expr, format_args!("a TTL must be positive; {NOT_CACHED}")))
        }
        _ => Ok(Lifetime::Computed(expr)),
    }
}

/// Like [`ttl`], but `None` has no value that a closure could look at.
pub(super) fn ttl_none(name: &Ident, input: ParseStream<'_>) -> Result<Lifetime> {
    match ttl(name, input)? {
        Lifetime::FromValue(closure) => Err(wrong(
            closure,
            "there is no value in `None` to look at: write `none = 5`, `none = \"5s\"` or an expression",
        )),
        lifetime => Ok(lifetime),
    }
}

fn fixed(literal: impl ToTokens, lifetime: Duration) -> Result<Lifetime> {
    if lifetime.is_zero() {
        return Err(wrong(literal, format_args!("a TTL must be positive; {NOT_CACHED}")));
    }
    Ok(Lifetime::Fixed(lifetime, literal.span()))
}

pub(super) fn seconds_of(literal: &LitInt) -> Result<Duration> {
    whole_number(literal)?;
    let seconds = literal
        .base10_parse::<u64>()
        .map_err(|_| wrong(literal, "this is more seconds than fit in 64 bits"))?;
    Ok(Duration::from_secs(seconds))
}

/// Refuses `60s`, which Rust reads as a number with a suffix.
fn whole_number(literal: &LitInt) -> Result<()> {
    match literal.suffix() {
        "" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64"
        | "i128" | "isize" => Ok(()),
        suffix if duration::parse(&literal.to_string()).is_ok() => Err(wrong(
            literal,
            format_args!(
                "a duration with a unit is written in quotes: \"{}{suffix}\"",
                literal.base10_digits()
            ),
        )),
        _ => Err(wrong(
            literal,
            format_args!("`{literal}` is not a whole number: write all digits, as in 10_000"),
        )),
    }
}

pub(super) fn capacity(name: &Ident, input: ParseStream<'_>) -> Result<Capacity> {
    const FORMS: &str = "`capacity = 10_000` or `capacity = SOME_CONSTANT`";
    let expr = assigned(name, input, FORMS, Expr::parse)?;
    match plain(&expr) {
        Expr::Lit(literal) => {
            let Lit::Int(number) = &literal.lit else {
                return Err(wrong(&expr, format_args!("a capacity is a whole number: {FORMS}")));
            };
            whole_number(number)?;
            match number.base10_parse::<u64>() {
                Ok(0) => Err(wrong(
                    number,
                    format_args!(
                        "a capacity must be positive: a cache of nothing never hits; {NOT_CACHED}"
                    ),
                )),
                Ok(entries) => Ok(Capacity::Literal(entries, number.span())),
                Err(_) => Err(wrong(number, "this capacity does not fit in 64 bits")),
            }
        }
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr: inner, .. }) if is_number(inner) => {
            Err(wrong(&expr, format_args!("a capacity must be positive: {FORMS}")))
        }
        Expr::Closure(closure) => Err(wrong(
            closure_head(closure),
            format_args!("a capacity is known before the first call: {FORMS}"),
        )),
        _ => Ok(Capacity::Computed(Box::new(expr))),
    }
}

/// A closure of `arity` arguments, or the path of a function.
pub(super) fn function(name: &Ident, arity: usize, input: ParseStream<'_>) -> Result<Expr> {
    let (forms, arguments) = match arity {
        1 => {
            (format!("`{name} = |value| …` or `{name} = some_function`"), "one argument: the value")
        }
        _ => (
            format!("`{name} = |key, value| …` or `{name} = some_function`"),
            "two arguments: the key and the value",
        ),
    };
    let expr = assigned(name, input, &forms, Expr::parse)?;
    match plain(&expr) {
        Expr::Closure(closure) if closure.inputs.len() != arity => {
            Err(wrong(closure_head(closure), format_args!("this closure takes {arguments}")))
        }
        Expr::Closure(_) | Expr::Path(_) => Ok(expr),
        other => {
            Err(wrong(other, format_args!("expected a closure or the path of a function: {forms}")))
        }
    }
}

pub(super) fn key(name: &Ident, input: ParseStream<'_>) -> Result<Expr> {
    const FORMS: &str = "`key = id`, or `key = (a, b)` for a key of two parts";
    let expr = assigned(name, input, FORMS, Expr::parse)?;
    match plain(&expr) {
        Expr::Closure(closure) => Err(wrong(
            closure_head(closure),
            "a key is an expression, not a closure: the arguments are in scope, as in `key = user.id`",
        )),
        _ => Ok(expr),
    }
}

pub(super) fn skip(name: &Ident, input: ParseStream<'_>) -> Result<Vec<Ident>> {
    const FORMS: &str = "`skip(db)` or `skip(db, ctx)`";
    if !input.peek(token::Paren) {
        return Err(wrong(name, format_args!("`skip` needs the names of arguments: {FORMS}")));
    }
    let content = parenthesized(input)?;
    // `parse_any` also takes `_`, which stands for the arguments without a name.
    let arguments = content.parse_terminated(Ident::parse_any, Token![,]).map_err(|error| {
        Error::new(error.span(), format_args!("expected the name of an argument: {FORMS}"))
    })?;
    if arguments.is_empty() {
        return Err(wrong(name, format_args!("`skip()` skips nothing: {FORMS}")));
    }
    Ok(arguments.into_iter().collect())
}

const SELF_FORMS: &str = "`self = shared` (every instance gives the same result), `self = instance` (each \
                          instance has entries of its own) or `self = key(self.id)` (this part decides)";

pub(super) fn self_key(name: &Ident, input: ParseStream<'_>) -> Result<SelfKey> {
    assigned(name, input, SELF_FORMS, |input| {
        if !input.peek(token::Paren) {
            return self_meaning(input);
        }
        // `key(self.id)` as an `$e:expr`.
        let content = parenthesized(input)?;
        let meaning = self_meaning(&content)?;
        if content.is_empty() {
            Ok(meaning)
        } else {
            Err(content.error(format_args!("expected {SELF_FORMS}")))
        }
    })
}

fn self_meaning(input: ParseStream<'_>) -> Result<SelfKey> {
    let word = match input.parse()? {
        TokenTree::Ident(word) => word,
        other => return Err(wrong(other, format_args!("expected {SELF_FORMS}"))),
    };
    if word == "shared" {
        Ok(SelfKey::Shared)
    } else if word == "instance" {
        Ok(SelfKey::Instance(word))
    } else if word == "key" && input.peek(token::Paren) {
        let content = parenthesized(input)?;
        let part = if content.is_empty() { None } else { Some(content.parse::<Expr>()?) };
        match part {
            Some(part) if content.is_empty() => Ok(SelfKey::Part(part)),
            Some(_) => {
                Err(content
                    .error("expected one expression; for several write a tuple: `key((a, b))`"))
            }
            None => Err(wrong(
                &word,
                "`key(…)` needs what identifies the instance: `self = key(self.id)`",
            )),
        }
    } else {
        Err(wrong(&word, format_args!("expected {SELF_FORMS}")))
    }
}

pub(super) fn version(name: &Ident, input: ParseStream<'_>) -> Result<u32> {
    let expr = assigned(name, input, "`version = 2`", Expr::parse)?;
    if let Expr::Lit(literal) = plain(&expr)
        && let Lit::Int(number) = &literal.lit
    {
        whole_number(number)?;
        return number.base10_parse().map_err(|_| wrong(number, "a version is at most 4294967295"));
    }
    Err(wrong(&expr, "a version is a whole number, written out: `version = 2`"))
}

pub(super) fn namespace(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    const GRAMMAR: &str = "1 to 64 of the characters A-Z, a-z, 0-9, `.`, `_` and `-`";
    let expr = assigned(name, input, "`namespace = \"my-app\"`", Expr::parse)?;
    let text = match plain(&expr) {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => text.clone(),
            other => return Err(wrong(other, "a namespace is a string: `namespace = \"my-app\"`")),
        },
        other => {
            return Err(wrong(
                other,
                "a namespace is a string, written out: `namespace = \"my-app\"`",
            ));
        }
    };
    let value = text.value();
    let foreign = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if let Some(foreign) = value.chars().find(foreign) {
        return Err(wrong(
            &text,
            format_args!("{foreign:?} cannot be in a namespace: write {GRAMMAR}"),
        ));
    }
    if value.contains("..") {
        return Err(wrong(
            &text,
            "a namespace has no two dots in a row: stores may refuse such keys",
        ));
    }
    if value.is_empty() || value.len() > 64 {
        let count = value.len();
        return Err(wrong(
            &text,
            format_args!("this namespace has {count} characters: write {GRAMMAR}"),
        ));
    }
    Ok(text)
}

pub(super) fn own_cache(name: &Ident, input: ParseStream<'_>) -> Result<Expr> {
    assigned(name, input, "`in = self.users` or `in = USERS`, a `Cache` to use", Expr::parse)
}

pub(super) fn name(name: &Ident, input: ParseStream<'_>) -> Result<Ident> {
    let ahead = input.fork();
    assigned(name, input, "`name = user_cache`", Ident::parse).map_err(|error| {
        // A string is a common mistake, so it gets a specific error.
        let text = ahead.parse::<Token![=]>().and_then(|_| ahead.parse::<LitStr>());
        match text {
            Ok(text) => wrong(
                &text,
                format_args!("a name is written without quotes: `name = {}`", text.value()),
            ),
            Err(_) => Error::new(error.span(), format_args!("{error}: write `name = user_cache`")),
        }
    })
}

pub(super) fn vis(name: &Ident, input: ParseStream<'_>) -> Result<Visibility> {
    const FORMS: &str = "`vis = pub` or `vis = pub(crate)`";
    match assigned(name, input, FORMS, Visibility::parse)? {
        Visibility::Inherited => Err(input.error(format_args!("expected a visibility: {FORMS}"))),
        vis => Ok(vis),
    }
}

pub(super) fn krate(name: &Ident, input: ParseStream<'_>) -> Result<CratePath> {
    const FORMS: &str = "`crate = ::my_reexports::cachekit` or `crate = crate::vendored::cachekit`";
    let path = assigned(name, input, FORMS, |input| {
        Path::parse_mod_style(input)
            .map_err(|error| Error::new(error.span(), format_args!("expected a path: {FORMS}")))
    })?;
    CratePath::new(path)
}

/// The value after `name =`; if there is none, the error names the accepted forms.
pub(super) fn assigned<T>(
    name: &Ident,
    input: ParseStream<'_>,
    forms: &str,
    parse: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
    let equals = input.parse::<Option<Token![=]>>()?;
    if equals.is_none() || input.is_empty() || input.peek(Token![,]) {
        return Err(wrong(name, format_args!("`{name}` needs a value: {forms}")));
    }
    parse(input).map_err(|error| {
        // The end of the input has no span of its own: the error would underline the whole
        // attribute.
        if error.to_string().starts_with("unexpected end of input") {
            wrong(name, format_args!("the value of `{name}` is incomplete; it is written {forms}"))
        } else {
            error
        }
    })
}

pub(super) fn parenthesized(input: ParseStream<'_>) -> Result<ParseBuffer<'_>> {
    let content;
    syn::parenthesized!(content in input);
    Ok(content)
}

/// The expression inside parentheses and inside the invisible groups of `macro_rules!`.
pub(super) fn plain(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(inner) => plain(&inner.expr),
        Expr::Group(inner) => plain(&inner.expr),
        other => other,
    }
}

fn is_number(expr: &Expr) -> bool {
    matches!(plain(expr), Expr::Lit(literal) if matches!(literal.lit, Lit::Int(_) | Lit::Float(_)))
}

/// The `|a, b|` of a closure: the span for an error about the number of arguments.
pub(super) fn closure_head(closure: &syn::ExprClosure) -> impl ToTokens {
    let (begin, inputs, end) = (&closure.inputs_begin, &closure.inputs, &closure.inputs_end);
    quote::quote!(#begin #inputs #end)
}

pub(super) fn wrong(tokens: impl ToTokens, message: impl Display) -> Error {
    Error::new_spanned(tokens, message)
}
