//! Type parameters that the key does not show.

use super::{accepts, expansion, refuses};

#[test]
fn a_type_of_skipped_arguments_only_is_decided_by_the_author() {
    let function = "async fn user<'e, X: Executor<'e>>(ex: X, id: i64) -> u8 { 1 }";
    refuses("skip(ex)", function, "X", "`X` occurs only in `ex`");
    refuses("skip(ex)", function, "X", "`skip(ex, X)`");
    refuses("skip(ex)", function, "X", "`key = (std::any::type_name::<X>(), id)`");
    refuses("key = id", function, "X", "`skip(X)`");
    accepts("skip(ex, X)", function);
    accepts("key = id, skip(X)", function);
    accepts("key = (std::any::type_name::<X>(), id)", function);
    refuses("key = id, skip(ex, X)", function, "skip", "`key` already says");
    // Whatever stands around it.
    for argument in ["&mut X", "Option<&X>", "[X; 2]", "Box<dyn Fn(X) -> u8>", "X::Connection"] {
        let function = format!("fn f<X>(ex: {argument}, id: u8) -> u8 where X: Db {{ 1 }}");
        refuses("skip(ex)", &function, "X", "`skip(ex, X)`");
        accepts("skip(ex, X)", &function);
    }
    let buffer = "fn f<const N: usize>(buffer: &mut [u8; N], id: u8) -> u8 { 1 }";
    refuses("skip(buffer)", buffer, "N", "`key = (N, id)`");
    accepts("skip(buffer, N)", buffer);
    refuses("skip(a, b)", "fn f<X>((a, b): (X, u8), id: u8) -> u8 { 1 }", "X", "`skip(a, b, X)`");
}

#[test]
fn what_decides_the_value_needs_no_decision() {
    for function in [
        "fn f<T>(ex: u8, id: T) -> u8 { 1 }",
        "fn f<T>(ex: Db<T>, id: T) -> u8 { 1 }",
        "fn f<T>(ex: Db<T>, id: u8) -> T { 1 }",
        "fn f<T>(ex: u8, id: u8) -> Vec<T> { 1 }",
        "fn f<T>(ex: u8, id: u8) -> u8 where T: Kind { 1 }",
        "fn f<'a, const N: usize>(ex: &'a u8, id: u8) -> [u8; N] { 1 }",
    ] {
        accepts("skip(ex)", function);
    }
    let both = "fn f<X, T>(ex: Db<X, T>, id: T) -> u8 { 1 }";
    refuses("skip(ex)", both, "X", "`skip(ex, X)`");
    refuses("skip(ex, X, T)", both, "T", "in the type of `id`, which is a part of the key");
    accepts("skip(ex, X)", both);
    let returned = "fn f<T>(ex: Db<T>, id: u8) -> Result<u8, T::Error> { 1 }";
    refuses("skip(ex, T)", returned, "T", "in the return type");
    refuses(
        "key = (T::ID, id), skip(T)",
        "fn f<T>(ex: T, id: u8) -> u8 { 1 }",
        "T",
        "`key` names it",
    );
    // It may be left out even so, if the author says that it does not matter.
    accepts("skip(T)", "fn f<T: Kind>(id: u8) -> u8 { 1 }");
    refuses("skip(Y)", "fn f<T: Kind>(id: u8) -> u8 { 1 }", "Y", "no argument is called `Y`");
}

#[test]
fn a_type_without_a_name_needs_one() {
    let function = "fn f(ex: &mut impl Executor, id: u8) -> u8 { 1 }";
    refuses("skip(ex)", function, "impl Executor", "`fn f<X: …>(ex: X, …)` with `skip(ex, X)`");
    refuses("key = id", function, "impl Executor", "with `skip(X)`");
    accepts("key = (id, ex.id())", function);
    accepts("skip(ex)", "fn f(ex: &dyn Executor, id: u8) -> u8 { 1 }");
    let mixed = "fn f<X>(ex: X, id: impl Hash) -> u8 { 1 }";
    refuses("skip(ex, X)", mixed, "X", "beside an argument of type `impl Trait`");
}

#[test]
fn a_cache_of_ones_own_does_not_see_types() {
    let function = "fn f<T: Kind>(id: u8) -> u8 { 1 }";
    refuses("in = USERS", function, "T", "the same entries for every `T`");
    accepts("in = USERS, skip(T)", function);
    accepts("in = USERS, key = (T::ID, id)", function);
    accepts("in = USERS", "fn f<T: Kind>(id: T) -> u8 { 1 }");
    refuses("in = USERS, skip(ex)", "fn f<X>(ex: X, id: u8) -> u8 { 1 }", "X", "`skip(ex, X)`");
    // Whose cache it is says it.
    accepts("in = cache_of::<T>()", function);
    accepts("in = T::CACHE", function);
    // What is around is not known here, so this can be said in any case.
    accepts("in = USERS, skip(Self)", "fn f(id: u8) -> u8 { Self::ID }");
    accepts("in = USERS, skip(Self, T)", function);
    accepts("in = USERS, skip(Self), key = id", "fn f(id: u8) -> u8 { Self::ID }");
}

#[test]
fn a_method_of_a_trait_has_no_place_for_it() {
    let method = "fn f<X>(&self, ex: X, id: u8) -> u8 { 1 }";
    refuses("self = shared, skip(ex, X)", method, "X", "cache a function that the method calls");
    accepts("self = shared, skip(ex, X), name = f_cache", method);
    accepts("self = shared, skip(ex, X)", &format!("pub {method}"));
    accepts("in = self.cache, skip(ex, X)", method);
}

#[test]
fn companions_do_not_name_it() {
    let dense = |text: String| text.split_whitespace().collect::<String>();
    let function = "fn f<T: From<X> + Hash, X: Db<T>>(ex: X, id: T) -> u8 where X: Sized, T: Eq + Into<X> { 1 }";
    let emitted = dense(expansion("skip(ex, X)", function));
    assert!(emitted.contains("[<T:Hash>][whereT:Eq][::<T>][id:&T,]"), "{emitted}");
    assert!(emitted.contains("whereT:Eq{"), "{emitted}");
    // The function itself is called with all of them.
    assert!(emitted.contains("f::<T,X>("), "{emitted}");
    let emitted = dense(expansion("skip(ex, X)", "fn f<X>(ex: X, id: u8) -> u8 { 1 }"));
    assert!(emitted.contains("FunctionRef::new("), "{emitted}");
}
