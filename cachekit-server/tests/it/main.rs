//! The server over real sockets, asked with bytes that are written here: nothing of the wire types of
//! the workspace is used to check what they say.

mod access;
mod crowd;
mod deploy;
mod fairness;
mod flow;
mod full_disk;
mod fuzz;
mod hostile;
mod lives;
mod locks;
mod metrics;
mod open_files;
mod openapi;
mod pipes;
mod probes;
mod process;
mod protocol;
mod python;
mod redis;
mod support;
mod told;
mod too_large;
mod tools;
