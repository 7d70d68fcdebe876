//! Groups without delimiters, as `macro_rules!` makes them.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::tokens;
use crate::fragments::{item, options};

/// Tokens in which `$[…]` stands for a group without delimiters.
fn with_groups(source: &str) -> TokenStream {
    fn grouped(tokens: TokenStream) -> TokenStream {
        let mut emitted: Vec<TokenTree> = Vec::new();
        for token in tokens {
            let TokenTree::Group(group) = token else {
                emitted.push(token);
                continue;
            };
            let is_fragment =
                matches!(emitted.last(), Some(TokenTree::Punct(sign)) if sign.as_char() == '$');
            let delimiter = if is_fragment { Delimiter::None } else { group.delimiter() };
            if is_fragment {
                emitted.pop();
            }
            emitted.push(Group::new(delimiter, grouped(group.stream())).into());
        }
        emitted.into_iter().collect()
    }
    grouped(tokens(source))
}

fn dense(tokens: &TokenStream) -> String {
    tokens.to_string().split_whitespace().collect()
}

#[track_caller]
fn opens(source: &str, expected: &str) {
    let expected = dense(&tokens(expected));
    assert_eq!(dense(&options(with_groups(source))), expected, "{source}");
    // Wherever it stands.
    let nested = format!("a = (b, {{ {source} }})");
    assert_eq!(dense(&options(with_groups(&nested))), format!("a=(b,{{{expected}}})"), "{source}");
}

#[test]
fn expressions_keep_their_precedence() {
    opens("10 * $[a + b]", "10 * (a + b)");
    opens("10 * $[a + $[b * 2]]", "10 * (a + (b * 2))");
    opens("- $[a.b]", "- (a.b)");
    opens("$[self.f](1)", "(self.f)(1)");
    opens("$[-1].pow(2)", "(-1).pow(2)");
    opens("$[&a].len()", "(&a).len()");
    opens("! $[a as u8]", "! (a as u8)");
    opens("m!(10 * $[a + b])", "m!(10 * (a + b))");
    opens("if = $[|v| v.ok]", "if = (|v| v.ok)");
    opens("$[S { a: 1 }]", "(S { a: 1 })");
    opens("$[1..2]", "(1..2)");
    opens("$[return a]", "(return a)");
}

#[test]
fn what_is_one_token_or_a_path_stays_bare() {
    for bare in ["a", "60", "\"5m\"", "(a, b)", "{ a }", "[a]", "a::b", "A::<u8>::new", "!"] {
        opens(&format!("x = $[{bare}]"), &format!("x = {bare}"));
    }
    opens("x = $[-1], y = - $[-1]", "x = -1, y = - -1");
    opens("$[$[$[a]]]", "a");
    opens("vis = $[], $[pub(crate)] $[]", "vis = pub(self), pub(crate)");
}

#[test]
fn types_and_patterns() {
    opens("& $[dyn A + B]", "&(dyn A + B)");
    opens("&'a mut $[dyn A + 'a]", "&'a mut (dyn A + 'a)");
    opens("Box<$[dyn A + B]>", "Box<dyn A + B>");
    opens("Vec<$[Vec<u8>]>", "Vec<Vec<u8>>");
    opens("-> $[impl Future<Output = $[u8]> + Send]", "-> impl Future<Output = u8> + Send");
    opens("$[Vec<u8>]::new()", "<Vec<u8>>::new()");
    opens("$[[u8]]::len()", "<[u8]>::len()");
    opens("$[u8]::MAX", "u8::MAX");
    opens("a as $[u8] < b", "a as (u8) < b");
    opens("|$[ref a]| $[mut b]", "|ref a| mut b");
    opens("$[A(ref x) | B(ref x)]: T", "(A(ref x) | B(ref x)): T");
    opens("Foo<$[-1]>", "Foo<-1>");
    opens("T: $[a::Bound] + $['a]", "T: a::Bound + 'a");
}

#[test]
fn statements_items_and_attributes() {
    opens("$[let a = 1];", "let a = 1;");
    opens("$[let a = 1] a", "let a = 1; a");
    opens("$[fn a() {}] $[use a::b;] $[const A: u8 = 1;]", "fn a() {} use a::b; const A: u8 = 1;");
    opens("#[$[doc = \"a\"]] #[$[inline(always)]]", "#[doc = \"a\"] #[inline(always)]");
    opens("#![$[allow(a)]]", "#![allow(a)]");
}

#[test]
fn items_are_opened_and_bodies_are_not() {
    for (source, expected) in [
        ("$[] fn f() -> $[u8] { $[a + b] }", "fnf()->u8{a+b}"),
        ("$[pub] fn f() $[{ $[a + b] }]", "pubfnf(){a+b}"),
        ("$[fn f(a: &$[dyn A + B]) { 10 * $[a + b] }]", "fnf(a:&(dynA+B)){10*a+b}"),
        ("#[$[a(b)]] $[fn f();]", "#[a(b)]fnf();"),
    ] {
        let opened = item(with_groups(source));
        assert_eq!(dense(&opened), expected, "{source}");
        let Some(TokenTree::Group(body)) = opened.into_iter().last() else { continue };
        let inner = body.stream().into_iter();
        let kept = inner.filter(|token| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::None));
        assert_eq!(kept.count(), source.matches("$[a + b]").count(), "{source}");
    }
}
