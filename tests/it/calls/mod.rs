//! What becomes of a call: leaders and waiters, executors, panics, code of the user's on the way, and what it costs.

mod allocations;
mod destructors;
mod executors;
mod futures;
mod hangs;
mod invalidation;
mod large_values;
mod mixed_use;
mod recursion;
mod refresh;
mod single_flight;
mod unwinding;
mod working_set;
