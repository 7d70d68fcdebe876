//! The names that an expression takes from its surroundings.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, Block, Expr, ExprClosure, ExprConst, ExprForLoop, ExprIf, ExprLet, ExprPath,
    ExprWhile, Item, LitStr, Macro, Pat, Path, Stmt, Token, Type,
};

use super::parameter::names;
use crate::template::inline_names;

/// The variables that an expression does not bind itself, and its strings.
#[derive(Default)]
pub(crate) struct Free {
    names: BTreeSet<String>,
    /// The string literals that are not an argument of a macro.
    pub(crate) texts: Vec<LitStr>,
}

impl Free {
    pub(crate) fn of(expr: &Expr) -> Self {
        let mut finder = Finder::default();
        finder.visit_expr(expr);
        finder.free
    }

    /// Whether it uses the value of that name: a variable, or `self`.
    pub(crate) fn has(&self, name: &Ident) -> bool {
        self.has_text(&name.unraw().to_string())
    }

    /// The same by the name's text, without `r#`.
    pub(crate) fn has_text(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(crate) fn has_self(&self) -> bool {
        self.names.contains("self")
    }
}

#[derive(Default)]
struct Finder {
    free: Free,
    /// The names bound by the expression around the current position.
    bound: Vec<String>,
}

/// Macros that use no variables around them, whatever their arguments are.
const SILENT: [&str; 13] = [
    "concat",
    "stringify",
    "line",
    "column",
    "file",
    "module_path",
    "cfg",
    "env",
    "option_env",
    "include",
    "include_str",
    "include_bytes",
    "compile_error",
];

/// Macros that do not fill in strings. Any other is assumed to fill them in, as `format!` does.
const PLAIN_TEXTS: [&str; 3] = ["vec", "matches", "dbg"];

impl Finder {
    fn take(&mut self, name: &str) {
        let name = name.strip_prefix("r#").unwrap_or(name);
        if !self.bound.iter().any(|bound| bound == name) {
            self.free.names.insert(name.to_owned());
        }
    }

    fn bind(&mut self, pattern: &Pat) {
        self.bound.extend(names(pattern).iter().map(|name| name.unraw().to_string()));
    }

    /// Bindings made inside end with it.
    fn scope(&mut self, inside: impl FnOnce(&mut Self)) {
        let outer = self.bound.len();
        inside(self);
        self.bound.truncate(outer);
    }

    fn arguments(&mut self, arguments: Vec<Argument>, fills_texts: bool) {
        let own: Vec<String> =
            arguments.iter().filter_map(|argument| argument.name.clone()).collect();
        for Argument { value, .. } in arguments {
            match text(&value) {
                Some(text) if fills_texts => {
                    for name in inline_names(&text.value()) {
                        if !own.contains(&name) {
                            self.take(&name);
                        }
                    }
                }
                Some(_) => {}
                None => self.visit_expr(&value),
            }
        }
    }

    /// `matches!(value, pattern if condition)`.
    fn matches(&mut self, (value, pattern, condition): (Expr, Pat, Option<Expr>)) {
        self.visit_expr(&value);
        self.scope(|finder| {
            finder.bind(&pattern);
            if let Some(condition) = &condition {
                finder.visit_expr(condition);
            }
        });
    }

    /// Words that could be variables: not fields, methods or parts of paths.
    fn words(&mut self, tokens: TokenStream, fills_texts: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |index: Option<usize>, sign: char| {
            let token = index.and_then(|index| tokens.get(index));
            matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
        };
        for (index, token) in tokens.iter().enumerate() {
            let back = |count: usize| index.checked_sub(count);
            match token {
                TokenTree::Group(group) => self.words(group.stream(), fills_texts),
                TokenTree::Ident(word) => {
                    let field = is(back(1), '.') && !is(back(2), '.');
                    let in_path = (is(back(1), ':') && is(back(2), ':'))
                        || (is(Some(index + 1), ':') && is(Some(index + 2), ':'));
                    let lifetime = is(back(1), '\'');
                    let called = is(Some(index + 1), '!') && !is(Some(index + 2), '=');
                    if !field && !in_path && !lifetime && !called {
                        self.take(&word.to_string());
                    }
                }
                TokenTree::Literal(literal) if fills_texts => {
                    let text = syn::parse2::<LitStr>(TokenTree::from(literal.clone()).into());
                    if let Ok(text) = text {
                        for name in inline_names(&text.value()) {
                            self.take(&name);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// The argument of a macro: `value`, or `name = value`.
struct Argument {
    name: Option<String>,
    value: Expr,
}

fn argument(input: ParseStream<'_>) -> syn::Result<Argument> {
    let named =
        input.peek(syn::Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==]);
    let name = if named {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        Some(name.unraw().to_string())
    } else {
        None
    };
    Ok(Argument { name, value: input.parse()? })
}

/// `a, b, c = d`, or `a; n`.
fn arguments(input: ParseStream<'_>) -> syn::Result<Vec<Argument>> {
    let ahead = input.fork();
    if ahead.parse::<Expr>().is_ok() && ahead.peek(Token![;]) {
        let first = argument(input)?;
        input.parse::<Token![;]>()?;
        return Ok(vec![first, argument(input)?]);
    }
    let all = Punctuated::<Argument, Token![,]>::parse_terminated_with(input, argument)?;
    Ok(all.into_iter().collect())
}

fn matched(input: ParseStream<'_>) -> syn::Result<(Expr, Pat, Option<Expr>)> {
    let value = input.parse()?;
    input.parse::<Token![,]>()?;
    let pattern = Pat::parse_multi_with_leading_vert(input)?;
    let condition =
        if input.parse::<Option<Token![if]>>()?.is_some() { Some(input.parse()?) } else { None };
    input.parse::<Option<Token![,]>>()?;
    Ok((value, pattern, condition))
}

fn text(expr: &Expr) -> Option<&LitStr> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            syn::Lit::Str(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

impl Visit<'_> for Finder {
    fn visit_expr(&mut self, expr: &Expr) {
        match expr {
            // Generated by us, or newer than the parser.
            Expr::Verbatim(tokens) => self.words(tokens.clone(), false),
            expr => visit::visit_expr(self, expr),
        }
    }

    fn visit_expr_path(&mut self, path: &ExprPath) {
        if let (None, Some(name)) = (&path.qself, path.path.get_ident()) {
            self.take(&name.to_string());
        }
    }

    fn visit_lit_str(&mut self, text: &LitStr) {
        self.free.texts.push(text.clone());
    }

    fn visit_expr_closure(&mut self, closure: &ExprClosure) {
        self.scope(|finder| {
            closure.inputs.iter().for_each(|input| finder.bind(input));
            finder.visit_expr(&closure.body);
        });
    }

    fn visit_block(&mut self, block: &Block) {
        self.scope(|finder| {
            // Items are visible from the start of their block.
            for stmt in &block.stmts {
                match stmt {
                    Stmt::Item(Item::Const(item)) => finder.bound.push(item.ident.to_string()),
                    Stmt::Item(Item::Static(item)) => finder.bound.push(item.ident.to_string()),
                    Stmt::Item(Item::Fn(item)) => finder.bound.push(item.sig.ident.to_string()),
                    _ => {}
                }
            }
            for stmt in &block.stmts {
                finder.visit_stmt(stmt);
                if let Stmt::Local(local) = stmt {
                    finder.bind(&local.pat);
                }
            }
        });
    }

    fn visit_arm(&mut self, arm: &Arm) {
        self.scope(|finder| {
            if let Pat::Guard(guarded) = &arm.pat {
                finder.bind(&guarded.pat);
                finder.visit_expr(&guarded.guard);
            } else {
                finder.bind(&arm.pat);
            }
            finder.visit_expr(&arm.body);
        });
    }

    fn visit_expr_if(&mut self, found: &ExprIf) {
        self.scope(|finder| {
            finder.visit_expr(&found.cond);
            finder.visit_block(&found.then_branch);
        });
        if let Some((_, otherwise)) = &found.else_branch {
            self.visit_expr(otherwise);
        }
    }

    fn visit_expr_while(&mut self, found: &ExprWhile) {
        self.scope(|finder| {
            finder.visit_expr(&found.cond);
            finder.visit_block(&found.body);
        });
    }

    /// Binds for the rest of the condition and for what it guards.
    fn visit_expr_let(&mut self, found: &ExprLet) {
        self.visit_expr(&found.expr);
        self.bind(&found.pat);
    }

    fn visit_expr_for_loop(&mut self, found: &ExprForLoop) {
        self.visit_expr(&found.expr);
        self.scope(|finder| {
            finder.bind(&found.pat);
            finder.visit_block(&found.body);
        });
    }

    fn visit_macro(&mut self, found: &Macro) {
        let name = found.path.segments.last().map(|last| last.ident.to_string());
        let name = name.unwrap_or_default();
        if SILENT.contains(&name.as_str()) {
            return;
        }
        let fills_texts = !PLAIN_TEXTS.contains(&name.as_str());
        if name == "matches"
            && let Ok(parts) = matched.parse2(found.tokens.clone())
        {
            return self.matches(parts);
        }
        match arguments.parse2(found.tokens.clone()) {
            Ok(arguments) => self.arguments(arguments, fills_texts),
            Err(_) => self.words(found.tokens.clone(), fills_texts),
        }
    }

    // None of these sees a variable of the function.
    fn visit_expr_const(&mut self, _: &ExprConst) {}
    fn visit_item(&mut self, _: &Item) {}
    fn visit_attribute(&mut self, _: &Attribute) {}
    fn visit_type(&mut self, _: &Type) {}
    fn visit_path(&mut self, _: &Path) {}
    fn visit_pat(&mut self, _: &Pat) {}
    fn visit_angle_bracketed_generic_arguments(&mut self, _: &syn::AngleBracketedGenericArguments) {
    }
}
