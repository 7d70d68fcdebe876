//! `cachekit get`, `set`, `delete`, `exists`, `ttl` and `health`: one entry of a backend, or the backend itself.

mod get;
mod health;
mod life;
mod set;

pub(crate) use self::get::run as get;
pub(crate) use self::health::run as health;
pub(crate) use self::life::{exists, ttl};
pub(crate) use self::set::{delete, set};

use crate::failure::Failure;

fn absent() -> Failure {
    Failure::not_found("there is no entry under this key (or no longer)")
}
