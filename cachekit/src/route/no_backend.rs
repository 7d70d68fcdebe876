//! There is no way to a backend in this build: the feature `shared` is off.

use std::sync::Arc;

use cachekit_io::Backend;

use crate::cached_function::{CachedFunction, FunctionRef};
use crate::key::CacheKey;
use crate::read_through::remote::Remote;
use crate::shape::Shape;
use crate::store::StoreRef;

pub(super) fn may_have_backend(_function: &'static CachedFunction) -> bool {
    false
}

pub(crate) fn at_own_or_configured<Q: CacheKey, S: Shape>(
    _function: FunctionRef,
    _store: Option<&StoreRef>,
    _key: &Q::Owned,
    _own: Option<Arc<dyn Backend>>,
) -> Option<Remote<S>> {
    None
}
