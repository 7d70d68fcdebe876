//! What operators see, read as its readers read it.

mod browser;
mod explain;
mod metrics;
mod page;
mod responses;
mod traces;
