use super::{Around, File};

/// Looks around the only `here`.
fn around(source: &str) -> Around {
    at(source, source.find(" here").expect("the source has the name") + 1)
}

/// Looks around the `here` at this place.
fn at(source: &str, offset: usize) -> Around {
    File::read(source.to_owned()).at(offset, "here")
}

fn inherent(source: &str) -> bool {
    around(source).inherent_impl
}

#[test]
fn an_impl_of_a_type_is_known() {
    for source in [
        "impl A { fn here() {} }",
        "impl<T: Clone> A<T> where T: for<'a> B<'a> { fn a() { if x { y() } } #[cache] fn here() {} }",
        "mod m { struct A; impl A { fn a(&self) -> [u8; 4] { [0; 4] } const fn here() {} } }",
        "/// impl Trait for A {\nimpl A { /* } /* } */ */ fn here() {} }",
        "impl A { const C: char = '}'; const D: char = '\\''; fn a<'a>(s: &'a str) {} fn here() {} }",
        "impl A { const S: &str = \"} \\\" }\"; const R: &str = r#\"}\"}\"#; fn here() {} }",
        "impl A { const S: &[u8] = b\"}\"; const R: &CStr = cr\"}\\\"; fn r#here() {} }",
        "#[allow(dead_code)] #[doc = \"}\"] #[cfg(unix)] unsafe impl A { fn here() {} }",
        "fn f() { impl A { fn here() {} } }",
        "macro_rules! m { ($t:ty) => { impl $t { fn here() {} } } }",
        "impl A<dyn for<'a> Fn(&'a u8)> { fn here() {} }",
    ] {
        assert!(inherent(&source.replace("r#here", "here")), "{source}");
    }
}

#[test]
fn what_may_not_be_one_is_none() {
    for source in [
        "fn here() {}",
        "impl B for A { fn here() {} }",
        "impl<T> B<T> for <T as C>::D { fn here() {} }",
        "trait B { fn here() {} }",
        "#[async_trait] impl A { fn here() {} }",
        "#[doc = \"x\"] #[ext(Name)] impl A { fn here() {} }",
        "impl A { fn a() { fn here() {} } }",
        "impl A { m! { fn here() {} } }",
        "m!(impl A, here);",
        "m! { impl A; here }",
        "macro_rules! m { ($($h:tt)*) => { impl $($h)* { fn here() {} } } }",
        "macro_rules! m { ($($h:tt)*) => { $($h)* { fn here() {} } } }",
        "extern \"C\" { fn here(); }",
        "impl A<{ 1 }> { fn here() {} }",
    ] {
        assert!(!inherent(source), "{source}");
    }
}

#[test]
fn the_functions_of_self_are_known() {
    for source in [
        "impl A { fn here() {} }",
        "impl B for A { fn here() {} }",
        "#[async_trait] impl<T> B<T> for <T as C>::D { fn other() { x() } fn here() {} }",
        "trait B { fn here() {} }",
        "#[ext] pub(in a::b) unsafe trait B<T>: for<'a> C<'a> + D where T: E { fn here() {} }",
        "pub trait B { const C: u8 = { 1 }; fn here() {} }",
        "macro_rules! m { ($t:ty) => { impl B for $t { fn here() {} } } }",
    ] {
        assert!(around(source).of_self, "{source}");
    }
    for source in [
        "fn here() {}",
        "pub mod a { fn here() {} }",
        "impl A { fn a() { fn here() {} } }",
        "fn a(b: impl B) -> impl B { fn here() {} }",
        "trait B { const C: () = { fn here() {} }; }",
        "impl A { m! { fn here() {} } }",
        "m!(impl A, here);",
        "extern \"C\" { fn here(); }",
        "pub { fn here() {} }",
    ] {
        assert!(!around(source).of_self, "{source}");
    }
}

#[test]
fn types_and_modules_beside_the_function_are_known() {
    let taken = |source: &str| around(source).types.iter().any(|(name, _)| name == "here");
    for source in [
        "mod here; fn f() {}",
        "mod a { fn here() {} mod here { } }",
        "fn f() { struct here {} fn here() {} }",
        "pub(crate) enum here { A } fn here() {}",
        "#[derive(Debug)] struct here; fn here() {}",
        "#[cfg(unix)] fn f() {} trait here {} fn here() {}",
    ] {
        let source =
            source.replacen("fn f() {}", "fn here() {}", usize::from(!source.contains("fn here")));
        let around = at(&source, source.find("fn here").unwrap() + 3);
        assert!(around.types.iter().any(|(name, _)| name == "here"), "{source}");
    }
    for source in
        ["fn here() { } mod other { mod there {} }", "fn f() {} mod a { fn b() {} } fn here() {}"]
    {
        assert!(!taken(source), "{source}");
    }
    for source in [
        "#[cfg(windows)] mod here; fn here() {}",
        "mod a { mod here {} } fn here() {}",
        "fn a() { struct here; } fn here() {}",
        "#[some::attribute] struct here; fn here() {}",
        "// mod here;\nfn here() {}",
        "const A: &str = \"mod here;\"; fn here() {}",
    ] {
        let around = at(source, source.find("fn here").unwrap() + 3);
        assert!(around.types.iter().all(|(name, _)| name != "here"), "{source}");
    }
}

#[test]
fn the_parameters_of_the_block_are_known() {
    for (source, expected) in [
        ("impl A { fn here() {} }", ""),
        ("impl<'a> A<'a> { fn here() {} }", ""),
        ("impl B<u8> for A<C> { fn here() {} }", ""),
        ("impl<T> A<T> { fn here() {} }", "T+"),
        ("impl<'a, T: B<U, C> + 'a, U, const N: usize> A<T, [U; N]> { fn here() {} }", "T+ U+ N+"),
        ("impl<#[cfg(x)] T: Fn(u8, U) -> V, U> A<T> { fn here() {} }", "T+ U-"),
        ("impl<T, U> B<T> for A<U> where T: for<'a> C<'a> { fn here() {} }", "T- U+"),
        ("impl<T> B for <T as C>::D { fn here() {} }", "T+"),
        ("impl<r#type> A<r#type> { fn here() {} }", "type+"),
        ("trait B { fn here() {} }", "Self+"),
        ("pub trait B<T = Vec<u8>, U>: C<T> { fn here() {} }", "Self+ T- U-"),
        ("macro_rules! m { ($t:ident) => { impl<$t: B> A<$t> { fn here() {} } } }", ""),
        ("fn f<T>() { fn here() {} }", ""),
        ("mod m { fn here() {} }", ""),
    ] {
        let around = around(source);
        let found = around.parameters.iter().map(|parameter| {
            let sign = if parameter.in_self { '+' } else { '-' };
            format!("{}{sign}", parameter.name)
        });
        assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{source}");
    }
}

#[test]
fn places_are_found_in_characters() {
    let offset = |source: &str, line, column| File::read(source.to_owned()).offset(line, column);
    assert_eq!(offset("ab\nä here", 2, 2), Some(6));
    assert_eq!(offset("\u{feff}here", 1, 0), Some(3));
    assert_eq!(offset("here", 2, 0), None);
    assert_eq!(offset("here", 0, 0), None);
    // Another text than the compiler read.
    assert!(!at("impl A { fn there() {} }", 12).inherent_impl);
    let raw = "impl A { fn r#here() {} }";
    assert!(at(raw, 12).inherent_impl && File::read(raw.to_owned()).at(12, "r#here").inherent_impl);
}
