//! Names with a meaning: of our types in serde's data model, and of the sentinels in documents.

/// A newtype struct of this name holds a set.
pub(super) const SET: &str = "$cachekit::interop::Set";
/// Structs of these names hold dates.
pub(super) const DATE_TIME: &str = "$cachekit::interop::DateTime";
pub(super) const DATE: &str = "$cachekit::interop::Date";
pub(super) const TIME: &str = "$cachekit::interop::Time";
/// How the MessagePack codec for serde names extension types.
pub(super) const EXTENSION: &str = "_ExtStruct";

/// Tags of the sentinel maps, each `true`.
pub(super) const DATE_TIME_TAG: &str = "__datetime__";
pub(super) const DATE_TAG: &str = "__date__";
pub(super) const TIME_TAG: &str = "__time__";
/// The sentinel's text.
pub(super) const VALUE: &str = "value";
