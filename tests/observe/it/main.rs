//! What operators see, read as its readers read it.

mod explain;
mod metrics;
mod traces;
