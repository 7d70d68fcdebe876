//! Whether a type shows that its values borrow.

use syn::visit::{self, Visit};
use syn::{
    GenericParam, Lifetime, ParenthesizedGenericArguments, TraitBound, Type, TypeFnPtr,
    TypeReference,
};

/// Whether there is a lifetime in it, other than `'static` and those that a `for<'a>` in it declares.
pub(crate) fn borrows(ty: &Type) -> bool {
    struct Finder<'a> {
        found: bool,
        /// Those of a `for<'a>` around.
        bound: Vec<&'a Lifetime>,
    }
    impl<'a> Visit<'a> for Finder<'a> {
        fn visit_type_reference(&mut self, reference: &'a TypeReference) {
            self.found |= reference.lifetime.is_none();
            visit::visit_type_reference(self, reference);
        }
        fn visit_lifetime(&mut self, lifetime: &'a Lifetime) {
            self.found |= lifetime.ident != "static" && !self.bound.contains(&lifetime);
        }
        fn visit_trait_bound(&mut self, bound: &'a TraitBound) {
            let lifetimes = bound.lifetimes.iter().flat_map(|bound| &bound.lifetimes);
            let before = self.bound.len();
            self.bound.extend(lifetimes.filter_map(|parameter| match parameter {
                GenericParam::Lifetime(parameter) => Some(&parameter.lifetime),
                _ => None,
            }));
            self.visit_path(&bound.path);
            self.bound.truncate(before);
        }
        // Their arguments are not a part of the value.
        fn visit_type_fn_ptr(&mut self, _: &'a TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments(&mut self, _: &'a ParenthesizedGenericArguments) {}
    }
    let mut finder = Finder { found: false, bound: Vec::new() };
    finder.visit_type(ty);
    finder.found
}
