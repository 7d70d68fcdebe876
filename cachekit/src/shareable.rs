//! Types that may leave the process.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that can go to a shared tier.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go to a shared cache: it is not `Serialize` and `Deserialize`",
    label = "`#[cache]` may send this value to other processes",
    note = "derive `serde::Serialize` and `serde::Deserialize` for the type and what is in it,",
    note = "or keep the values in this process with `#[cache::local]`"
)]
pub trait Shareable: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Shareable for T {}

/// A key that can go to a shared tier.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of the key of a shared cache: it is not `Serialize`",
    label = "`#[cache]` may send this to other processes as part of the key",
    note = "derive `serde::Serialize` and `serde::Deserialize` for the type,",
    note = "or keep the values in this process with `#[cache::local]`,",
    note = "or leave the argument out with `skip(…)`, or say what the key is with `key = …`"
)]
pub trait ShareableKey: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> ShareableKey for T {}
