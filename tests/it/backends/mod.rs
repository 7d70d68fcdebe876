//! Backends beside the HTTP API: a directory, and Redis.
//!
//! | file | what holds |
//! | --- | --- |
//! | `exchange` | entries go from one SDK to the other through a directory, both ways |
//! | `killed` | processes that are killed while they write leave whole values |
//! | `coherent` | what one process changes in Redis reaches the memory of another one |
//! | `environment` | the same program over every backend, by its environment alone |
//! | `forked` | a forked process uses the backend of its environment, as its parent does |
//! | `refused` | what `init` says about an environment that leads to no backend |
//! | `faults` | what a Redis in trouble does to functions |
//! | `unheard` | what `check` says about a Redis whose changes cannot be heard, and what an outage leaves behind |
//! | `sealed` | what a directory and Redis show of sealed functions |

mod coherent;
mod environment;
mod exchange;
mod faults;
#[cfg(unix)]
mod forked;
mod killed;
mod refused;
mod sealed;
mod unheard;
