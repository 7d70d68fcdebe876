//! What operators see, read as its readers read it.

mod browser;
mod calls;
mod changes;
// Of the other tests. All of that package would come with features that these are to do without.
#[path = "../../src/delegate.rs"]
mod delegate;
mod explain;
mod metrics;
mod next;
mod observers;
mod page;
mod recording;
mod responses;
mod traces;
