//! `cachekit::functions()`: every annotated function of the program.

use std::time::Duration;

use cachekit::testing::isolate;
use cachekit::{Cache, Function, Tier, TtlPolicy, cache, functions};

mod listed {
    use cachekit::cache;

    #[cache::local(ttl = "5m", capacity = 7)]
    pub(super) fn called(n: u32) -> u32 {
        n
    }

    // Nobody calls these.
    #[cache(ttl = |n| *n, version = 2, namespace = "ns")]
    #[allow(dead_code)]
    fn never_called(n: u64) -> u64 {
        n
    }

    pub(super) fn around() {
        fn deeper() {
            #[cache(weight = |_, _| 1, if = |_| true)]
            async fn nested_never_called(n: u32) -> u32 {
                n
            }
            let _ = nested_never_called;
        }
        let _ = deeper;
    }
}

struct Shop {
    cache: Cache<u32, u32>,
}

trait Priced {
    fn trait_method(&self, n: u32) -> u32;
}

impl Shop {
    #[cache(self = shared, ttl = 60)]
    pub(crate) fn method(&self, n: u32) -> u32 {
        n
    }

    #[cache(in = self.cache)]
    fn own_cache_method(&self, n: u32) -> u32 {
        n
    }
}

impl Priced for Shop {
    #[cache(self = shared)]
    fn trait_method(&self, n: u32) -> u32 {
        n
    }
}

#[cache::local]
fn generic_listed<T>(n: usize) -> usize {
    size_of::<T>() * n
}

/// Functions of one name and module, which only what is around them tells apart.
mod namesakes {
    use cachekit::cache;

    pub(super) struct A;
    pub(super) struct B<T>(pub(super) T);
    pub(super) trait Get {
        fn by_trait(&self) -> u8;
        async fn later(&self) -> u8;
    }

    macro_rules! namesakes {
        ($([$($impl:tt)*]),*) => {$(
            $($impl)* {
                #[cache::local(self = shared)]
                pub(super) fn namesake(&self, n: u8) -> u8 {
                    n
                }

                pub(super) fn outer(&self) -> u8 {
                    #[cache::local]
                    fn inner_namesake(n: u8) -> u8 {
                        n
                    }
                    inner_namesake(1)
                }
            }
        )*};
    }

    namesakes!([impl A], [impl<T> B<T>]);

    impl Get for A {
        #[cache::local(self = shared)]
        fn by_trait(&self) -> u8 {
            1
        }
        #[cache::local(self = shared)]
        async fn later(&self) -> u8 {
            1
        }
    }

    impl<T> Get for B<T> {
        #[cache::local(self = shared)]
        fn by_trait(&self) -> u8 {
            2
        }
        #[cache::local(self = shared)]
        async fn later(&self) -> u8 {
            2
        }
    }

    #[cache::local(name = other)]
    pub(super) fn plain_namesake(n: u8) -> u8 {
        n
    }
}

#[test]
fn functions_of_one_name_are_told_apart() {
    use namesakes::{A, B, Get};
    let (a, b) = (A, B(1_u16));
    assert_eq!((a.namesake(1), b.namesake(1), a.outer(), b.outer()), (1, 1, 1, 1));
    assert_eq!((a.by_trait(), b.by_trait(), namesakes::plain_namesake(1)), (1, 2, 1));
    drop((a.later(), b.later()));
    let paths = |name: &str| {
        let mut paths: Vec<String> = functions()
            .iter()
            .filter(|f| f.name() == name && f.module() == "it::forms::registry::namesakes")
            .map(Function::path)
            .collect();
        paths.sort_unstable();
        paths
    };
    assert_eq!(paths("namesake"), ["A::namesake", "B<_>::namesake"]);
    assert_eq!(
        paths("inner_namesake"),
        ["A::outer::inner_namesake", "B<_>::outer::inner_namesake"]
    );
    assert_eq!(paths("by_trait"), ["<A as Get>::by_trait", "<B<_> as Get>::by_trait"]);
    assert_eq!(paths("later"), ["<A as Get>::later", "<B<_> as Get>::later"]);
    assert_eq!(paths("plain_namesake"), ["plain_namesake"]);
    let shown = format!("{:?}", functions().iter().find(|f| f.path() == "A::namesake").unwrap());
    assert!(shown.contains("A::namesake"), "{shown}");
}

fn find(name: &str) -> Function {
    let here = |function: &Function| function.file().ends_with("it/forms/registry.rs");
    let mut all =
        functions().into_iter().filter(|function| function.name() == name && here(function));
    let found = all.next().unwrap_or_else(|| panic!("`{name}` is not listed"));
    assert!(all.next().is_none(), "`{name}` is listed twice");
    found
}

#[test]
fn functions_are_listed_with_their_place() {
    // What is told of a line is told of the next function's name.
    const BEFORE: u32 = line!();
    #[cache(ttl = 60)]
    fn placed(n: u32) -> u32 {
        n
    }
    let _test = isolate();
    placed(1);
    let function = find("placed");
    assert_eq!(function.line(), BEFORE + 2);
    assert!(function.file().ends_with("it/forms/registry.rs"));
    assert_eq!(function.module(), "it::forms::registry");
    assert_eq!(function.tier(), Tier::Shared);
}

#[test]
fn functions_that_nobody_called_are_listed() {
    listed::around();
    let never = find("never_called");
    assert_eq!(never.module(), "it::forms::registry::listed");
    let policy = never.policy();
    assert_eq!((policy.ttl, policy.version, policy.namespace), (TtlPolicy::Dynamic, 2, Some("ns")));
    assert!(!policy.is_async && !policy.weighted && !policy.conditional && !policy.own_cache);
    let nested = find("nested_never_called").policy();
    assert!(nested.is_async && nested.weighted && nested.conditional);
    assert_eq!((nested.ttl, nested.capacity), (TtlPolicy::Never, None));
    assert_eq!(never.stats(), cachekit::Stats::default());
}

#[test]
fn methods_and_generics_are_listed_once() {
    let _test = isolate();
    let shop = Shop { cache: Cache::new(5) };
    for n in 0..3 {
        shop.method(n);
        shop.own_cache_method(n);
        shop.trait_method(n);
    }
    generic_listed::<u8>(1);
    generic_listed::<u64>(1);
    generic_listed::<u64>(1);
    assert_eq!(find("method").policy().ttl, TtlPolicy::Fixed(Duration::from_secs(60)));
    assert_eq!(find("trait_method").stats().misses, 3);
    let generic = find("generic_listed").stats();
    assert_eq!((generic.misses, generic.hits, generic.entries), (2, 1, 2));
    let own = find("own_cache_method");
    assert!(own.policy().own_cache);
    assert_eq!((own.stats().misses, shop.cache.stats().misses), (0, 3));
}

#[test]
fn the_registry_counts_and_clears() {
    let _test = isolate();
    listed::called(1);
    listed::called(1);
    let function = find("called");
    assert_eq!(function.tier(), Tier::Local);
    assert_eq!(function.policy().capacity, Some(7));
    assert_eq!((function.stats().hits, function.stats().misses), (1, 1));
    assert_eq!(function.stats(), listed::called::stats());
    assert_eq!(function.clear_local(), 1);
    listed::called(1);
    assert_eq!(function.stats().misses, 2);
    let shown = format!("{function:?}");
    assert!(shown.contains("called") && shown.contains("registry.rs"), "{shown}");
}

#[test]
fn the_list_is_in_the_order_of_the_source() {
    let all = functions();
    let places: Vec<_> = all.iter().map(|function| (function.file(), function.line())).collect();
    assert!(places.is_sorted());
    let mine: Vec<_> = all
        .iter()
        .filter(|function| function.module() != "it::forms::registry::namesakes")
        .filter(|function| function.file().ends_with("it/forms/registry.rs"))
        .map(Function::name)
        .collect();
    let expected = [
        "called",
        "never_called",
        "nested_never_called",
        "method",
        "own_cache_method",
        "trait_method",
        "generic_listed",
        "placed",
    ];
    assert_eq!(mine, expected);
}
