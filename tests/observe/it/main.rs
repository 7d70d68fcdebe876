//! What operators see, read as its readers read it.

mod browser;
// Of the other tests. All of that package would come with features that these are to do without.
#[path = "../../src/delegate.rs"]
mod delegate;
mod explain;
mod metrics;
mod page;
mod traces;
