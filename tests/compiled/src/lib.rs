//! What the compiled programs call: the judge of generated ones, and an executor.

pub mod judge;

pub use pollster::block_on;
