//! The bytes that leave the process: values encoded ([`encoded`], [`codec`]), in frames that contain their lifetime
//! ([`frame`]).

#[cfg(feature = "shared")]
pub(crate) mod codec;
pub(crate) mod encoded;
#[cfg(feature = "shared")]
pub(crate) mod frame;

#[cfg(all(test, feature = "shared"))]
mod tests;
