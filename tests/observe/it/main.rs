//! What operators see, read as its readers read it.

mod browser;
mod calls;
mod changes;
mod explain;
mod metrics;
mod next;
mod observers;
mod page;
mod recording;
mod traces;
