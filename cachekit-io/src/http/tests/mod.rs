//! The client against a server that does what a test tells it to.

mod address;
mod conformance;
mod env;
mod executors;
mod faults;
mod keep_alive;
mod relay;
mod requests;
mod schedule;
mod server;
