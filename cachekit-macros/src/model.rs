//! A validated function. Building it is the only step that can fail; from here on code is written.

mod companion;
mod future;
mod interop;
mod key;
mod left_out;
mod own_cache;
mod places;
mod same_text;
mod says;
mod secure;
mod stale;

use std::time::Duration;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use syn::{Expr, LitStr, ReturnType, Token};

use crate::args::{Args, Capacity, FillLock, Interop, L1, Lifetime, OnTamper};
use crate::crate_path::CratePath;
use crate::diagnostics::Errors;
use crate::fragments;
use crate::signature::{Form, Function, Parameter, Returned};

pub(crate) use companion::Companion;
#[cfg(test)]
pub(crate) use companion::skipped_in;
pub(crate) use key::Part;
pub(crate) use stale::pointee;

/// Which of the attributes was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// `#[cache::local]`: this process only.
    Local,
    /// `#[cache]`: also the shared tier, if there is one.
    Shared,
    /// `#[cache::io]`: also the shared tier, by default the API of cachekit.io.
    Io,
    /// `#[cache::secure]`: also the shared tier, sealed.
    Secure,
}

/// Everything the expansion needs, checked.
pub(crate) struct Model {
    pub(crate) krate: CratePath,
    pub(crate) tier: Tier,
    pub(crate) function: Function,
    pub(crate) body: Group,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returned: Returned,
    /// The parts of the key, that of `self` first.
    pub(crate) key: Vec<Part>,
    /// The word `key`, if the option says what they are.
    pub(crate) key_option: Option<Ident>,
    /// The cache of `in = …`.
    pub(crate) own_cache: Option<Expr>,
    /// The backend of `backend = …`.
    pub(crate) backend: Option<Expr>,
    /// The tenant of `tenant = …`.
    pub(crate) tenant: Option<Expr>,
    pub(crate) companion: Companion,
    /// The type and `const` parameters that do not distinguish entries.
    pub(crate) left_out: Vec<Ident>,
    pub(crate) options: Options,
}

/// What the attribute says about values and their entries. Some options include their name as written, for
/// the span of errors.
pub(crate) struct Options {
    pub(crate) ttl_ok: Option<(Ident, Lifetime)>,
    pub(crate) ttl_none: Option<(Ident, Lifetime)>,
    pub(crate) ttl_err: Option<(Ident, Lifetime)>,
    /// How long stale values are served, and where that was written.
    pub(crate) stale: Option<(Duration, Span)>,
    /// How long unused values stay, and where that was written.
    pub(crate) idle: Option<(Duration, Span)>,
    pub(crate) fill_lock: Option<FillLock>,
    pub(crate) condition: Option<(Ident, Expr)>,
    pub(crate) weight: Option<(Ident, Expr)>,
    pub(crate) capacity: Option<Capacity>,
    pub(crate) version: Option<u32>,
    pub(crate) namespace: Option<LitStr>,
    /// The operation that other languages find the entries by.
    pub(crate) interop: Option<Interop>,
    /// Whether the attribute says what the type parameters around the function mean for that operation.
    pub(crate) interop_types: bool,
    /// For sealed values.
    pub(crate) l1: L1,
    pub(crate) on_tamper: OnTamper,
}

impl Model {
    /// Checks that the options fit each other and the function.
    pub(crate) fn build(tier: Tier, args: TokenStream, item: TokenStream) -> syn::Result<Self> {
        let function = Function::parse(fragments::item(item))?;
        let mut errors = Errors::default();
        let written = args.clone();
        let mut args = Args::parse(fragments::options(args), &mut errors);
        let mut parameters = function.parameters();
        same_text::check(&args, &parameters, &mut errors);
        says::fill_templates(&mut args, &function, &parameters, &mut errors);
        let returned = Returned::of(&function.sig);
        check_kind(&function, &mut errors);
        check_attributes(&function, &parameters, &mut errors);
        let key = key::parts(&args, &function, &mut parameters, &mut errors);
        says::check(tier, &args, &function, &parameters, &mut errors);
        let left_out = left_out::choose(&args, &function, &mut parameters, &mut errors);
        let companion = Companion::choose((&args, &written), (&function, &parameters), &mut errors);
        left_out::check_place(&left_out, &args, &companion, &mut errors);
        own_cache::check(&args, (&function, &parameters), &mut errors);
        // An instance's number means nothing to another process; and the user's own cache
        // is in this process, too.
        let stays_here =
            args.own_cache.is_given() || key.iter().any(|part| matches!(part, Part::Instance(_)));
        places::check((tier, stays_here), &args, (&function, &parameters), &mut errors);
        interop::check((tier, stays_here), &args, &parameters, &mut errors);
        let interop_types = interop::decides_types(&args);
        secure::check(tier, stays_here, &args, &function, &mut errors);
        stale::check(&args, (&function, &parameters), (&returned, &companion), &mut errors);
        future::check(&args, (&function, &parameters), &returned, &mut errors);
        let tier = if stays_here { Tier::Local } else { tier };
        check_returned(&function, &returned, (tier, &args), &mut errors);

        errors.finish()?;
        Ok(Model {
            tier,
            krate: args.krate.into_value().unwrap_or_default(),
            body: function
                .body
                .clone()
                .unwrap_or_else(|| Group::new(Delimiter::Brace, TokenStream::new())),
            function,
            parameters,
            returned,
            key,
            key_option: args.key.name().cloned(),
            own_cache: args.own_cache.into_value(),
            backend: args.backend.into_value(),
            tenant: args.tenant.into_value(),
            companion,
            left_out,
            options: Options {
                ttl_ok: args.ttl_ok.into_named(),
                ttl_none: args.ttl_none.into_named(),
                ttl_err: args.ttl_err.into_named(),
                stale: args.stale.into_value(),
                idle: args.idle.into_value(),
                fill_lock: args.fill_lock.into_value(),
                condition: args.condition.into_named(),
                weight: args.weight.into_named(),
                capacity: args.capacity.into_value(),
                version: args.version.into_value(),
                namespace: args.namespace.into_value(),
                interop: args.interop.into_value(),
                interop_types,
                l1: args.l1.into_value().unwrap_or(L1::Sealed),
                on_tamper: args.on_tamper.into_value().unwrap_or(OnTamper::Recompute),
            },
        })
    }

    pub(crate) fn name(&self) -> &Ident {
        &self.function.sig.ident
    }

    /// The expressions that determine an entry, besides its key.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Expr> {
        self.backend.iter().chain(&self.tenant)
    }

    /// Whether a companion can determine the entry of some arguments: it can name their types, and finds
    /// the backend with the arguments that it gets.
    pub(crate) fn has_entries_by_key(&self) -> bool {
        let hidden =
            self.places().any(|place| companion::skipped_in(place, &self.parameters).is_some());
        !self.function.has_impl_parameters() && !hidden
    }

    /// The `self` of the receiver, if there is one.
    pub(crate) fn receiver(&self) -> Option<&Token![self]> {
        self.function.receiver().map(|receiver| &receiver.self_token)
    }
}

/// The function as a whole.
fn check_kind(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    if let Some(constness) = &sig.constness {
        errors.at(
            constness,
            "a `const fn` cannot look into a cache: remove `const` or the attribute",
        );
    }
    if let Some(variadic) = &sig.variadic {
        errors.at(
            variadic,
            "a variadic function cannot be cached: its arguments cannot be read for the key",
        );
    }
    if function.body.is_none() {
        errors.at(
            &sig.ident,
            format_args!(
                "`{}` has no body to cache: put the attribute on the methods of the implementations",
                sig.ident
            ),
        );
    }
}

fn check_attributes(function: &Function, parameters: &[Parameter], errors: &mut Errors) {
    for attr in &function.attrs {
        let path = attr.path();
        let last = path.segments.last().map(|segment| segment.ident.to_string());
        let before = path.segments.iter().rev().nth(1).map(|segment| segment.ident.to_string());
        if last.as_deref() == Some("cache")
            || (matches!(last.as_deref(), Some("local" | "io" | "secure"))
                && before.as_deref() == Some("cache"))
        {
            errors
                .at(attr, "this function is cached by another attribute already: keep one of them");
        }
    }
    for parameter in parameters {
        if let Some(attr) = &parameter.conditional {
            errors.at(
                attr,
                "an argument that is not always there cannot be cached: write the function twice, each \
                 under its own `#[cfg]`",
            );
        }
    }
}

fn check_returned(
    function: &Function,
    returned: &Returned,
    (tier, args): (Tier, &Args),
    errors: &mut Errors,
) {
    if let ReturnType::Default = function.sig.output {
        let name = &function.sig.ident;
        errors.at(
            name,
            format_args!(
                "`{name}` returns nothing that could be cached; add `-> ()` if it is meant to run once per key"
            ),
        );
    }
    if let Some((place, message)) = returned.mistake(tier != Tier::Local, args.ttl_err.is_given()) {
        errors.at(place, message);
    }
}

/// `&mut` arguments carry results out of the function, which a hit cannot do.
fn check_mutable(parameter: &Parameter, errors: &mut Errors) {
    if parameter.form == Form::MutableReference {
        let unnamed = Ident::new("_", Span::call_site());
        let name = parameter.names.first().unwrap_or(&unnamed);
        errors.at(
            &parameter.ty,
            format_args!(
                "a hit cannot change `{name}`: add `skip({name})` if it is a handle that does not affect the \
                 result, or pass it by value"
            ),
        );
    }
}
