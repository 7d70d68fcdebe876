//! What `macro_rules!` passes on, in the options: every kind of fragment in every position that takes it.
//!
//! A fragment is one operand, whatever stands in it. Each row of a table compares the cached function with the plain
//! one, and says how many entries there have to be.

// What stands in the tables is written as a user would, with casts.
#![allow(clippy::cast_lossless, clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

use std::sync::Arc;
use std::time::Duration;

use cachekit::testing::{Scope, isolate};
use cachekit::{Cache, TtlPolicy, cache};
use cachekit_io::MemoryBackend;
use cachekit_io::testing::FaultyBackend;

use crate::secure::keyring;

/// Calls that tell `10 * (a + b)` from `10 * a + b`, and how often each table makes them.
const CALLS: [(u64, u64); 5] = [(1, 10), (2, 0), (0, 2), (10, 1), (3, 20)];

/// A function with a key of fragments, and how many entries the calls have.
macro_rules! keyed {
    ($($name:ident($a:ident, $b:ident): $kind:ident = [$($key:tt)*] with $entries:expr;)*) => {
        $(keyed!(@$kind $name $a $b $($key)*);)*
        #[test]
        fn keys() {
            let _test = isolate();
            $({
                for _ in 0..2 {
                    for (a, b) in CALLS {
                        let [first, ..] = $name(a, b);
                        // Calls of one key have one result: that of the first of them.
                        let plain = CALLS.iter().find(|(x, y)| $name::key(x, y) == $name::key(&a, &b));
                        assert_eq!(plain, Some(&(first, $name(a, b)[1])), stringify!($name));
                    }
                }
                assert_eq!($name::stats().entries, $entries, stringify!($name));
            })*
        }
    };
    (@expr $name:ident $a:ident $b:ident $e:expr) => {
        #[cache::local(key = 10 * $e)]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@before $name:ident $a:ident $b:ident $e:expr) => {
        #[cache::local(key = $e * 10)]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@method $name:ident $a:ident $b:ident $e:expr) => {
        #[cache::local(key = $e.pow(2))]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@whole $name:ident $a:ident $b:ident $e:expr) => {
        #[cache::local(key = $e)]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@part $name:ident $a:ident $b:ident $e:expr) => {
        #[cache::local(key = ($e, 10 * $e, !$e))]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@twice $name:ident $a:ident $b:ident $e:expr) => {
        keyed!(@expr $name $a $b 2 * $e);
    };
    (@mac $name:ident $a:ident $b:ident $e:expr) => {
        #[cache::local(key = format!("{}", 10 * $e))]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@block $name:ident $a:ident $b:ident $e:block) => {
        #[cache::local(key = 10 * $e)]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@ident $name:ident $a:ident $b:ident $e:ident) => {
        #[cache::local(key = 10 * $e)]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@tt $name:ident $a:ident $b:ident $e:tt) => {
        #[cache::local(key = 10 * $e)]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@literal $name:ident $a:ident $b:ident $e:literal) => {
        #[cache::local(key = *$a as i64 - $e)]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@template $name:ident $a:ident $b:ident $e:literal) => {
        #[cache::local(key = $e)]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@ty $name:ident $a:ident $b:ident $t:ty) => {
        #[cache::local(key = *$a as $t < 2 && <$t>::MAX > 0 && $t::MIN == 0)]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@path $name:ident $a:ident $b:ident $p:path) => {
        #[cache::local(key = 10 * $p(*$a, *$b))]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@pat $name:ident $a:ident $b:ident $p:pat) => {
        #[cache::local(key = match (*$a, *$b) { $p => true, _ => false })]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@stmt $name:ident $a:ident $b:ident $sum:ident $s:stmt) => {
        #[cache::local(key = { $s; 10 * $sum })]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@item $name:ident $a:ident $b:ident $i:item) => {
        #[cache::local(key = { $i 10 * helper(*$a, *$b) })]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@lifetime $name:ident $a:ident $b:ident $l:lifetime) => {
        #[cache::local(key = $l: loop { break $l 10 * ($a + $b); })]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@meta $name:ident $a:ident $b:ident $m:meta) => {
        #[cache::local(key = { #[$m] let sum = $a + $b; 10 * sum })]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
    (@vis $name:ident $a:ident $b:ident $v:vis) => {
        #[cache::local(key = { $v fn helper(a: u64, b: u64) -> u64 { a + b } helper(*$a, *$b) })]
        fn $name($a: u64, $b: u64) -> [u64; 2] { [$a, $b] }
    };
}

fn sum(a: u64, b: u64) -> u64 {
    a + b
}

// The sums of the calls are 11, 2, 2, 11 and 23.
keyed! {
    expr(a, b): expr = [a + b] with 3;
    expr_of_blocks(a, b): expr = [if a > b { a } else { b }] with 4 - 1;
    before(a, b): before = [a + b] with 3;
    method(a, b): method = [a + b] with 3;
    method_of_a_cast(a, b): method = [*a as u32 + *b as u32] with 3;
    whole(a, b): whole = [(a + b, a * b)] with 4 - 1;
    part(a, b): part = [a + b] with 3;
    twice(a, b): twice = [a + b] with 3;
    mac(a, b): mac = [a + b] with 3;
    block(a, b): block = [{ a + b }] with 3;
    ident(a, b): ident = [a] with 5;
    tt(a, b): tt = [(a + b)] with 3;
    negative(a, b): literal = [-1] with 5;
    literal(a, b): literal = [1] with 5;
    template(a, b): template = ["{a}{b}"] with 5;
    ty(a, b): ty = [u32] with 2;
    path(a, b): path = [self::sum] with 3;
    path_of_one(a, b): path = [sum] with 3;
    pat(a, b): pat = [(1, _) | (_, 1)] with 2;
    pat_of_one(a, b): pat = [(_, 1)] with 2;
    stmt(a, b): stmt = [total let total = a + b] with 3;
    item(a, b): item = [fn helper(a: u64, b: u64) -> u64 { a + b }] with 3;
    lifetime(a, b): lifetime = ['outer] with 3;
    meta(a, b): meta = [allow(unused_mut)] with 3;
    vis(a, b): vis = [pub(crate)] with 3;
}

/// The same options, with fragments of the kinds they take.
macro_rules! optioned {
    ($name:ident, $($options:tt)*) => {
        #[allow(dead_code)] // Of some, only the policy is looked at.
        #[cache::local($($options)*)]
        fn $name(n: u64) -> u64 {
            n * 2
        }
    };
}

fn policy(name: &str) -> cachekit::Policy {
    let found = cachekit::functions().into_iter().find(|function| function.name() == name);
    *found.expect("it is listed").policy()
}

macro_rules! numbers {
    ($e:expr, $l:literal, $text:literal, $block:block, $ttl:expr, $window:literal) => {
        optioned!(f_ttl_literal, ttl = $l);
        optioned!(f_ttl_text, ttl = $text);
        optioned!(f_ttl_whole, ttl = $ttl);
        optioned!(f_ttl_expr, ttl = 2 * $e);
        optioned!(f_ttl_block, ttl = $block);
        optioned!(f_ttl_outcome, ttl(ok = 2 * $e));
        optioned!(f_ttl_of_value, ttl = |value| 2 * $e + *value);
        optioned!(f_capacity, capacity = 2 * $e);
        optioned!(f_capacity_literal, capacity = $l);
        optioned!(f_version, version = $l);
        optioned!(f_stale, ttl = $ttl, stale = $window);
        optioned!(f_weight, weight = |_, _| 2 * $e);
        optioned!(f_if, if = |value| *value > 2 * $e);
    };
}

numbers!(1 + 2, 60, "5m", { 3 + 4 }, 60, "30s");

#[test]
fn numbers_and_durations() {
    let fixed = |seconds| TtlPolicy::Fixed(Duration::from_secs(seconds));
    for (name, ttl) in
        [("f_ttl_literal", fixed(60)), ("f_ttl_text", fixed(300)), ("f_ttl_whole", fixed(60))]
    {
        assert_eq!(policy(name).ttl, ttl, "{name}");
    }
    assert_eq!(policy("f_capacity").capacity, Some(6));
    assert_eq!(policy("f_capacity_literal").capacity, Some(60));
    assert_eq!(policy("f_version").version, 60);
    assert_eq!(policy("f_stale").stale, Some(Duration::from_secs(30)));

    let test = isolate();
    for (name, call, contains, seconds) in [
        ("f_ttl_expr", f_ttl_expr as fn(u64) -> u64, f_ttl_expr::contains as fn(&u64) -> bool, 6),
        ("f_ttl_block", f_ttl_block, f_ttl_block::contains, 7),
        ("f_ttl_outcome", f_ttl_outcome, f_ttl_outcome::contains, 6),
        ("f_ttl_of_value", f_ttl_of_value, f_ttl_of_value::contains, 8),
    ] {
        assert_eq!(call(1), 2, "{name}");
        test.clock().advance(Duration::from_secs(seconds - 1));
        assert!(contains(&1), "{name}");
        test.clock().advance(Duration::from_secs(1));
        assert!(!contains(&1), "{name}");
    }
    assert_eq!((f_weight(1), f_weight::stats().weight), (2, 6));
    assert_eq!((f_if(3), f_if(4)), (6, 8));
    assert_eq!((f_if::contains(&3), f_if::contains(&4)), (false, true));
}

/// Closures, paths and words as fragments.
macro_rules! words {
    (
        $closure:expr, $path:path, $function:expr, $name:ident, $vis:vis, $private:vis, $krate:path,
        $namespace:literal, $skipped:ident, $off:expr, $text:expr
    ) => {
        optioned!(w_closure, if = $closure);
        optioned!(w_path, if = $path);
        optioned!(w_function, if = $function, weight = |_, value| 2 * $function(value) as u64);
        optioned!(w_name, name = $name, vis = $vis, crate = $krate, namespace = $namespace);
        optioned!(w_vis, vis = $private, namespace = $text);

        #[cache(ttl = 60, skip($skipped), fill_lock = $off)]
        fn w_skip(n: u64, $skipped: &str) -> String {
            format!("{n} {}", $skipped)
        }
    };
}

fn above_three(value: &u64) -> bool {
    *value > 3
}

words!(
    |value| *value > 3, self::above_three, above_three, w_companion, pub(crate), , ::cachekit, "frag",
    trace, off, "frag-text"
);

#[test]
fn closures_paths_and_words() {
    let _test = isolate();
    for call in [w_closure as fn(u64) -> u64, w_path, w_function, w_name, w_vis] {
        assert_eq!((call(1), call(2)), (2, 4));
    }
    assert_eq!((w_closure::contains(&1), w_closure::contains(&2)), (false, true));
    assert_eq!((w_path::contains(&1), w_path::contains(&2)), (false, true));
    assert_eq!((w_function::contains(&1), w_function::stats().weight), (false, 2));
    assert!(w_companion::contains(&1) && w_vis::contains(&1));
    assert_eq!(policy("w_name").namespace, Some("frag"));
    assert_eq!(policy("w_vis").namespace, Some("frag-text"));
    assert_eq!((w_skip(1, "a"), w_skip(1, "b")), ("1 a".into(), "1 a".into()));
    assert_eq!(policy("w_skip").fill_lock, None);
}

struct Shop {
    a: u64,
    b: u64,
    cache: Cache<u64, u64>,
    backends: [Arc<FaultyBackend>; 2],
}

macro_rules! methods {
    ($this:ident, $n:ident, $m:ident, $part:expr, $cache:expr, $key:expr, $backend:expr, $word:expr, $whole:expr) => {
        impl Shop {
            #[cache::local(self = key(10 * $part))]
            pub(crate) fn by_part(&$this, n: u64) -> (u64, u64, u64) {
                ($this.a, $this.b, n)
            }

            #[cache::local(key = (10 * $part, n))]
            pub(crate) fn by_key(&$this, n: u64) -> (u64, u64, u64) {
                ($this.a, $this.b, n)
            }

            #[cache::local(self = $word)]
            pub(crate) fn shared(&$this, n: u64) -> u64 {
                n
            }

            #[cache::local(self = $whole)]
            pub(crate) fn by_fragment(&$this, n: u64) -> (u64, u64, u64) {
                ($this.a, $this.b, n)
            }

            #[cache(in = $cache, key = 10 * $key)]
            pub(crate) fn own(&$this, $n: u64, $m: u64) -> u64 {
                $n + $m
            }

            #[cache(self = key($part), backend = $backend)]
            pub(crate) fn remote(&$this, n: u64) -> u64 {
                n + $this.a
            }
        }
    };
}

methods!(
    self,
    n,
    m,
    self.a + self.b,
    self.cache,
    n + m,
    if self.a > 1 { &self.backends[0] } else { &self.backends[1] },
    shared,
    key(self.a)
);

#[test]
fn methods_with_fragments() {
    let _test = isolate();
    let shop = |a, b| Shop {
        a,
        b,
        cache: Cache::new(10),
        backends: [0, 1].map(|_| Arc::new(FaultyBackend::new(MemoryBackend::new()))),
    };
    let (one, two, three) = (shop(1, 10), shop(2, 0), shop(0, 2));
    for shop in [&one, &two] {
        assert_eq!(shop.by_part(5), (shop.a, shop.b, 5));
        assert_eq!(shop.by_key(5), (shop.a, shop.b, 5));
        assert_eq!(shop.by_fragment(5), (shop.a, shop.b, 5));
    }
    // 0 + 2 is 2 + 0.
    assert_eq!((three.by_part(5), three.by_key(5)), ((2, 0, 5), (2, 0, 5)));
    assert_eq!(three.by_part_cache(&5).stats().entries, 2);
    assert_eq!((one.shared(5), two.shared(5), one.shared_cache(&5).stats().hits), (5, 5, 1));
    assert_eq!(
        (one.own(1, 10), one.own(2, 0), one.own(10, 1), one.own(0, 2), one.cache.stats().entries),
        (11, 2, 11, 2, 2)
    );
    assert_eq!((one.remote(1), two.remote(1)), (2, 3));
    assert_eq!([&one.backends[0], &one.backends[1]].map(|b| b.calls().is_empty()), [true, false]);
    assert_eq!([&two.backends[0], &two.backends[1]].map(|b| b.calls().is_empty()), [false, true]);
}

macro_rules! sealed {
    ($org:ident, $tenant:expr, $namespace:literal, $l1:expr, $tamper:ident, $template:literal) => {
        #[cache::secure(namespace = $namespace, tenant = $tenant, l1 = $l1, on_tamper = $tamper)]
        fn by_tenant($org: &str, id: u32) -> String {
            format!("{} {id}", $org)
        }

        #[cache::secure(namespace = $namespace, tenant = $template, skip($org))]
        fn by_template($org: &str, id: u32) -> String {
            format!("{} {id}", $org)
        }
    };
}

sealed!(org, if org.is_empty() { "none" } else { org }, "fragments", typed, recompute, "t-{org}");

#[test]
fn sealed_functions_with_fragments() {
    let store = Arc::new(FaultyBackend::new(MemoryBackend::new()));
    Scope::new().with_backend(store).with_keyring(keyring(1, &[])).run(|| {
        for org in ["", "a", "b"] {
            assert_eq!(
                (by_tenant(org, 1), by_template(org, 1)),
                (format!("{org} 1"), format!("{org} 1"))
            );
        }
    });
}
