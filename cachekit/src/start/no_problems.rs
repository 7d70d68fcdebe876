//! Without a shared tier nothing can be wrong: the feature `shared` is off.

use crate::cached_function::Function;
use crate::error::Problem;

#[allow(clippy::unused_async)] // As the other build has it.
pub(super) async fn of_everything(_functions: &[Function]) -> Vec<Problem> {
    Vec::new()
}

pub(super) fn of_settings(_functions: &[Function]) -> Vec<Problem> {
    Vec::new()
}
