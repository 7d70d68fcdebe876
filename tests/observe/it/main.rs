//! What operators see, read as its readers read it.

mod browser;
mod changes;
mod explain;
mod metrics;
mod next;
mod page;
mod recording;
mod traces;
