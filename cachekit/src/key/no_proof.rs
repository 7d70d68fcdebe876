//! No key is read back in this build: the feature `shared` is off, and keys stay in the process.

use super::{Fidelity, Form};

pub(super) fn read_back<T>(_key: &T, _form: Form) -> Fidelity {
    Fidelity::Partial
}
