//! Mistakes: each at its own token, all of them in one compilation.

use std::fmt::Display;

use proc_macro2::Ident;
use quote::ToTokens;

/// Every mistake found so far. Nothing stops at the first one.
#[derive(Default)]
#[must_use = "the mistakes in it have to be reported"]
pub(crate) struct Errors {
    all: Vec<syn::Error>,
}

impl Errors {
    /// Adds a mistake that underlines `tokens`.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.all.push(error);
    }

    /// The number of mistakes so far, to find out whether a step added one.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// Returns the value of a result, or records its mistake.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All mistakes as one error, if there was any.
    pub(crate) fn finish(self) -> syn::Result<()> {
        let all = self.all.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        });
        all.map_or(Ok(()), Err)
    }
}

/// One option of an attribute: whether it was written, and its value if that could be read.
///
/// The two are separate so that one mistake is reported once: an option with a wrong value is not also
/// "missing".
pub(crate) struct Slot<T> {
    name: Option<Ident>,
    value: Option<T>,
}

impl<T> Slot<T> {
    pub(crate) const EMPTY: Self = Slot { name: None, value: None };

    /// Fills the slot; the second time is a mistake.
    pub(crate) fn set_once(&mut self, name: &Ident, value: syn::Result<T>, errors: &mut Errors) {
        let value = errors.keep(value);
        if self.name.is_some() {
            errors.at(name, format_args!("`{name}` stands twice: keep one of them"));
            return;
        }
        self.name = Some(name.clone());
        self.value = value;
    }

    /// The option's name as the user wrote it, to point at.
    pub(crate) fn name(&self) -> Option<&Ident> {
        self.name.as_ref()
    }

    pub(crate) fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    pub(crate) fn value_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut()
    }

    pub(crate) fn into_value(self) -> Option<T> {
        self.value
    }

    /// The option's name and its value.
    pub(crate) fn into_named(self) -> Option<(Ident, T)> {
        self.name.zip(self.value)
    }

    pub(crate) fn is_given(&self) -> bool {
        self.name.is_some()
    }
}

/// The names among `known` that `written` most likely stands for: several if it is equally similar to
/// them.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let allowed = (written.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    let least = near.iter().map(|(distance, _)| *distance).min();
    near.retain(|(distance, _)| Some(*distance) == least);
    // Swapped letters are the likeliest mistake.
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    if near.iter().any(|(_, name)| letters(name) == letters(written)) {
        near.retain(|(_, name)| letters(name) == letters(written));
    }
    near.into_iter().map(|(_, name)| name).collect()
}

/// How many letters to insert, delete, change or swap with their neighbour to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    // Rows of the usual table, the newest last; a swap looks two rows back.
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// `` `a`, `b` and `c` ``, for sentences.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "and")
}

/// `` `a`, `b` or `c` ``, for questions.
pub(crate) fn list_or<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "or")
}

fn joined<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}
