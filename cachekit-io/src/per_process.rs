//! State of a process that a forked child does not take over: [`PerProcess`].
//!
//! After a fork the child has a copy of all memory, but only one thread: threads that are recorded as running are not
//! there, and locks that they held stay locked. So what depends on threads is found by the id of the process.
//!
//! Not part of the public interface: `cachekit` uses it for its own thread.

use std::fmt;
use std::sync::OnceLock;

/// A value that each process makes for itself, also a forked child.
pub struct PerProcess<T>(OnceLock<Of<T>>);

/// The value of one process, and of what was forked from it.
struct Of<T> {
    process: u32,
    value: T,
    child: OnceLock<Box<Self>>,
}

impl<T: Default> PerProcess<T> {
    /// No value yet.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The value of this process.
    pub fn get(&self) -> &T {
        self.of(std::process::id())
    }

    fn of(&self, process: u32) -> &T {
        let make = || Of { process, value: T::default(), child: OnceLock::new() };
        let mut of = self.0.get_or_init(make);
        // One step for each fork between the first process and this one.
        while of.process != process {
            of = of.child.get_or_init(|| Box::new(make()));
        }
        &of.value
    }
}

impl<T: Default> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerProcess").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
