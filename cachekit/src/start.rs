//! `init` and `check`: finding at the start of a program what would otherwise only be counted.

use crate::cached_function::functions;
use crate::error::Error;

#[cfg_attr(not(feature = "shared"), path = "start/no_problems.rs")]
mod problems;

/// Reads the environment now, and connects what it asks for, instead of at the first call that needs it.
///
/// Only what the program's functions use is looked at: without a `#[cache::io]` function a missing
/// `CACHEKIT_API_KEY` is no problem, and without a `#[cache::secure]` function a missing `CACHEKIT_MASTER_KEY`. Two
/// functions with one operation for all languages are one, unless both say `interop = shared("…")`.
/// Nothing is sent; [`check`] asks the backends whether they are there.
///
/// # Errors
///
/// Every problem found, each once: all variables that are wrong, by name, and never what they hold. Functions
/// work in spite of them, cached in the process only; but `#[cache::secure]`
/// functions without a key return an error, or run each time.
///
/// # Example
///
/// ```standalone_crate
/// #[cachekit::cache(ttl = 60)]
/// fn square(n: u64) -> u64 { n * n }
///
/// cachekit::init()?;
/// # Ok::<(), cachekit::Error>(())
/// ```
pub fn init() -> Result<(), Error> {
    Error::of(problems::of_settings(&functions()))
}

/// Checks every annotated function of the program and asks the backends that they use whether they are
/// there, and where this process keeps copies, whether it hears of changes: with Redis, a user who may neither use
/// client-side tracking nor the channel of changes is a problem that names the permissions.
///
/// That takes as long as the slowest answer, the budget for the shared tier at most (5 seconds unless set).
/// Backends that attributes name with `backend = …` are known to their calls only, and not asked.
///
/// # Errors
///
/// Every problem found, what [`init`] finds among them.
///
/// # Example
///
/// ```standalone_crate
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// cachekit::check().await?;
/// # Ok::<(), cachekit::Error>(())
/// # }).unwrap();
/// ```
pub async fn check() -> Result<(), Error> {
    Error::of(problems::of_everything(&functions()).await)
}
