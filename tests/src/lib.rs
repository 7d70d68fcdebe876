//! What the integration tests share: counting the runs of a body, threads that start together, futures
//! polled by hand, tests that run in a process of their own, the log, backends that are others but for one thing, and the judge of generated programs.

mod child;
mod delegate;
mod gate;
mod log;
mod poll;
pub mod programs;
mod runs;

pub use child::{Finished, in_child, is_child, run_child};
pub use gate::{Gate, together};
pub use log::with_subscriber;
pub use poll::{Polled, block_on};
pub use runs::Runs;
