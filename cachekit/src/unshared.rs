//! No tier is shared in this build: the feature `shared` is off.

pub(crate) mod known {
    /// The types of backends that calls used, each with whether its circuit is open.
    pub(crate) fn breakers() -> Vec<(&'static str, bool)> {
        Vec::new()
    }
}
