//! The values of `stale`, `idle`, `backend`, `fill_lock` and `interop`.

use std::time::Duration;

use proc_macro2::{Ident, Span};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitStr, Result, Token};

use super::FillLock;
use super::values::{assigned, closure_head, plain, seconds_of, wrong};
use crate::duration;

/// The operation that other languages know.
pub(crate) struct Interop {
    pub(crate) operation: LitStr,
    /// Other functions of the program may have it too, if they say so as well.
    pub(crate) shared: bool,
}

pub(super) fn stale(name: &Ident, input: ParseStream<'_>) -> Result<(Duration, Span)> {
    const FORMS: &str = "`stale = \"30s\"` or `stale = 30` (seconds)";
    written_out(name, input, FORMS, "a window for stale values")
}

pub(super) fn idle(name: &Ident, input: ParseStream<'_>) -> Result<(Duration, Span)> {
    const FORMS: &str = "`idle = \"10m\"` or `idle = 600` (seconds)";
    written_out(name, input, FORMS, "a time without use")
}

pub(super) fn interop(name: &Ident, input: ParseStream<'_>) -> Result<Interop> {
    const FORM: &str = "`interop = \"get_user\"`";
    let expr = assigned(name, input, FORM, Expr::parse)?;
    if let Expr::Call(call) = plain(&expr)
        && let Expr::Path(function) = &*call.func
        && function.path.is_ident("shared")
    {
        return match call.args.first().map(plain) {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) if call.args.len() == 1 => {
                Ok(Interop { operation: text.clone(), shared: true })
            }
            _ => Err(wrong(
                call,
                "an operation that several functions have is a string, written out: \
                 `interop = shared(\"get_user\")`",
            )),
        };
    }
    match plain(&expr) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            Ok(Interop { operation: text.clone(), shared: false })
        }
        other => Err(wrong(
            other,
            format_args!(
                "the operation that other languages know is a string, written out: {FORM}"
            ),
        )),
    }
}

pub(super) fn fill_lock(name: &Ident, input: ParseStream<'_>) -> Result<FillLock> {
    const FORMS: &str = "`fill_lock = \"10s\"`, the longest wait, or `fill_lock = off`";
    let ahead = input.fork();
    let off = ahead.parse::<Token![=]>().and_then(|_| ahead.parse::<Ident>());
    if off.is_ok_and(|word| word == "off") {
        input.parse::<Token![=]>()?;
        input.parse::<Ident>()?;
        return Ok(FillLock::Off);
    }
    let (wait, span) = written_out(name, input, FORMS, "a wait")?;
    Ok(FillLock::Wait(wait, span))
}

/// A positive duration that is a literal.
fn written_out(
    name: &Ident,
    input: ParseStream<'_>,
    forms: &str,
    what: &str,
) -> Result<(Duration, Span)> {
    let expr = assigned(name, input, forms, Expr::parse)?;
    let duration = match plain(&expr) {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(seconds) => seconds_of(seconds)?,
            Lit::Str(text) => duration::parse(&text.value()).map_err(|why| wrong(text, why))?,
            other => return Err(wrong(other, format_args!("{what} is written {forms}"))),
        },
        other => return Err(wrong(other, format_args!("{what} is a literal: write {forms}"))),
    };
    if duration.is_zero() {
        return Err(wrong(
            &expr,
            format_args!("{what} must be positive; leave `{name}` out to have none"),
        ));
    }
    Ok((duration, expr.span()))
}

pub(super) fn backend(name: &Ident, input: ParseStream<'_>) -> Result<Expr> {
    const FORMS: &str = "`backend = self.backend` or `backend = SESSIONS`, an `Arc` of a backend";
    let expr = assigned(name, input, FORMS, Expr::parse)?;
    match plain(&expr) {
        Expr::Closure(closure) => Err(wrong(
            closure_head(closure),
            "a backend is an expression, not a closure: the arguments are in scope, as in \
             `backend = tenant.backend()`",
        )),
        Expr::Lit(literal) => Err(wrong(literal, format_args!("a backend is written {FORMS}"))),
        _ => Ok(expr),
    }
}
