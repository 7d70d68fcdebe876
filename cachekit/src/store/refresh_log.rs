//! Says once that the refreshes of a function fail, and once that they work again.

use std::sync::atomic::{AtomicBool, Ordering};

/// The state that was told last.
#[derive(Debug, Default)]
pub(super) struct RefreshLog {
    function: Option<(&'static str, &'static str)>,
    fails: AtomicBool,
}

impl RefreshLog {
    pub(super) fn of(module: &'static str, name: &'static str) -> Self {
        Self { function: Some((module, name)), fails: AtomicBool::new(false) }
    }

    pub(super) fn note(&self, worked: bool) {
        let fails = !worked;
        // Mostly it is as before, and nothing is written.
        if self.fails.load(Ordering::Relaxed) == fails
            || self.fails.swap(fails, Ordering::Relaxed) == fails
        {
            return;
        }
        if let Some((module, name)) = self.function {
            tell(module, name, fails);
        }
    }
}

/// Without the crate `tracing` in the tree there is nothing to tell it to.
fn tell(module: &str, name: &str, fails: bool) {
    let _ = (module, name, fails);
    #[cfg(feature = "shared")]
    crate::observer::tell(|| {
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
    });
}
