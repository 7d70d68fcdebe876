//! A parameter's pattern, for a reference to what it was written for.

use proc_macro2::Ident;
use syn::{Pat, PatIdent};

use super::Form;

/// Behind a reference, names bind by reference on their own: `mut`, `ref` and `&` are not allowed.
pub(super) struct Behind {
    pub(super) pattern: Pat,
    /// The names that had a `&`: they are references to references now, and to be followed once.
    pub(super) deeper: Vec<Ident>,
}

impl Behind {
    pub(super) fn of(pattern: &Pat, form: Form) -> Self {
        let mut own = Self { pattern: pattern.clone(), deeper: Vec::new() };
        let mut pattern = pattern.clone();
        // What arrives as `&mut` is borrowed without it.
        if form == Form::MutableReference
            && let Pat::Reference(reference) = pattern
        {
            pattern = *reference.pat;
        }
        own.walk(&mut pattern);
        own.pattern = pattern;
        own
    }
}

impl Behind {
    fn walk(&mut self, pattern: &mut Pat) {
        while let Pat::Reference(reference) = pattern {
            let inner = (*reference.pat).clone();
            if let Pat::Ident(PatIdent { ident, .. }) = &inner {
                self.deeper.push(ident.clone());
            }
            *pattern = inner;
        }
        match pattern {
            Pat::Ident(name) => {
                name.by_ref = None;
                name.mutability = None;
                if let Some((_, inner)) = &mut name.subpat {
                    self.walk(inner);
                }
            }
            Pat::Or(or) => or.cases.iter_mut().for_each(|case| self.walk(case)),
            Pat::Paren(inner) => self.walk(&mut inner.pat),
            Pat::Slice(slice) => slice.elems.iter_mut().for_each(|elem| self.walk(elem)),
            Pat::Struct(of) => of.fields.iter_mut().for_each(|field| self.walk(&mut field.pat)),
            Pat::Tuple(tuple) => tuple.elems.iter_mut().for_each(|elem| self.walk(elem)),
            Pat::TupleStruct(of) => of.elems.iter_mut().for_each(|elem| self.walk(elem)),
            // A macro's pattern is not ours to read, and the others bind nothing.
            _ => {}
        }
    }
}
