//! Which backend the environment asks for. One rule for programs and for the command `cachekit`.
//!
//! Exactly one of our variables may ask for a backend; two of them are a conflict, not a guess. If none is set,
//! `REDIS_URL` asks for Redis, since many programs have it already. A backend reads its other settings itself
//! (`from_env`).

use std::ffi::OsString;
use std::fmt;

/// A kind of backend that a variable can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The API of cachekit.io.
    CachekitIo,
    /// Redis or Valkey.
    Redis,
    /// A directory of this machine.
    File,
}

impl Source {
    /// All of them, in the order in which messages name them.
    pub const ALL: [Self; 3] = [Self::CachekitIo, Self::Redis, Self::File];

    /// Our variable that asks for it.
    pub fn variable(self) -> &'static str {
        match self {
            Self::CachekitIo => "CACHEKIT_API_KEY",
            Self::Redis => "CACHEKIT_REDIS_URL",
            Self::File => "CACHEKIT_FILE_CACHE_DIR",
        }
    }
}

/// The variable that many programs know: it asks for Redis only if none of our variables is set.
pub const FALLBACK: &str = "REDIS_URL";

/// Why the variables lead to no backend. It names variables, never their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// They ask for different backends at once.
    Conflict(Vec<Source>),
    /// This build has no such backend.
    NotBuilt(Source),
}

/// The problem. The caller adds what its own users can do about it.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(sources) => {
                let names: Vec<_> = sources.iter().map(|source| source.variable()).collect();
                write!(f, "{} are set at once: keep one", names.join(" and "))
            }
            Self::NotBuilt(source) => {
                write!(f, "{} asks for what this build cannot connect to", source.variable())
            }
        }
    }
}

/// The backend that the variables ask for. An empty variable counts as not set.
///
/// A variable of ours that asks for a backend that is not built in is refused, not ignored: otherwise the operator
/// would mistake the program's own memory for the backend. `REDIS_URL` may be meant for something else.
pub fn asked_for(
    is_built: impl Fn(Source) -> bool,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Source>, Refused> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let set: Vec<_> = Source::ALL.into_iter().filter(|source| is_set(source.variable())).collect();
    match set[..] {
        [] => Ok((is_built(Source::Redis) && is_set(FALLBACK)).then_some(Source::Redis)),
        [source] if is_built(source) => Ok(Some(source)),
        [source] => Err(Refused::NotBuilt(source)),
        _ => Err(Refused::Conflict(set)),
    }
}

#[cfg(test)]
mod tests;
