//! Which process this is, for state that a forked child does not take over: `Process` and [`PerProcess`].
//!
//! After a fork the child has a copy of all memory, but only one thread: threads that are recorded as running are not
//! there, and locks that they held stay locked. So what depends on threads knows the process that it belongs to.
//!
//! The C library reports a fork (`pthread_atfork`, POSIX.1-2017), so the check costs one load. A child that the
//! program makes by its own system call, without the C library, is mistaken for its parent.
//!
//! Not part of the public interface: `cachekit` uses it for its own thread.

// Miri knows no `pthread_atfork`.
#[cfg(not(miri))]
use forkguard::Guard;
#[cfg(miri)]
use forkguard::pid::Guard;
use std::fmt;
use std::sync::OnceLock;

/// A process, as it is told from those that are forked from it.
#[derive(Clone, Debug)]
pub(crate) struct Process(Guard);

impl Process {
    /// The process of the caller.
    pub(crate) fn current() -> Self {
        Self(Guard::default())
    }

    /// Whether the caller is in this process, and not in one that was forked from it.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        // A guard says of each fork once. Its copy leaves what this one knows.
        !self.0.clone().detected_fork()
    }
}

/// A value that each process makes for itself, also a forked child.
pub struct PerProcess<T>(OnceLock<Of<T>>);

/// The value of one process, and of what was forked from it.
struct Of<T> {
    process: Process,
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
        let make =
            || Of { process: Process::current(), value: T::default(), child: OnceLock::new() };
        let mut of = self.0.get_or_init(make);
        // One step for each fork between the first process and this one.
        while !of.process.is_current() {
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

#[cfg(all(test, unix))]
mod tests;
