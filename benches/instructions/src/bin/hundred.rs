//! A hundred annotated functions, all in use: what a hit costs where it shares code with others.

use std::hint::black_box;
use std::num::ParseIntError;
use std::sync::Arc;

use cachekit::cache;

#[cache::local(ttl = 60, capacity = 10000)]
fn sq(x: u64) -> u64 {
    instructions::square(x)
}

/// For each line a module for each name, with one function of this signature in it, and a function that
/// calls all of them: once for a miss and once for a hit.
macro_rules! functions {
    ($($all:ident $names:tt $arguments:tt -> $result:ty, $body:block, $given:tt;)*) => {
        $(functions!(@line $all $names $arguments $result, $body, $given);)*

        fn every_one() {
            $($all();)*
        }
    };
    (@line $all:ident [$($name:ident)*] $arguments:tt $result:ty, $body:block, $given:tt) => {
        $(
            mod $name {
                #[allow(unused_imports, reason = "not all kinds need it")]
                use super::*;

                #[cache::local(ttl = 60, capacity = 10000)]
                pub(crate) fn call $arguments -> $result $body
            }
        )*

        fn $all() {
            $(
                let _ = black_box($name::call $given);
                let _ = black_box($name::call $given);
            )*
        }
    };
}

#[derive(Clone)]
struct Person {
    _name: String,
    _age: u32,
}

fn person(name: &str, age: u32) -> Person {
    Person { _name: name.to_owned(), _age: age }
}

// With `sq`: a hundred.
functions! {
    numbers [n0 n1 n2 n3 n4 n5 n6 n7 n8 n9 n10 n11 n12 n13 n14 n15 n16 n17 n18]
        (x: u64) -> u64, { x * x }, (3);
    small [s0 s1 s2 s3 s4 s5 s6 s7 s8 s9] (x: u32) -> u32, { x + 1 }, (3);
    pairs [p0 p1 p2 p3 p4 p5 p6 p7 p8 p9] (a: u64, b: u64) -> u64, { a * b }, (3, 4);
    texts [t0 t1 t2 t3 t4 t5 t6 t7 t8 t9] (x: u64) -> String, { x.to_string() }, (3);
    lengths [l0 l1 l2 l3 l4 l5 l6 l7 l8 l9] (name: &str) -> usize, { name.len() }, ("Ada");
    greetings [g0 g1 g2 g3 g4 g5 g6 g7 g8 g9]
        (name: &str, id: u64) -> String, { format!("{name} {id}") }, ("Ada", 3);
    people [q0 q1 q2 q3 q4 q5 q6 q7 q8 q9]
        (name: &str, age: u32) -> Person, { person(name, age) }, ("Ada", 36);
    shared [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9]
        (name: &str, age: u32) -> Arc<Person>, { Arc::new(person(name, age)) }, ("Ada", 36);
    lists [v0 v1 v2 v3 v4]
        (first: u32, count: u32) -> Vec<u32>, { (first..first + count).collect() }, (3, 4);
    options [o0 o1 o2] (x: i64) -> Option<i64>, { x.checked_abs() }, (-3);
    results [r0 r1] (text: &str) -> Result<u64, ParseIntError>, { text.parse() }, ("3");
}

fn main() {
    every_one();
    instructions::run(sq);
}
