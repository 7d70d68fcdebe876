//! The arguments of the attribute: reads every option and collects all mistakes.

mod elsewhere;
mod secure;
mod sharing;
mod values;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, LitStr, Token, Visibility, token};

use crate::crate_path::CratePath;
use crate::diagnostics::{Errors, Slot};

#[cfg(test)]
pub(crate) use elsewhere::words;
pub(crate) use secure::{L1, OnTamper};
pub(crate) use sharing::Interop;
pub(crate) use values::{Capacity, FillLock, Lifetime, SelfKey};

/// All options, in the order in which the documentation introduces them.
pub(crate) const OPTIONS: [&str; 21] = [
    "ttl",
    "stale",
    "idle",
    "capacity",
    "weight",
    "key",
    "skip",
    "self",
    "if",
    "version",
    "namespace",
    "backend",
    "fill_lock",
    "interop",
    "tenant",
    "l1",
    "on_tamper",
    "in",
    "name",
    "vis",
    "crate",
];

/// The options as written. The model checks whether they fit together and fit the function.
pub(crate) struct Args {
    /// Which of `ttl = …` and `ttl(…)` was written, if any.
    ttl: Slot<()>,
    pub(crate) ttl_ok: Slot<Lifetime>,
    pub(crate) ttl_none: Slot<Lifetime>,
    pub(crate) ttl_err: Slot<Lifetime>,
    pub(crate) stale: Slot<(std::time::Duration, proc_macro2::Span)>,
    pub(crate) idle: Slot<(std::time::Duration, proc_macro2::Span)>,
    pub(crate) capacity: Slot<Capacity>,
    pub(crate) weight: Slot<Expr>,
    pub(crate) key: Slot<Expr>,
    pub(crate) skip: Slot<Vec<Ident>>,
    pub(crate) self_key: Slot<SelfKey>,
    pub(crate) condition: Slot<Expr>,
    pub(crate) version: Slot<u32>,
    pub(crate) namespace: Slot<LitStr>,
    pub(crate) backend: Slot<Expr>,
    pub(crate) fill_lock: Slot<FillLock>,
    pub(crate) interop: Slot<Interop>,
    pub(crate) tenant: Slot<Expr>,
    pub(crate) l1: Slot<L1>,
    pub(crate) on_tamper: Slot<OnTamper>,
    pub(crate) own_cache: Slot<Expr>,
    pub(crate) name: Slot<Ident>,
    pub(crate) vis: Slot<Visibility>,
    pub(crate) krate: Slot<CratePath>,
}

impl Args {
    /// Reads all options, continuing after every mistake.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Args {
            ttl: Slot::EMPTY,
            ttl_ok: Slot::EMPTY,
            ttl_none: Slot::EMPTY,
            ttl_err: Slot::EMPTY,
            stale: Slot::EMPTY,
            idle: Slot::EMPTY,
            capacity: Slot::EMPTY,
            weight: Slot::EMPTY,
            key: Slot::EMPTY,
            skip: Slot::EMPTY,
            self_key: Slot::EMPTY,
            condition: Slot::EMPTY,
            version: Slot::EMPTY,
            namespace: Slot::EMPTY,
            backend: Slot::EMPTY,
            fill_lock: Slot::EMPTY,
            interop: Slot::EMPTY,
            tenant: Slot::EMPTY,
            l1: Slot::EMPTY,
            on_tamper: Slot::EMPTY,
            own_cache: Slot::EMPTY,
            name: Slot::EMPTY,
            vis: Slot::EMPTY,
            krate: Slot::EMPTY,
        };
        let read = |input: ParseStream<'_>| {
            each_option(input, errors, |input, errors| args.read_option(input, errors));
            Ok(())
        };
        // The parser itself can only complain about a token left over in parentheses, which follows
        // a mistake that says more.
        if let (Err(error), 0) = (read.parse2(tokens), errors.count()) {
            errors.push(error);
        }
        args
    }

    /// Every expression that a call evaluates.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let lifetimes = [&self.ttl_ok, &self.ttl_none, &self.ttl_err];
        let lifetimes = lifetimes.into_iter().filter_map(|slot| match slot.value()? {
            Lifetime::Fixed(..) => None,
            Lifetime::Computed(expr) | Lifetime::FromValue(expr) => Some(expr),
        });
        let of_self = self.self_key.value().and_then(|meaning| match meaning {
            SelfKey::Part(part) => Some(part),
            SelfKey::Shared | SelfKey::Instance(_) => None,
        });
        let slots = [
            &self.weight,
            &self.key,
            &self.condition,
            &self.backend,
            &self.tenant,
            &self.own_cache,
        ];
        slots.into_iter().filter_map(Slot::value).chain(of_self).chain(lifetimes)
    }

    pub(crate) fn is_of_instance(&self) -> bool {
        matches!(self.self_key.value(), Some(SelfKey::Instance(_)))
    }

    fn read_option(&mut self, input: ParseStream<'_>, errors: &mut Errors) {
        // Some options are keywords.
        let Ok(name) = input.call(Ident::parse_any) else {
            not_an_option(input, "an option such as `ttl = 60`", errors);
            return;
        };
        match name.to_string().as_str() {
            "ttl" => self.read_ttl(&name, input, errors),
            "stale" => self.stale.set_once(&name, sharing::stale(&name, input), errors),
            "idle" => self.idle.set_once(&name, sharing::idle(&name, input), errors),
            "backend" => self.backend.set_once(&name, sharing::backend(&name, input), errors),
            "fill_lock" => self.fill_lock.set_once(&name, sharing::fill_lock(&name, input), errors),
            "interop" => self.interop.set_once(&name, sharing::interop(&name, input), errors),
            "capacity" => self.capacity.set_once(&name, values::capacity(&name, input), errors),
            "weight" => self.weight.set_once(&name, values::function(&name, 2, input), errors),
            "key" => self.key.set_once(&name, values::key(&name, input), errors),
            "skip" => self.skip.set_once(&name, values::skip(&name, input), errors),
            "self" => self.self_key.set_once(&name, values::self_key(&name, input), errors),
            "if" => self.condition.set_once(&name, values::function(&name, 1, input), errors),
            "version" => self.version.set_once(&name, values::version(&name, input), errors),
            "namespace" => self.namespace.set_once(&name, values::namespace(&name, input), errors),
            "tenant" => self.tenant.set_once(&name, secure::tenant(&name, input), errors),
            "l1" => self.l1.set_once(&name, secure::l1(&name, input), errors),
            "on_tamper" => self.on_tamper.set_once(&name, secure::on_tamper(&name, input), errors),
            "in" => self.own_cache.set_once(&name, values::own_cache(&name, input), errors),
            "name" => self.name.set_once(&name, values::name(&name, input), errors),
            "vis" => self.vis.set_once(&name, values::vis(&name, input), errors),
            "crate" => self.krate.set_once(&name, values::krate(&name, input), errors),
            unknown => errors.at(&name, elsewhere::unknown_option(unknown)),
        }
    }

    /// `ttl = …` applies to every value that is stored, `ttl(…)` to each outcome that it names.
    fn read_ttl(&mut self, name: &Ident, input: ParseStream<'_>, errors: &mut Errors) {
        // A repetition is parsed too, to report its mistakes, into slots that are never read.
        let mut ignored = (Slot::EMPTY, Slot::EMPTY, Slot::EMPTY);
        let (ok, none, err) = if self.ttl.is_given() {
            (&mut ignored.0, &mut ignored.1, &mut ignored.2)
        } else {
            (&mut self.ttl_ok, &mut self.ttl_none, &mut self.ttl_err)
        };
        self.ttl.set_once(name, Ok(()), errors);
        if !input.peek(token::Paren) {
            ok.set_once(name, values::ttl(name, input), errors);
            return;
        }
        let Some(content) = errors.keep(values::parenthesized(input)) else {
            return;
        };
        if content.is_empty() {
            errors.at(
                name,
                "`ttl()` says nothing: write `ttl = 60` or `ttl(ok = 60, none = 5, err = 1)`",
            );
        }
        each_option(&content, errors, |input, errors| {
            let Ok(outcome) = input.call(Ident::parse_any) else {
                not_an_option(
                    input,
                    "`ok`, `none` or `err`, as in `ttl(ok = 60, none = 5)`",
                    errors,
                );
                return;
            };
            match outcome.to_string().as_str() {
                "ok" => ok.set_once(&outcome, values::ttl(&outcome, input), errors),
                "none" => none.set_once(&outcome, values::ttl_none(&outcome, input), errors),
                "err" => err.set_once(&outcome, values::ttl(&outcome, input), errors),
                unknown => errors.at(
                    &outcome,
                    format_args!(
                        "unknown outcome `{unknown}`; `ttl(…)` knows `ok` (also for `Some` and for \
                         values that are neither a result nor an option), `none` and `err`"
                    ),
                ),
            }
        });
    }
}

/// Calls `read` at each option of a comma-separated list. After a mistake, continues at the next
/// token that looks like an option.
fn each_option(
    input: ParseStream<'_>,
    errors: &mut Errors,
    mut read: impl FnMut(ParseStream<'_>, &mut Errors),
) {
    while !input.is_empty() {
        let before = errors.count();
        read(input, errors);
        if errors.count() > before {
            skip_to_next_option(input);
        } else if !input.is_empty() && !input.peek(Token![,]) {
            errors.push(input.error("expected `,` before the next option"));
            skip_to_next_option(input);
        }
        let _comma: Option<Token![,]> = input.parse().ok();
    }
}

fn skip_to_next_option(input: ParseStream<'_>) {
    while !input.is_empty() && !at_next_option(input) {
        let _skipped: Option<TokenTree> = input.parse().ok();
    }
}

/// Whether the comma here separates options, and not, say, the parameters of a closure.
fn at_next_option(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    if ahead.parse::<Token![,]>().is_err() {
        return false;
    }
    if ahead.is_empty() {
        return true;
    }
    ahead.call(Ident::parse_any).is_ok()
        && (ahead.is_empty()
            || ahead.peek(Token![=])
            || ahead.peek(Token![,])
            || ahead.peek(token::Paren))
}

fn not_an_option(input: ParseStream<'_>, expected: &str, errors: &mut Errors) {
    if let Ok(token) = input.parse::<TokenTree>() {
        errors.at(token, format_args!("expected {expected}"));
    }
}
