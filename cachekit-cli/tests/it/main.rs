//! The command, run as a program.

mod inspect;
mod keys;
mod open;
mod pipes;
mod rotate;
mod secrets;
mod support;
