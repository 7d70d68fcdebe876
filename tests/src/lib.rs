//! What the integration tests share: counting the runs of a body, threads that start together, futures
//! polled by hand, and tests that run in a process of their own.

mod child;
mod gate;
mod poll;
mod runs;

pub use child::{Finished, in_child, is_child, run_child};
pub use gate::{Gate, together};
pub use poll::{Polled, block_on};
pub use runs::Runs;
