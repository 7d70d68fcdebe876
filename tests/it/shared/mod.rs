//! The shared tier: what goes there, what comes back, and what a call may rely on.

mod backend_option;
mod budget;
mod budget_sums;
mod faults;
mod fill_lock;
mod guards;
mod identity;
mod identity_processes;
pub(crate) mod init_check;
mod invalidation;
mod io_attribute;
mod io_processes;
mod late_write;
mod log;
mod one_key;
mod order;
mod panics;
pub(crate) mod tier;
mod windows;
