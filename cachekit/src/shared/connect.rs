//! The one place where backends are made from the environment.

use std::sync::Arc;

use cachekit_io::{Backend, BackendError};

/// The client of the cachekit.io API, from `CACHEKIT_API_KEY` and its companions.
#[cfg(feature = "io")]
pub(super) fn cachekit_io() -> Result<Arc<dyn Backend>, BackendError> {
    // With the feature `http` of `cachekit-io`:
    // cachekit_io::CachekitIo::from_env().map(|client| Arc::new(client) as Arc<dyn Backend>)
    Err(BackendError::new(
        cachekit_io::BackendErrorKind::Configuration,
        cachekit_io::Operation::Connect,
    )
    .with_context("this build has no HTTP client"))
}

#[cfg(not(feature = "io"))]
pub(super) fn cachekit_io() -> Result<Arc<dyn Backend>, BackendError> {
    Err(BackendError::new(
        cachekit_io::BackendErrorKind::Configuration,
        cachekit_io::Operation::Connect,
    )
    .with_context("the client of cachekit.io needs the feature `io` of cachekit"))
}
