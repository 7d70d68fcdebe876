//! What a request does: the `operation` label.

/// What a request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Get,
    Exists,
    Set,
    Delete,
    Ttl,
    Refresh,
    Lock,
    Unlock,
    Health,
    Describe,
    Options,
    /// Refused before its operation was known.
    Refused,
}

impl Action {
    pub(super) const ALL: [Self; 12] = [
        Self::Get,
        Self::Exists,
        Self::Set,
        Self::Delete,
        Self::Ttl,
        Self::Refresh,
        Self::Lock,
        Self::Unlock,
        Self::Health,
        Self::Describe,
        Self::Options,
        Self::Refused,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Exists => "exists",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Ttl => "ttl",
            Self::Refresh => "refresh",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Health => "health",
            Self::Describe => "describe",
            Self::Options => "options",
            Self::Refused => "refused",
        }
    }
}
