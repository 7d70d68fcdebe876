//! Constants, statics and unit structs with the names that generated code had or has for its own bindings: a pattern of such
//! a name would match them instead of binding.

#![allow(non_upper_case_globals, non_camel_case_types, dead_code)]

macro_rules! consts {
    ($($name:ident)*) => {$(
        pub const $name: u8 = 1;
    )*};
}

macro_rules! statics {
    ($($name:ident)*) => {$(
        pub static $name: u8 = 1;
    )*};
}

macro_rules! structs {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy)]
        pub struct $name;
    )*};
}

/// Cached functions of all forms, beside items of these names.
macro_rules! functions_beside {
    ($kind:ident: $module:ident) => {
        mod $module {
            use cachekit::{Cache, cache};

            $kind! {
                value look arg0 arg1 key rules visitor shape site entry found miss hash entries n0 handle name result judge
                run call driver body cache_ own route
                __shape __found __value __miss __rules __driver __body __cache __site __done __key0 __key1 __visitor __ticket
                __kept0 __kept1 __self __backend __tenant __returned __never __V __R
            }

            #[cache]
            pub(super) fn sync(n: u32, (a, b): (u32, u32)) -> u32 {
                n + a + b
            }

            #[cache]
            pub(super) async fn later(n: u32, (a, b): (u32, u32)) -> Result<u32, String> {
                Ok(n + a + b)
            }

            #[cache(key = (n, m + 1), ttl = |kept| *kept, if = |kept| *kept > 0)]
            pub(super) fn ruled(n: u32, m: u32) -> u32 {
                n + m
            }

            #[cache(ttl = 60, stale = 5)]
            pub(super) fn stale(n: u32) -> u32 {
                n
            }

            #[cache(ttl(ok = 60, none = 1), stale = 5, if = |_| true)]
            pub(super) async fn stale_later(n: u32) -> Option<u32> {
                Some(n)
            }

            static OWN: std::sync::LazyLock<Cache<u32, u32>> = std::sync::LazyLock::new(|| Cache::new(1));

            #[cache(in = OWN)]
            pub(super) fn kept(n: u32) -> u32 {
                n
            }

            #[cache]
            pub(super) fn own_name(own_name: u32) -> u32 {
                own_name
            }

            #[cache::local]
            pub(super) fn generic<T: Clone + Eq + std::hash::Hash + Send + Sync + 'static>(it: T) -> T {
                it
            }

            pub(super) struct Shop;

            impl Shop {
                #[cache(self = shared, ttl = 60, stale = 5)]
                pub(super) async fn price(&self, n: u32, _: u8) -> u32 {
                    n
                }
            }

            impl Clone for Shop {
                fn clone(&self) -> Self {
                    Shop
                }
            }
        }
    };
}

functions_beside!(consts: beside_consts);
functions_beside!(statics: beside_statics);
functions_beside!(structs: beside_structs);

macro_rules! call_all {
    ($($module:ident)*) => {$(
        assert_eq!(($module::sync(1, (2, 3)), $module::ruled(1, 2), $module::stale(1), $module::kept(1)), (6, 3, 1, 1));
        assert_eq!(($module::own_name(1), $module::generic(1_u8)), (1, 1));
        assert_eq!($module::sync::with(&1, &(2, 3), |seen| *seen), Some(6));
        $module::sync::set(&1, &(2, 3), 7);
        assert_eq!($module::sync::refresh(1, (2, 3)), 6);
        drop($module::later::set(&1, &(2, 3), Ok(1)));
        drop($module::later::peek(&1, &(2, 3)));
        drop($module::later(1, (2, 3)));
        drop($module::stale_later(1));
        drop($module::Shop.price(1, 2));
        drop($module::Shop.price_cache(&1, &2));
    )*};
}

fn main() {
    call_all!(beside_consts beside_statics beside_structs);
}
