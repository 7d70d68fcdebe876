//! The client against a server that does what a test tells it to.

mod address;
mod advice;
mod conformance;
mod env;
mod executors;
mod faults;
mod frames;
mod goaway;
mod half_close;
mod keep_alive;
mod proxies;
mod relay;
mod requests;
mod retry_after;
mod room;
mod server;
mod streams;
