//! The disk store on disks that fail.

mod model;
mod trouble;
