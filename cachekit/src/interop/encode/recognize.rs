//! What serde does not tell: which sequences are sets, and which strings are dates.
//!
//! A set and a list, a date and a string are the same to a `Serializer`. Their types are not: a set hands itself
//! to `collect_seq` and a date of chrono or jiff hands itself to `collect_str`, whatever references, boxes and
//! transparent newtypes stand around them. Both methods are generic, so the type's name is at hand there.

use std::any::type_name;

/// Whether what is iterated is a set. Other sets are wrapped in [`Set`](crate::interop::Set).
#[inline]
pub(super) fn is_set<I>() -> bool {
    let name = type_name::<I>().trim_start_matches('&');
    // Almost all are; the compiler knows the answer.
    if name.starts_with('[') || name.starts_with("alloc::vec::Vec<") {
        return false;
    }
    let path = name.split_once('<').map_or(name, |(path, _)| path);
    let last = path.rsplit_once("::").map_or(path, |(_, last)| last);
    matches!(last, "HashSet" | "BTreeSet" | "IndexSet")
}

/// The crate that a displayed type comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Other,
    Chrono,
    Jiff,
}

/// Where a type comes from that serializes as what it displays. Names of weekdays, spans of time and week dates are
/// no instants and count as `Other`.
#[inline]
pub(super) fn origin<T: ?Sized>() -> Origin {
    let name = type_name::<T>().trim_start_matches(['&', '<']);
    if name.starts_with("chrono::") {
        let is_plain = name.starts_with("chrono::weekday::") || name.starts_with("chrono::month::");
        if is_plain { Origin::Other } else { Origin::Chrono }
    } else if name.starts_with("jiff::") {
        let plain = ["jiff::span::", "jiff::signed_duration::", "jiff::civil::iso_week_date::"];
        let is_plain = plain.iter().any(|path| name.starts_with(path));
        if is_plain { Origin::Other } else { Origin::Jiff }
    } else {
        Origin::Other
    }
}

/// A type of the crate `time` whose text does not say whether it has an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Unknown,
    Utc,
    Naive,
}

#[cfg(feature = "time")]
#[inline]
pub(super) fn zone<T: ?Sized>() -> Zone {
    fn is<T: ?Sized, D>() -> bool {
        use std::rc::Rc;
        use std::sync::Arc;
        let id = typeid::of::<T>();
        id == typeid::of::<D>()
            || id == typeid::of::<&D>()
            || id == typeid::of::<&&D>()
            || id == typeid::of::<&&&D>()
            || id == typeid::of::<Box<D>>()
            || id == typeid::of::<Rc<D>>()
            || id == typeid::of::<Arc<D>>()
    }
    if is::<T, time::UtcDateTime>() {
        Zone::Utc
    } else if is::<T, time::PrimitiveDateTime>() {
        Zone::Naive
    } else {
        Zone::Unknown
    }
}

#[cfg(not(feature = "time"))]
#[inline]
#[allow(clippy::extra_unused_type_parameters)] // As the other one.
pub(super) fn zone<T: ?Sized>() -> Zone {
    Zone::Unknown
}
