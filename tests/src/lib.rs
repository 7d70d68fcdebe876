//! What the integration tests share: counting the runs of a body, threads that start together, futures
//! polled by hand, tests that run in a process of their own, the log, and backends that are others but for one
//! thing.

mod child;
mod delegate;
mod gate;
mod log;
mod poll;
mod runs;

pub use child::{Finished, in_child, is_child, run_child};
pub use gate::{Gate, together};
pub use log::with_subscriber;
pub use poll::Polled;
pub use pollster::block_on;
pub use runs::Runs;
