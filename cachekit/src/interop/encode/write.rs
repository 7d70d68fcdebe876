//! Headers and scalars in their shortest form.

use super::sink::Buffer;
use crate::interop::error::{Error, ErrorKind};
use crate::interop::names;

/// The one rule in which arguments and values differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::interop) enum Profile {
    /// For keys: an integral float is the integer, and an instant its seconds.
    Arguments,
    /// For values: a float stays one, and dates are sentinel maps.
    Value,
}

/// Both are exact. The upper one, 2^64, is exclusive: 2^64 - 1 is no `f64`.
const LOWEST_INTEGRAL: f64 = -9_223_372_036_854_775_808.0;
const ABOVE_INTEGRAL: f64 = 18_446_744_073_709_551_616.0;

/// Big-endian, behind a marker.
#[inline]
fn marked<const N: usize>(out: &mut Buffer<'_>, marker: u8, bytes: [u8; N]) {
    let mut all = [marker; 9];
    all[1..=N].copy_from_slice(&bytes);
    out.extend(&all[..=N]);
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // Each is in the range of its arm.
pub(super) fn unsigned(out: &mut Buffer<'_>, number: u64) {
    match number {
        0..=0x7f => out.push(number as u8),
        0x80..=0xff => marked(out, 0xcc, [number as u8]),
        0x100..=0xffff => marked(out, 0xcd, (number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => marked(out, 0xce, (number as u32).to_be_bytes()),
        _ => marked(out, 0xcf, number.to_be_bytes()),
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // Each is in the range of its arm.
pub(super) fn signed(out: &mut Buffer<'_>, number: i64) {
    match number {
        0.. => unsigned(out, number.unsigned_abs()),
        -32..=-1 => out.push((number as i8).to_be_bytes()[0]),
        -0x80..=-33 => marked(out, 0xd0, (number as i8).to_be_bytes()),
        -0x8000..=-0x81 => marked(out, 0xd1, (number as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => marked(out, 0xd2, (number as i32).to_be_bytes()),
        _ => marked(out, 0xd3, number.to_be_bytes()),
    }
}

pub(super) fn wide(out: &mut Buffer<'_>, number: i128) -> Result<(), Error> {
    if let Ok(number) = u64::try_from(number) {
        unsigned(out, number);
    } else if let Ok(number) = i64::try_from(number) {
        signed(out, number);
    } else {
        return Err(out_of_range());
    }
    Ok(())
}

pub(super) fn out_of_range() -> Error {
    Error::new(ErrorKind::Range, "integers go from -2^63 to 2^64 - 1")
}

#[inline]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Integral and in range.
pub(super) fn float(out: &mut Buffer<'_>, number: f64, profile: Profile) -> Result<(), Error> {
    if !number.is_finite() {
        return Err(Error::new(ErrorKind::Range, "NaN and the infinities are not in the model"));
    }
    let in_range = (LOWEST_INTEGRAL..ABOVE_INTEGRAL).contains(&number);
    // `-0.0` is integral, too, and becomes 0.
    if profile == Profile::Arguments && in_range && number.trunc().to_bits() == number.to_bits() {
        if number < 0.0 {
            signed(out, number as i64);
        } else {
            unsigned(out, number as u64);
        }
    } else {
        marked(out, 0xcb, number.to_be_bytes());
    }
    Ok(())
}

/// A length as the format has it.
pub(super) fn length(len: usize) -> Result<u32, Error> {
    u32::try_from(len)
        .map_err(|_| Error::new(ErrorKind::TooLarge, "a length needs more than 32 bits"))
}

/// Inlined: of a field's name everything is known before.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // Each is in the range of its arm.
pub(super) fn string(out: &mut Buffer<'_>, text: &str) -> Result<(), Error> {
    match length(text.len())? {
        len @ 0..=31 => out.push(0xa0 | len as u8),
        len @ 32..=0xff => marked(out, 0xd9, [len as u8]),
        len @ 0x100..=0xffff => marked(out, 0xda, (len as u16).to_be_bytes()),
        len => marked(out, 0xdb, len.to_be_bytes()),
    }
    out.extend(text.as_bytes());
    Ok(())
}

#[allow(clippy::cast_possible_truncation)] // Each is in the range of its arm.
pub(super) fn bytes(out: &mut Buffer<'_>, bytes: &[u8]) -> Result<(), Error> {
    match length(bytes.len())? {
        len @ 0..=0xff => marked(out, 0xc4, [len as u8]),
        len @ 0x100..=0xffff => marked(out, 0xc5, (len as u16).to_be_bytes()),
        len => marked(out, 0xc6, len.to_be_bytes()),
    }
    out.extend(bytes);
    Ok(())
}

/// A collection's header, and how long it is.
#[allow(clippy::cast_possible_truncation)] // Each is in the range of its arm.
pub(super) fn header(is_map: bool, len: u32) -> ([u8; 5], usize) {
    let (short, middle, long) = if is_map { (0x80, 0xde, 0xdf) } else { (0x90, 0xdc, 0xdd) };
    let bytes = len.to_be_bytes();
    match len {
        0..=15 => ([short | len as u8, 0, 0, 0, 0], 1),
        16..=0xffff => ([middle, bytes[2], bytes[3], 0, 0], 3),
        _ => ([long, bytes[0], bytes[1], bytes[2], bytes[3]], 5),
    }
}

/// The text of an encoded string, without its header.
pub(super) fn text_of(encoded: &[u8]) -> &[u8] {
    let header = match encoded.first() {
        Some(0xd9) => 2,
        Some(0xda) => 3,
        Some(0xdb) => 5,
        _ => 1,
    };
    let len = match encoded {
        [0xd9, len, ..] => usize::from(*len),
        [0xda, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        [0xdb, a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]) as usize,
        [short, ..] => usize::from(short & 0x1f),
        [] => 0,
    };
    &encoded[header..header + len]
}

/// A date as other languages write it: the tag, and the text.
pub(super) fn sentinel(out: &mut Buffer<'_>, tag: &str, text: &str) -> Result<(), Error> {
    out.push(0x82);
    string(out, tag)?;
    out.push(0xc3);
    string(out, names::VALUE)?;
    string(out, text)
}
