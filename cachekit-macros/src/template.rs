//! Strings with `{…}` in `key`, `tenant` and `self = key(…)`: parsed here, written as a call of the
//! runtime.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Expr, Lit, LitStr, Result, Token};

use crate::crate_path::CratePath;
use crate::diagnostics::list;

/// What a template may name.
pub(crate) struct Names<'a> {
    pub(crate) krate: &'a CratePath,
    pub(crate) receiver: Option<Token![self]>,
    pub(crate) arguments: Vec<&'a Ident>,
}

impl Names<'_> {
    /// Replaces each template by code: a string on its own, or strings in a tuple.
    pub(crate) fn fill(&self, expr: &mut Expr) -> Result<()> {
        match expr {
            Expr::Paren(inner) => self.fill(&mut inner.expr),
            Expr::Group(inner) => self.fill(&mut inner.expr),
            Expr::Reference(inner) => self.fill(&mut inner.expr),
            Expr::Tuple(tuple) => tuple.elems.iter_mut().try_for_each(|elem| self.fill(elem)),
            Expr::Lit(literal) => {
                let Lit::Str(text) = &literal.lit else { return Ok(()) };
                if !text.value().contains('{') {
                    return Ok(());
                }
                *expr = Expr::Verbatim(self.filled(text)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn filled(&self, text: &LitStr) -> Result<TokenStream> {
        let template =
            Template::read(&text.value()).map_err(|why| syn::Error::new(text.span(), why))?;
        // The user's span with our names; the arguments keep their own.
        let at = Span::mixed_site().located_at(text.span());
        let private = self.krate.private(at);
        let mut separators = template.separators();
        let markers = separators.markers.clone();
        let parts = template.places.iter().map(|place| {
            let before = literal(&separators.next(), at);
            let value = self.value(place, text)?;
            let format = match place.spec.as_str() {
                "" => "{}".to_owned(),
                spec => format!("{{:{spec}}}"),
            };
            let format = literal(&format, at);
            Ok(quote_spanned!(at=> (#before, ::core::format_args!(#format, #value))))
        });
        let parts: Vec<TokenStream> = parts.collect::<Result<_>>()?;
        let (markers, end) = (literal(&markers, at), literal(&template.end, at));
        Ok(quote_spanned!(at=> #private::template(#markers, &[#(#parts),*], #end)))
    }

    fn value(&self, place: &Placeholder, text: &LitStr) -> Result<TokenStream> {
        let root = self.root(&place.root, text)?;
        let fields = place.fields.iter().map(|field| {
            if let Ok(index) = field.parse::<usize>() {
                let mut index = Literal::usize_unsuffixed(index);
                index.set_span(text.span());
                Ok(quote!(.#index))
            } else {
                let mut name = field_name(field).ok_or_else(|| {
                    let advice = format!(
                        "no field is called `{field}`: write `format!(…)` for anything else"
                    );
                    syn::Error::new(text.span(), advice)
                })?;
                name.set_span(text.span());
                Ok(quote!(.#name))
            }
        });
        let fields: Vec<TokenStream> = fields.collect::<Result<_>>()?;
        Ok(quote!(#root #(#fields)*))
    }

    fn root(&self, root: &str, text: &LitStr) -> Result<TokenStream> {
        if let (Some(receiver), "self") = (&self.receiver, root) {
            let mut receiver = *receiver;
            receiver.span = receiver.span.located_at(text.span());
            return Ok(quote!(#receiver));
        }
        if let Some(argument) = self.arguments.iter().find(|argument| argument.unraw() == root) {
            let mut argument = (*argument).clone();
            argument.set_span(argument.span().located_at(text.span()));
            return Ok(quote!(#argument));
        }
        let mut known: Vec<String> =
            self.arguments.iter().map(|argument| argument.unraw().to_string()).collect();
        known.extend(self.receiver.map(|_| "self".to_owned()));
        let known = match list(known.iter().map(String::as_str)) {
            none if none.is_empty() => "the function has no arguments".to_owned(),
            names => format!("a text here may name {names}"),
        };
        Err(syn::Error::new(text.span(), format_args!("no argument is called `{root}`: {known}")))
    }
}

/// A field may have the name of a keyword, except for those that are no raw names either.
fn field_name(field: &str) -> Option<Ident> {
    let name = syn::parse::Parser::parse_str(Ident::parse_any, field).ok()?;
    if matches!(field, "_" | "crate" | "self" | "Self" | "super") {
        return None;
    }
    Some(syn::parse_str(field).unwrap_or_else(|_| Ident::new_raw(field, name.span())))
}

fn literal(text: &str, span: Span) -> Literal {
    let mut literal = Literal::string(text);
    literal.set_span(span);
    literal
}

/// `before{root.field:spec}…end`.
struct Template {
    places: Vec<Placeholder>,
    end: String,
}

struct Placeholder {
    before: String,
    root: String,
    fields: Vec<String>,
    spec: String,
}

/// The strings before the placeholders, one after the other.
struct Separators<'a> {
    places: std::slice::Iter<'a, Placeholder>,
    /// One character of each string between two placeholders. The runtime escapes these within values, so
    /// that no value can be mistaken for the string after it: `a` and `bc` differ from `ab` and `c`.
    markers: String,
    first: bool,
}

impl Template {
    fn read(text: &str) -> std::result::Result<Self, String> {
        let mut places = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
            } else if brace == "}" {
                return Err("a `}` without its `{`: a brace of the text is written `}}`".to_owned());
            } else {
                let Some((inside, after)) = rest.split_once('}') else {
                    return Err(
                        "a `{` without its `}`: a brace of the text is written `{{`".to_owned()
                    );
                };
                places.push(Placeholder::read(std::mem::take(&mut plain), inside)?);
                rest = after;
            }
        }
        plain.push_str(rest);
        Ok(Template { places, end: plain })
    }

    fn separators(&self) -> Separators<'_> {
        let between = self.places.iter().skip(1);
        let markers = between.map(|place| marker(&place.before).unwrap_or(SEPARATOR)).collect();
        Separators { places: self.places.iter(), markers, first: true }
    }
}

/// Used if a template has nothing between two placeholders.
const SEPARATOR: char = '/';

/// The first character that does not occur in the runtime's escapes: `%` and two digits.
fn marker(text: &str) -> Option<char> {
    text.chars().find(|sign| !matches!(sign, '%' | '0'..='9' | 'A'..='F'))
}

impl Separators<'_> {
    fn next(&mut self) -> String {
        let before = self.places.next().map(|place| place.before.clone()).unwrap_or_default();
        if std::mem::take(&mut self.first) || marker(&before).is_some() {
            before
        } else {
            format!("{SEPARATOR}{before}")
        }
    }
}

impl Placeholder {
    fn read(before: String, inside: &str) -> std::result::Result<Self, String> {
        let (path, spec) = inside.split_once(':').unwrap_or((inside, ""));
        let mut parts = path.trim().split('.').map(str::trim);
        let root = parts.next().unwrap_or_default();
        let fields: Vec<String> = parts.map(str::to_owned).collect();
        let is_field = |field: &String| is_name(field) || is_index(field);
        if !is_name(root) || !fields.iter().all(is_field) {
            return Err(format!(
                "`{{{inside}}}` names no argument: write `{{id}}` or a field, `{{user.id}}`; for anything else \
                 write `format!(…)`, and a brace of the text is written `{{{{`"
            ));
        }
        let spec = spec.trim_end();
        if spec.contains('$') || spec.contains(".*") {
            return Err(format!(
                "a width or precision from an argument, `{spec}`, needs `format!(…)`"
            ));
        }
        Ok(Placeholder { before, root: root.to_owned(), fields, spec: spec.to_owned() })
    }
}

fn is_name(text: &str) -> bool {
    let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    !text.is_empty()
        && text.chars().all(is_word)
        && !text.starts_with(|sign: char| sign.is_numeric())
}

fn is_index(text: &str) -> bool {
    !text.is_empty() && text.len() < 10 && text.chars().all(|sign| sign.is_ascii_digit())
}

/// The names that `format!` would take from around a string. Any other string has no such names.
pub(crate) fn inline_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        if let Some(escaped) = after.strip_prefix('{') {
            rest = escaped;
            continue;
        }
        let Some((inside, after)) = after.split_once('}') else { break };
        let (path, spec) = inside.split_once(':').unwrap_or((inside, ""));
        let root = path.split('.').next().unwrap_or_default().trim();
        // `{:width$.precision$}`
        let counts = spec.split('$').map(|before| {
            let start = before.rfind(|sign: char| !(sign.is_alphanumeric() || sign == '_'));
            start
                .map_or(before, |start| &before[start..])
                .trim_start_matches(|sign: char| !is_start(sign))
        });
        let counts = counts.take(spec.matches('$').count());
        names.extend(
            [root].into_iter().chain(counts).filter(|name| is_name(name)).map(str::to_owned),
        );
        rest = after;
    }
    names
}

fn is_start(sign: char) -> bool {
    sign.is_alphabetic() || sign == '_'
}
