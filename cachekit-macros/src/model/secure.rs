//! What sealing requires.

use proc_macro2::{Ident, Span};

use super::Tier;
use crate::args::Args;
use crate::diagnostics::Errors;
use crate::signature::Function;

/// Checks the attribute and the options of sealing. `stays` means that the values cannot
/// leave the process.
pub(super) fn check(
    tier: Tier,
    stays: bool,
    args: &Args,
    function: &Function,
    errors: &mut Errors,
) {
    if tier != Tier::Secure {
        // An error about the unreadable value was reported already.
        let names = [
            args.tenant.name().filter(|_| args.tenant.value().is_some()),
            args.l1.name().filter(|_| args.l1.value().is_some()),
            args.on_tamper.name().filter(|_| args.on_tamper.value().is_some()),
        ];
        for option in names.into_iter().flatten() {
            errors.at(
                option,
                format_args!(
                    "`{option}` is for sealed values: write `#[cache::secure]`, or remove it"
                ),
            );
        }
        return;
    }
    if !cfg!(feature = "secure") {
        errors.push(syn::Error::new(
            Span::call_site(),
            "`#[cache::secure]` needs the feature `secure` of cachekit: in Cargo.toml, write \
             `cachekit = { path = \"…\", features = [\"secure\"] }`",
        ));
    }
    if !args.namespace.is_given() && !args.own_cache.is_given() {
        errors.push(syn::Error::new(
            Span::call_site(),
            "`#[cache::secure]` needs a namespace, which is part of what its keys are derived from: add \
             `namespace = \"my-app\"`",
        ));
    }
    if stays {
        let option: &Ident =
            args.own_cache.name().or(args.self_key.name()).unwrap_or(&function.sig.ident);
        let advice = if args.own_cache.is_given() {
            "a cache of your own holds values as they are, and `#[cache::secure]` seals them: remove `in`, or write \
             `#[cache::local]`"
        } else {
            "an instance means nothing to another process, and `#[cache::secure]` seals what others may read: say \
             what identifies it everywhere with `self = key(self.id)`"
        };
        errors.at(option, advice);
    }
}
