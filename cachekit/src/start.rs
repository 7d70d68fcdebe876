//! `init` and `check`: reporting problems at the start of a program that would otherwise only be counted.

use crate::cached_function::functions;
use crate::error::Error;

#[cfg_attr(not(feature = "shared"), path = "start/no_problems.rs")]
mod problems;

/// Reads the environment now, and connects to the backend that it names, instead of at the first call that needs
/// it.
///
/// It only checks what the program's functions use: without a `#[cache::io]` function a missing `CACHEKIT_API_KEY`
/// is not a problem, and without a `#[cache::secure]` function a missing `CACHEKIT_MASTER_KEY` is not. Two
/// functions with one operation for all languages are a problem, unless both say `interop = shared("…")`. It sends
/// nothing; [`check`] contacts the backends.
///
/// # Errors
///
/// Every problem found, each once: all variables that are wrong, by name, and never their values. Functions
/// work anyway, cached in the process only; but `#[cache::secure]`
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

/// Checks every annotated function of the program and contacts the backends that they use. If this process keeps
/// copies, it also checks that it receives events about changes: with Redis, a user with permission for neither
/// client-side tracking nor the channel is a problem that names the permissions.
///
/// This takes as long as the slowest answer, the budget for the shared tier at most (5 seconds unless set).
/// Backends that attributes name with `backend = …` are known only to their calls, and are not contacted.
///
/// # Errors
///
/// Every problem found, including those of [`init`].
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
