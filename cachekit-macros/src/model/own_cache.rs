//! With `in`, the cache is the user's: settings of a cache are made where it is built, and its key is all that tells
//! calls apart.

use super::left_out::View;
use crate::args::Args;
use crate::diagnostics::Errors;
use crate::signature::{Around, Free, Function, Parameter};

/// What is said before the question about `self`.
pub(super) const NOT_OF_SELF: &str =
    "this cache is not one of `self`, so that all objects would share its entries: ";

/// Whether each object has a cache of its own. One that could not be read may be that.
pub(super) fn is_of_self(args: &Args) -> bool {
    args.own_cache.is_given()
        && args.own_cache.value().is_none_or(|cache| Free::of(cache).has_self())
}

/// Checks the options beside it, and that the key shows what the surroundings of the function leave open.
pub(super) fn check(
    args: &Args,
    (function, parameters): (&Function, &[Parameter]),
    errors: &mut Errors,
) {
    if !args.own_cache.is_given() {
        return;
    }
    check_options(args, errors);
    // The object's type determines these, and that of an instance, too.
    if is_of_self(args) || args.is_of_instance() {
        return;
    }
    check_around(args, (function, parameters), errors);
}

fn check_options(args: &Args, errors: &mut Errors) {
    let on_the_builder = "belongs to the cache itself: with `in`, set it where that cache is built";
    let no_companion =
        "is for the companion, and with `in` there is none: call the cache's own methods";
    let in_process = "is for entries in a shared tier, and a cache of your own is in this process only: remove it";
    let receiver = "is not needed with `in`: whose cache it is says it; if more of `self` matters, name it in \
                    `key = …`";
    let conflicts = [
        (args.capacity.name(), on_the_builder),
        (args.weight.name(), on_the_builder),
        (args.idle.name(), on_the_builder),
        (args.name.name(), no_companion),
        (args.vis.name(), no_companion),
        (args.namespace.name(), in_process),
        (args.version.name(), in_process),
        (args.backend.name(), in_process),
        (args.fill_lock.name(), in_process),
        (args.stale.name(), "is not there for a cache of your own yet: remove it, or remove `in`"),
        (args.self_key.name().filter(|_| is_of_self(args)), receiver),
    ];
    for (option, why) in conflicts {
        if let Some(option) = option {
            errors.at(option, format_args!("`{option}` {why}"));
        }
    }
}

/// The type parameters of the `impl` around, or the types that may implement the `trait` around. What the source file does
/// not show cannot be asked about.
fn check_around(
    args: &Args,
    (function, parameters): (&Function, &[Parameter]),
    errors: &mut Errors,
) {
    let Some(view) = View::of(args, function, parameters) else { return };
    let skipped = args.skip.value().map_or(&[][..], Vec::as_slice);
    if args.skip.is_given() && args.skip.value().is_none()
        || skipped.iter().any(|name| name == "Self")
    {
        return;
    }
    let Some(cache) = args.own_cache.value() else { return };
    let around = Around::of(&function.sig.ident);
    let self_is_shown = view.reason_for("Self").is_some();
    let open = around.parameters.iter().find(|parameter| {
        let by_self = parameter.in_self && self_is_shown;
        !by_self && view.reason_for(&parameter.name).is_none()
    });
    let Some(open) = open else { return };
    let skipped: Vec<String> = skipped.iter().map(ToString::to_string).collect();
    let skip = view.skip_with(&skipped, "Self");
    let name = &open.name;
    let (what, part) = if name == "Self" {
        ("every type that has the trait".to_owned(), "std::any::type_name::<Self>()")
    } else if open.in_self {
        (format!("every `{name}` of the `impl`"), "std::any::type_name::<Self>()")
    } else {
        (
            format!("every `{name}` around the function"),
            &*format!("std::any::type_name::<{name}>()"),
        )
    };
    let in_key = view.key_with(part);
    errors.at(
        cache,
        format_args!(
            "this cache would have the same entries for {what}: write `{in_key}` if that decides about the value, or \
             `{skip}` if not"
        ),
    );
}
