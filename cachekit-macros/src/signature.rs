//! The function's signature: its parameters, what it returns, whether it is async, where it is
//! allowed.

mod around;
mod behind;
mod borrowed;
mod free;
mod named;
mod parameter;
mod returned;
mod tokens;

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::visit::{self, Visit};
use syn::{
    Attribute, FnArg, GenericParam, Receiver, Signature, Token, TypeImplTrait, Visibility, token,
};

use crate::args::Args;
use crate::fragments;

pub(crate) use around::Around;
pub(crate) use borrowed::borrows;
pub(crate) use free::Free;
pub(crate) use named::{Node, awaits, names};
pub(crate) use parameter::{Form, Parameter};
pub(crate) use returned::{Flavor, Returned, plain};
pub(crate) use tokens::{begins_path, mentions_self_type};

/// A function as far as we read it: the signature is parsed, the body stays unchanged, so
/// that half-typed code keeps its own error messages.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The braces; absent for a method that a trait only declares.
    pub(crate) body: Option<Group>,
}

impl Function {
    /// Reads an item. Anything but a function is a mistake.
    pub(crate) fn parse(item: TokenStream) -> syn::Result<Self> {
        Self::read.parse2(item)
    }

    fn read(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        refuse_other_items(input)?;
        let sig: Signature = input.parse()?;
        let body = if input.peek(token::Brace) {
            let body: Group = input.parse()?;
            let (inner, rest) = split_inner_attributes(body.stream())?;
            attrs.extend(inner);
            let mut stripped = Group::new(body.delimiter(), rest);
            stripped.set_span(body.span());
            Some(stripped)
        } else {
            input.parse::<Token![;]>()?;
            None
        };
        Ok(Function { attrs, vis, sig, body })
    }

    /// Its parameters, without the receiver.
    pub(crate) fn parameters(&self) -> Vec<Parameter> {
        let typed = self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        typed
            .enumerate()
            .map(|(index, typed)| Parameter::new(index, typed, &self.sig.ident))
            .collect()
    }

    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.sig.receiver()
    }

    /// Whether it is in an `impl` or a `trait`, as far as the tokens show. [`Around::of_self`] may know more.
    pub(crate) fn is_associated(&self, args: &Args) -> bool {
        self.receiver().is_some()
            || args.self_key.is_given()
            || named::has_keyword(&self.sig, "Self")
            || self.body.as_ref().is_some_and(|body| mentions_self_type(body.stream()))
    }

    /// Whether a parameter has a type that cannot be named in a turbofish.
    pub(crate) fn has_impl_parameters(&self) -> bool {
        struct Finder(bool);
        impl Visit<'_> for Finder {
            fn visit_type_impl_trait(&mut self, _: &TypeImplTrait) {
                self.0 = true;
            }
        }
        let mut finder = Finder(false);
        self.sig.inputs.iter().for_each(|input| visit::visit_fn_arg(&mut finder, input));
        finder.0
    }

    /// The names of its type and const parameters: what a turbofish must repeat.
    pub(crate) fn turbofish(&self) -> Vec<&Ident> {
        let named = self.sig.generics.params.iter().filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            GenericParam::Lifetime(_) => None,
        });
        named.collect()
    }
}

/// Says what the attribute is for if it is on another item.
fn refuse_other_items(input: ParseStream<'_>) -> syn::Result<()> {
    let starts_a_function = input.peek(Token![fn])
        || input.peek(Token![async])
        || input.peek(Token![unsafe])
        || input.peek(Token![extern])
        || (input.peek(Token![const]) && !input.peek2(syn::Ident) && !input.peek2(Token![_]));
    // `unsafe impl`, `unsafe trait` and `extern crate` start like functions.
    let goes_on_otherwise = input.peek2(Token![impl])
        || input.peek2(Token![trait])
        || input.peek2(Token![mod])
        || input.peek2(Token![crate])
        || (input.peek(Token![extern]) && (input.peek2(token::Brace) || input.peek3(token::Brace)));
    if starts_a_function && !goes_on_otherwise {
        return Ok(());
    }
    let advice = if input.peek(Token![impl]) || input.peek2(Token![impl]) {
        "; put the attribute on the methods to cache"
    } else {
        ""
    };
    let message = format!("only a function or a method can be cached{advice}");
    match input.fork().parse::<TokenTree>() {
        Ok(token) => Err(syn::Error::new_spanned(token, message)),
        Err(_) => Err(input.error(message)),
    }
}

/// A body may start with `#![…]`, which is an attribute of the function. We wrap the body, so these
/// attributes move out of it.
fn split_inner_attributes(body: TokenStream) -> syn::Result<(Vec<Attribute>, TokenStream)> {
    let mut tokens = body.clone().into_iter();
    let starts_with_one = matches!(tokens.next(), Some(TokenTree::Punct(punct)) if punct.as_char() == '#')
        && matches!(tokens.next(), Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
    if !starts_with_one {
        return Ok((Vec::new(), body));
    }
    // Once split, its tokens need the same treatment as every other token that is emitted anew.
    let body = fragments::statements(body);
    let split = |input: ParseStream<'_>| {
        let mut attrs = input.call(Attribute::parse_inner)?;
        for attr in &mut attrs {
            attr.style = syn::AttrStyle::Outer;
        }
        Ok((attrs, TokenStream::parse(input)?))
    };
    split.parse2(body)
}
