//! What `macro_rules!` passes on, in functions: every kind of fragment in every place of a signature.

// A bound in either place is a row of the table.
#![allow(clippy::multiple_bound_locations)]

use std::fmt::{Debug, Display};
use std::future::Future;
use std::pin::Pin;

use cachekit::cache;
use cachekit::testing::isolate;
use cachekit_tests::{Runs, block_on};

static RUNS: Runs = Runs::new();

/// Takes a function apart into fragments, and writes it twice: cached, and plain in a module.
macro_rules! both {
    ($(
        $(#[$m:meta])*
        $v:vis fn $name:ident [$($l:lifetime)?] [$($g:ident: $bound:path)?] [$(const $n:ident: $c:ty)?]
        ($($arg:pat => $ty:ty),*) -> $ret:ty [$(where $w:ty: $wb:path)?] $body:block
    )*) => {
        $(
            #[cache::local]
            $(#[$m])*
            $v fn $name<$($l,)? $($g: $bound + Debug + std::hash::Hash + Eq + Clone + Send + Sync + 'static,)? $(const $n: $c)?>
                ($($arg: $ty),*) -> $ret $(where $w: $wb)? $body
        )*
        mod plain {
            use super::*;
            $(
                $(#[$m])*
                pub(super) fn $name<$($l,)? $($g: $bound + Debug + std::hash::Hash + Eq + Clone + Send + Sync + 'static,)? $(const $n: $c)?>
                    ($($arg: $ty),*) -> $ret $(where $w: $wb)? $body
            )*
        }
    };
}

trait Both: Debug {
    fn name(&self) -> String;
}

type Pair = (u32, u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Point {
    x: u32,
    y: u32,
}

both! {
    pub(crate) fn twice[][][](n => u32) -> u32 [] { n * 2 }
    pub(crate) fn units[][][]() -> () [] {}
    fn patterns[][][]((a, b) => Pair, Point { x, y } => Point, [c, _] => [u32; 2], mut d => u32) -> u32 [] {
        d += 1;
        a * b * x * y * c * d
    }
    #[must_use]
    #[allow(clippy::needless_pass_by_value)]
    fn generic[][T: std::fmt::Display][](value => T) -> String [where T: Display] { format!("<{value}>") }
    fn sized[][][const N: usize](values => [u8; N]) -> usize [where [u8; N]: Debug] { values.len() + N }
    fn borrowed['a][][](text => &'a str, also => Option<&'a str>) -> Vec<String> [] {
        also.into_iter().chain([text]).map(str::to_owned).collect()
    }
    fn returned[][][](n => u32) -> Result<Option<Vec<u32>>, std::num::ParseIntError> [] {
        let more: u32 = "7".parse()?;
        Ok(Some(vec![n, more]))
    }
}

#[test]
fn signatures() {
    let _test = isolate();
    for _ in 0..2 {
        for n in 0..3 {
            assert_eq!(twice(n), plain::twice(n));
            assert_eq!(returned(n), plain::returned(n));
            let point = Point { x: n, y: n + 1 };
            assert_eq!(
                patterns((n, 2), point, [n, 5], n),
                plain::patterns((n, 2), point, [n, 5], n)
            );
            assert_eq!((generic(n), generic("n")), (plain::generic(n), plain::generic("n")));
        }
        units();
        plain::units();
        assert_eq!((sized([1, 2]), sized([1])), (plain::sized([1, 2]), plain::sized([1])));
        assert_eq!(borrowed("a", Some("b")), plain::borrowed("a", Some("b")));
    }
    let entries = [
        twice::stats().entries,
        returned::stats().entries,
        patterns::stats().entries,
        generic::stats().entries,
        sized::stats().entries,
        borrowed::stats().entries,
    ];
    assert_eq!(entries, [3, 3, 3, 4, 2, 1]);
}

/// A whole function as one fragment, and bodies whose fragments must stay untouched.
macro_rules! whole {
    ($i:item, $e:expr, $s:stmt, $m:meta, $t:ty, $object:ty, $ret:ty, $output:ty, $name:ident, $n:ident, $more:ident, $b:block) => {
        #[cache::local]
        $i

        #[cache::local(ttl = 60)]
        #[$m]
        fn w_body(n: u32) -> u32 {
            $s
            10 * $e + $more + n
        }

        #[cache::local(ttl = 60)]
        fn w_inner(n: u32) -> u32 {
            #![$m]
            $s
            10 * $e + $more + n
        }

        #[cache::local(skip(object))]
        fn w_object(n: u32, object: &$object) -> String {
            format!("{n} {}", object.name())
        }

        #[cache::local(skip(object))]
        fn w_mutable(object: &mut $object, n: $t) -> String {
            format!("{n} {}", object.name())
        }

        #[cache::local]
        fn w_boxed($n: $t) -> $ret $b

        #[cache::local]
        fn w_opaque(n: $t) -> impl Future<Output = $output> + Send { async move { RUNS.add(); n * 10 } }

        #[cache::local]
        async fn $name(n: $t) -> $output { RUNS.add(); 10 * $e + n }
    };
}

whole!(
    #[inline]
    pub(crate) fn w_item(n: u32) -> u32 {
        RUNS.add();
        n * 3
    },
    1 + 2,
    let more = 4,
    allow(unused_variables),
    u32,
    dyn Both + Sync,
    Pin<Box<dyn Future<Output = u32> + Send>>,
    u32,
    w_async,
    n,
    more,
    { Box::pin(async move { n * 5 }) }
);

impl Both for u32 {
    fn name(&self) -> String {
        format!("object {self}")
    }
}

#[test]
fn whole_functions_and_bodies() {
    let _test = isolate();
    for _ in 0..2 {
        assert_eq!((w_item(1), w_item(2)), (3, 6));
        assert_eq!((w_body(1), w_body(2), w_inner(1), w_inner(2)), (35, 36, 35, 36));
        assert_eq!(
            (w_object(1, &7_u32), w_object(2, &7_u32)),
            ("1 object 7".into(), "2 object 7".into())
        );
        assert_eq!(w_mutable(&mut 8_u32, 1), "1 object 8");
        block_on(async {
            assert_eq!((w_boxed(1).await, w_opaque(1).await, w_async(1).await), (5, 10, 31));
        });
    }
    assert_eq!(RUNS.take(), 4);
    assert_eq!((w_object::stats().entries, w_mutable::stats().entries), (2, 1));
}

struct Shop(u32);

/// The same in an `impl`.
macro_rules! methods {
    ($this:ident, $v:vis, $t:ty, $own:ty, $key:expr, $i:item, $b:block, $p:pat) => {
        impl Shop {
            #[cache::local(self = key($this.0))]
            $v fn price(&$this, $p: $t) -> $t $b

            #[cache::local(self = shared, key = $key)]
            $i

            #[cache::local(self = key($this.0))]
            $v fn typed($this: $own, n: $t) -> $t { $this.0 + n }
        }
    };
}

methods!(
    self,
    pub(crate),
    u32,
    &Self,
    (self.0, n),
    pub(crate) fn item(&self, n: u32) -> u32 {
        self.0 * n
    },
    { self.0 * item },
    item
);

#[test]
fn methods() {
    let _test = isolate();
    let (a, b) = (Shop(2), Shop(3));
    for _ in 0..2 {
        assert_eq!((a.price(5), b.price(5)), (10, 15));
        assert_eq!((a.item(5), b.item(5)), (10, 15));
        assert_eq!((a.typed(5), b.typed(5)), (7, 8));
    }
    assert!(
        a.price_cache(&5).contains() && a.item_cache(&5).contains() && a.typed_cache(&5).contains()
    );
}
