//! Says once that the refreshes of a function fail, and once that they work again.

#[cfg(feature = "shared")]
use std::sync::atomic::{AtomicBool, Ordering};

/// The state that was told last. Without the crate `tracing` in the tree there is nothing to tell it to.
#[derive(Debug, Default)]
pub(super) struct RefreshLog {
    #[cfg(feature = "shared")]
    function: Option<(&'static str, &'static str)>,
    #[cfg(feature = "shared")]
    fails: AtomicBool,
}

impl RefreshLog {
    #[cfg(feature = "shared")]
    pub(super) fn of(module: &'static str, name: &'static str) -> Self {
        Self { function: Some((module, name)), fails: AtomicBool::new(false) }
    }

    #[cfg(not(feature = "shared"))]
    pub(super) fn of(_module: &'static str, _name: &'static str) -> Self {
        Self::default()
    }

    #[cfg(feature = "shared")]
    pub(super) fn note(&self, worked: bool) {
        let fails = !worked;
        // Mostly it is as before, and nothing is written.
        if self.fails.load(Ordering::Relaxed) == fails
            || self.fails.swap(fails, Ordering::Relaxed) == fails
        {
            return;
        }
        let Some((module, name)) = self.function else { return };
        if fails {
            tracing::warn!(
                target: "cachekit",
                function = format_args!("{module}::{name}"),
                "a stale value could not be replaced: the function panicked, returned what is not kept, or was \
                 dropped. Old values are served until their windows end. Said once until it works again"
            );
        } else {
            tracing::info!(
                target: "cachekit",
                function = format_args!("{module}::{name}"),
                "stale values are replaced again"
            );
        }
    }

    #[cfg(not(feature = "shared"))]
    #[allow(clippy::unused_self)] // As the other build has it.
    pub(super) fn note(&self, _worked: bool) {}
}
