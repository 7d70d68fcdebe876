//! The command, run as a program.

mod inspect;
mod keys;
mod open;
mod rotate;
mod secrets;
mod support;
