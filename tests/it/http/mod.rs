//! Client and server of the HTTP API against each other, over TLS: the client as its users see it, the
//! server as a library and as the program that operators start.
//!
//! | file | what holds |
//! | --- | --- |
//! | `conformance` | the contract of a backend, over every protocol, store and front |
//! | `raw_h1`, `raw_h2` | the bytes that published clients rely on, without code of the client |
//! | `restarts`, `drain`, `broken` | what a dying, ending or failing server may cost |
//! | `refusals` | 401, 413, 429 and slow answers |
//! | `certificates`, `addresses` | whom the client does not talk to |
//! | `sessions` | TLS sessions that go on |
//! | `namespaces` | functions whose names the service refuses |
//! | `locks` | one holder among several processes |
//! | `nodes` | several nodes over one Redis Cluster, of both of which some are killed |
//! | `lives` | expiry and staleness |
//! | `sync_api` | calls without async, from everywhere |
//! | `secrets` | what is never written anywhere |
//! | `tap` | what wire, disk and logs show of sealed functions |
//! | `soak` | all at once, for as long as one likes |

mod addresses;
mod broken;
mod certificates;
mod conformance;
mod drain;
mod fronts;
mod lives;
mod load;
pub(crate) mod local;
mod locks;
mod namespaces;
mod nodes;
mod program;
mod raw;
mod raw_h1;
mod raw_h2;
mod refusals;
pub(crate) mod relay;
mod restarts;
mod secrets;
mod sessions;
mod soak;
mod sync_api;
pub(crate) mod tap;
mod trust;
