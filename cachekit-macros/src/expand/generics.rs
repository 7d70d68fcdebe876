//! A function's generics without some of them.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{GenericParam, Generics, Token, TypeParamBound, WherePredicate};

use crate::signature::mentions;

/// Removes parameters, and every bound that mentions them.
pub(super) fn leave_out(generics: &mut Generics, left_out: &[Ident]) {
    let names: Vec<String> = left_out.iter().map(ToString::to_string).collect();
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
                keep_other_bounds(&mut param.bounds, &names);
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
                    && !speaks_of(&predicate.bounded_ty, &names)
                {
                    keep_other_bounds(&mut predicate.bounds, &names);
                }
                (!speaks_of(&predicate, &names)).then_some(predicate)
            })
            .collect();
    }
}

fn keep_other_bounds(bounds: &mut Punctuated<TypeParamBound, Token![+]>, names: &[String]) {
    let all = std::mem::take(bounds);
    *bounds = all.into_iter().filter(|bound| !speaks_of(bound, names)).collect();
}

fn speaks_of(tokens: &impl ToTokens, names: &[String]) -> bool {
    names.iter().any(|name| mentions(tokens.to_token_stream(), name))
}
