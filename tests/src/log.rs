//! Reading what is logged.

use std::sync::Once;

/// Runs with a subscriber of its own for this thread.
///
/// `tracing` remembers for each place in the code whether any subscriber wants its events, and finds out by the thread
/// that comes there first. If that is the thread of another test, which has no subscriber, the place is silent for this
/// one too. So the whole process gets a subscriber that wants everything and does nothing.
pub fn with_subscriber<T>(
    subscriber: impl tracing::Subscriber + Send + Sync + 'static,
    run: impl FnOnce() -> T,
) -> T {
    static EVERYWHERE: Once = Once::new();
    EVERYWHERE.call_once(|| {
        // A test in a process of its own may have set one.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    });
    tracing::subscriber::with_default(subscriber, run)
}
