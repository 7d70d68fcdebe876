//! The disk store over a disk in memory.

mod model;
mod rows;
mod trouble;
