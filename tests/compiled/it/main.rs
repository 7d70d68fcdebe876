//! Programs with the attribute, as the compiler and the users' processes see them.

mod programs;
mod ui;
