//! A function's generics without some of them.

use proc_macro2::Ident;
use syn::punctuated::Punctuated;
use syn::{GenericParam, Generics, Token, TypeParamBound, WherePredicate};

use crate::signature::{Node, names};

/// Removes parameters, and every bound that mentions them.
pub(super) fn leave_out(generics: &mut Generics, left_out: &[Ident]) {
    let words: Vec<String> = left_out.iter().map(ToString::to_string).collect();
    let params = std::mem::take(&mut generics.params);
    generics.params = params
        .into_iter()
        .filter(|param| match param {
            GenericParam::Type(param) => !left_out.contains(&param.ident),
            GenericParam::Const(param) => !left_out.contains(&param.ident),
            GenericParam::Lifetime(_) => true,
        })
        .map(|mut param| {
            if let GenericParam::Type(param) = &mut param {
                keep_other_bounds(&mut param.bounds, &words);
            }
            param
        })
        .collect();
    if let Some(clause) = &mut generics.where_clause {
        let predicates = std::mem::take(&mut clause.predicates);
        clause.predicates = predicates
            .into_iter()
            .filter_map(|mut predicate| {
                if let WherePredicate::Type(predicate) = &mut predicate
                    && !speaks_of(&predicate.bounded_ty, &words)
                {
                    keep_other_bounds(&mut predicate.bounds, &words);
                }
                (!speaks_of(&predicate, &words)).then_some(predicate)
            })
            .collect();
    }
}

fn keep_other_bounds(bounds: &mut Punctuated<TypeParamBound, Token![+]>, words: &[String]) {
    let all = std::mem::take(bounds);
    *bounds = all.into_iter().filter(|bound| !speaks_of(bound, words)).collect();
}

fn speaks_of(node: &impl Node, words: &[String]) -> bool {
    words.iter().any(|word| names(node, word))
}
