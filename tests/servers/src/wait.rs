//! Waiting for servers.

use std::thread;
use std::time::{Duration, Instant};

/// Far more than a server takes for anything, also on a machine that has other things to do.
const DEADLINE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(10);

/// Asks again and again until there is an answer, and returns it.
///
/// # Panics
///
/// After a minute, with the last reason why there was none.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(why) => assert!(Instant::now() < until, "{what}: {why}"),
        }
        thread::sleep(STEP);
    }
}

/// The condition as something to wait for.
pub(crate) fn that(condition: bool, why_not: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(why_not()) }
}
