//! The command, run as a program.

mod backends;
mod entries;
mod generated;
mod inspect;
mod interop;
mod json;
mod keys;
mod open;
mod pipes;
mod rotate;
mod secrets;
mod support;
mod terminal;
mod top;
mod top_program;
