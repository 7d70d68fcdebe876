//! The bytes that leave the process: values encoded ([`codec`]), in frames that say how long they live ([`frame`]).

pub(crate) mod codec;
pub(crate) mod frame;

#[cfg(test)]
mod tests;
