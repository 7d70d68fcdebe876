//! What the counted programs have in common: the calls they make.
//!
//! ```text
//! one hit 300000          300,000 calls with one key
//! one storehit 300000     a cycle of 9,000 keys, too many for a thread cache
//! one churn 300000        a new key each time
//! ```

use std::hint::black_box;

/// The bound of every cache here; the attributes repeat it.
pub const CAPACITY: usize = 10_000;

/// What the functions compute, and callers without a cache.
pub fn square(x: u64) -> u64 {
    x.wrapping_mul(x)
}

/// Makes the calls that the program's arguments ask for.
///
/// Through a pointer, so that the function is the same code whatever the loop around it is.
pub fn run(call: fn(u64) -> u64) {
    let (keys, calls) = asked_for();
    let call = black_box(call);
    let mut key = 0;
    let mut sum = 0_u64;
    for _ in 0..calls {
        sum = sum.wrapping_add(call(key));
        key += 1;
        if key == keys {
            key = 0;
        }
    }
    black_box(sum);
}

/// How many keys, and how many calls.
fn asked_for() -> (u64, u64) {
    let mut arguments = std::env::args().skip(1);
    let keys = match arguments.next().as_deref() {
        Some("hit") => 1,
        Some("storehit") => 9_000,
        Some("churn") => u64::MAX,
        _ => panic!("the first argument is hit, storehit or churn"),
    };
    let calls = arguments.next().and_then(|calls| calls.parse().ok());
    (keys, calls.expect("the second argument is the number of calls"))
}
