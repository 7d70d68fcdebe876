//! The values of `tenant`, `l1` and `on_tamper`.

use proc_macro2::{Ident, Span};
use syn::parse::{Parse, ParseStream};
use syn::{Expr, Lit, Result};

use super::values::{assigned, closure_head, plain, wrong};

/// What this process keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum L1 {
    Sealed,
    Typed,
    Off,
}

/// What happens to an entry that was not sealed for the call.
#[derive(Clone, Copy)]
pub(crate) enum OnTamper {
    Recompute,
    /// An error; the word, to point at.
    Error(Span),
}

pub(super) fn tenant(name: &Ident, input: ParseStream<'_>) -> Result<Expr> {
    const FORMS: &str = "`tenant = account.tenant`, a string";
    let expr = assigned(name, input, FORMS, Expr::parse)?;
    match plain(&expr) {
        Expr::Closure(closure) => Err(wrong(
            closure_head(closure),
            "a tenant is an expression, not a closure: the arguments are in scope, as in `tenant = account.tenant`",
        )),
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) if text.value().is_empty() => {
                Err(wrong(text, "a tenant has a name: without the option, it is `default`"))
            }
            Lit::Str(text) if text.value().len() > 255 => {
                Err(wrong(text, "the name of a tenant has 255 bytes at most"))
            }
            Lit::Str(_) => Ok(expr),
            other => Err(wrong(other, format_args!("a tenant is written {FORMS}"))),
        },
        _ => Ok(expr),
    }
}

pub(super) fn l1(name: &Ident, input: ParseStream<'_>) -> Result<L1> {
    let (word, expr) = word(name, input, "`l1 = sealed`, `l1 = typed` or `l1 = off`")?;
    match word.as_str() {
        "sealed" => Ok(L1::Sealed),
        "typed" => Ok(L1::Typed),
        "off" => Ok(L1::Off),
        _ => Err(wrong(
            &expr,
            "`l1` says what is kept in this process: `sealed` bytes (the default), `typed` values, or `off`, nothing",
        )),
    }
}

pub(super) fn on_tamper(name: &Ident, input: ParseStream<'_>) -> Result<OnTamper> {
    let (word, expr) = word(name, input, "`on_tamper = recompute` or `on_tamper = error`")?;
    match word.as_str() {
        "recompute" => Ok(OnTamper::Recompute),
        "error" => Ok(OnTamper::Error(syn::spanned::Spanned::span(&expr))),
        _ => Err(wrong(
            &expr,
            "`on_tamper` says what an entry leads to that was not sealed for the call: `recompute` (the default) or \
             `error`",
        )),
    }
}

/// A word; an empty one for anything else.
fn word(name: &Ident, input: ParseStream<'_>, forms: &str) -> Result<(String, Expr)> {
    let expr = assigned(name, input, forms, Expr::parse)?;
    let word = match plain(&expr) {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    };
    Ok((word.unwrap_or_default(), expr))
}
