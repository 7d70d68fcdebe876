//! The workloads, one file for each part of the command line.

pub(crate) mod adapt;
pub(crate) mod asynchronous;
pub(crate) mod capacity;
pub(crate) mod churn;
pub(crate) mod hits;
pub(crate) mod interop;
pub(crate) mod seal;
pub(crate) mod sealed;
pub(crate) mod skewed;
pub(crate) mod stampede;
pub(crate) mod threads;
