//! What may leave the process.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that can go to a shared tier.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go to a shared cache",
    label = "needs `serde::Serialize` and `serde::Deserialize`",
    note = "derive both traits for the type, or keep the values in this process with `#[cache::local]`"
)]
pub trait Shareable: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Shareable for T {}

/// A key that can go to a shared tier.
#[diagnostic::on_unimplemented(
    message = "the arguments cannot be the key of a shared cache: `{Self}` is not `Serialize`",
    label = "one of these types needs `serde::Serialize`",
    note = "derive `Serialize` for the argument's type, leave the argument out with `skip(…)`, say what the key is with `key = …`, or keep the values in this process with `#[cache::local]`"
)]
pub trait ShareableKey: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> ShareableKey for T {}
