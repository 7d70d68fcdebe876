//! Parameters whose names have the same text.
//!
//! A macro can write such a function: to Rust they are different names, because they come from different places. Options
//! name arguments by their text, so they could mean either.

use syn::LitStr;
use syn::ext::IdentExt;

use crate::args::Args;
use crate::diagnostics::Errors;
use crate::signature::{Free, Parameter};
use crate::template::inline_names;

/// Refuses an option that names an argument by a text that two of them have. Templates are not filled in yet.
pub(super) fn check(args: &Args, parameters: &[Parameter], errors: &mut Errors) {
    for (index, parameter) in parameters.iter().enumerate() {
        // Within one pattern a name may stand twice, on both sides of a `|`.
        let before = || parameters[..index].iter().flat_map(|parameter| &parameter.names);
        let twice = parameter.names.iter().find(|name| {
            let text = name.unraw().to_string();
            before().any(|other| other.unraw() == text.as_str()) && names(args, &text)
        });
        if let Some(name) = twice {
            errors.at(
                name,
                format_args!(
                    "two arguments are called `{name}`, one of them by a macro, and an option of the attribute names \
                     `{name}`: it cannot tell which is meant, so give one of them another name"
                ),
            );
        }
    }
}

/// Whether an option names an argument of this text: in an expression, in a string, or in `skip`.
fn names(args: &Args, text: &str) -> bool {
    let skipped = args.skip.value().map_or(&[][..], Vec::as_slice);
    skipped.iter().any(|name| name.unraw() == text)
        || args
            .expressions()
            .map(Free::of)
            .any(|free| free.has_text(text) || free.texts.iter().any(|string| is_in(string, text)))
}

fn is_in(string: &LitStr, text: &str) -> bool {
    inline_names(&string.value()).iter().any(|name| name == text)
}
