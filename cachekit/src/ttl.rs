//! What `ttl =` accepts.

use std::time::Duration;

/// Values that say how long an entry lives.
///
/// Implemented for [`Duration`], for unsigned and signed integers (whole seconds), and for `Option` of
/// these (`None`: the entry does not expire). A duration of zero, or a negative one, means that the
/// value is not stored.
///
/// # Example
///
/// ```
/// use cachekit::IntoTtl;
/// use std::time::Duration;
///
/// assert_eq!(60.into_ttl(), Some(Duration::from_secs(60)));
/// assert_eq!(Duration::from_millis(1500).into_ttl(), Some(Duration::from_millis(1500)));
/// assert_eq!(None::<Duration>.into_ttl(), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a TTL",
    label = "expected a `Duration`, whole seconds, or an `Option` of them"
)]
pub trait IntoTtl {
    /// The duration, or `None` for an entry that does not expire.
    fn into_ttl(self) -> Option<Duration>;
}

impl IntoTtl for Duration {
    fn into_ttl(self) -> Option<Duration> {
        Some(self)
    }
}

macro_rules! seconds {
    ($($int:ty),*) => {$(
        impl IntoTtl for $int {
            fn into_ttl(self) -> Option<Duration> {
                // A value that does not fit is negative, so it is not stored.
                Some(Duration::from_secs(u64::try_from(self).unwrap_or(0)))
            }
        }
    )*};
}

seconds!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl<T: IntoTtl> IntoTtl for Option<T> {
    fn into_ttl(self) -> Option<Duration> {
        self.and_then(IntoTtl::into_ttl)
    }
}
