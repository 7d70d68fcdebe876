//! Functions and methods in every form: what may be annotated, and what stands beside it.

mod associated;
mod asynchronous;
mod clippy;
mod companions;
mod companions_in_place;
mod fragments;
mod fragments_signatures;
mod free;
mod generic;
mod hygiene;
mod methods;
mod references;
mod registry;
mod tracing;
mod unusual;
