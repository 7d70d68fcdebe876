//! Headers and scalars in their shortest form.

use super::sink::Window;
use super::sort::prefix;
use crate::interop::error::{ErrorKind, Fault};
use crate::interop::names;

/// The one rule in which arguments and values differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::interop) enum Profile {
    /// For keys: an integral float is the integer, and an instant its seconds.
    Arguments,
    /// For values: a float stays one, and dates are sentinel maps.
    Value,
    /// As for keys, except that dates and sets are written in full, as their types read them.
    Whole,
    /// As for keys, with a mark before each date, and before each set with its type. For comparison: no reader takes it.
    Marked,
}

/// Both are exact. The upper one, 2^64, is exclusive: 2^64 - 1 is no `f64`.
const LOWEST_INTEGRAL: f64 = -9_223_372_036_854_775_808.0;
const ABOVE_INTEGRAL: f64 = 18_446_744_073_709_551_616.0;

/// Behind a marker: the low bytes of a number, as many as the size says, big-endian.
#[inline(always)]
fn marked(out: &mut Window<'_>, marker: u8, number: u64, size: u32) {
    out.put(marker, number.rotate_right(8 * size).to_be_bytes(), size as usize);
}

/// How many bytes a number takes that needs so many, less one, and the power of two that this is. From a table: the
/// size of a number is what a processor cannot guess.
const WIDTHS: [(u8, u8); 8] = [(1, 0), (2, 1), (4, 2), (4, 2), (8, 3), (8, 3), (8, 3), (8, 3)];

#[inline(always)]
pub(super) fn unsigned(out: &mut Window<'_>, number: u64) {
    let (header, size) = if number <= 0x7f {
        (number.to_le_bytes()[0], 0)
    } else {
        let (size, power) = WIDTHS[number.ilog2() as usize / 8];
        (0xcc + power, size)
    };
    marked(out, header, number, size.into());
}

#[inline(always)]
pub(super) fn signed(out: &mut Window<'_>, number: i64) {
    if number >= 0 {
        unsigned(out, number.cast_unsigned());
    } else if number >= -32 {
        out.push(number.to_le_bytes()[0]);
    } else {
        // The bits besides the sign, and one for it.
        let bits = 64 - (!number).leading_zeros();
        let (size, power) = WIDTHS[bits as usize / 8];
        marked(out, 0xd0 + power, number.cast_unsigned(), size.into());
    }
}

pub(super) fn wide(out: &mut Window<'_>, number: i128) -> Result<(), Fault> {
    if let Ok(number) = u64::try_from(number) {
        unsigned(out, number);
    } else if let Ok(number) = i64::try_from(number) {
        signed(out, number);
    } else {
        return Err(out_of_range());
    }
    Ok(())
}

pub(super) fn out_of_range() -> Fault {
    Fault::new(ErrorKind::Range, "integers go from -2^63 to 2^64 - 1")
}

#[inline]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Integral and in range.
pub(super) fn float(out: &mut Window<'_>, number: f64, profile: Profile) -> Result<(), Fault> {
    if !number.is_finite() {
        return Err(Fault::new(ErrorKind::Range, "NaN and the infinities are not in the model"));
    }
    let in_range = (LOWEST_INTEGRAL..ABOVE_INTEGRAL).contains(&number);
    // `-0.0` is integral, too, and becomes 0.
    if profile != Profile::Value && in_range && number.trunc().to_bits() == number.to_bits() {
        if number < 0.0 {
            signed(out, number as i64);
        } else {
            unsigned(out, number as u64);
        }
    } else {
        marked(out, 0xcb, number.to_bits(), 8);
    }
    Ok(())
}

/// The byte that MessagePack never uses: what follows stands in a key for something else.
pub(super) fn mark(out: &mut Window<'_>) {
    out.push(0xc1);
}

/// A length as the format has it.
pub(super) fn length(len: usize) -> Result<u32, Fault> {
    u32::try_from(len)
        .map_err(|_| Fault::new(ErrorKind::TooLarge, "a length needs more than 32 bits"))
}

/// Inlined: of a field's name everything is known before.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // Below 32.
pub(super) fn string(out: &mut Window<'_>, text: &str) -> Result<(), Fault> {
    if text.len() <= 31 {
        out.headed(0xa0 | text.len() as u8, text.as_bytes());
        return Ok(());
    }
    long_string(out, text)
}

/// The key of a map, and the first bytes of it as [`prefix`] has them. A short one is written as these.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // At most 8.
pub(super) fn map_key(out: &mut Window<'_>, key: &str) -> Result<u64, Fault> {
    let prefix = prefix(key.as_bytes());
    if key.len() <= 8 {
        out.put(0xa0 | key.len() as u8, prefix.to_be_bytes(), key.len());
    } else {
        string(out, key)?;
    }
    Ok(prefix)
}

#[inline(never)]
fn long_string(out: &mut Window<'_>, text: &str) -> Result<(), Fault> {
    match length(text.len())?.into() {
        len @ 0..=0xff => marked(out, 0xd9, len, 1),
        len @ 0x100..=0xffff => marked(out, 0xda, len, 2),
        len => marked(out, 0xdb, len, 4),
    }
    out.extend(text.as_bytes());
    Ok(())
}

pub(super) fn bytes(out: &mut Window<'_>, bytes: &[u8]) -> Result<(), Fault> {
    match length(bytes.len())?.into() {
        len @ 0..=0xff => marked(out, 0xc4, len, 1),
        len @ 0x100..=0xffff => marked(out, 0xc5, len, 2),
        len => marked(out, 0xc6, len, 4),
    }
    out.extend(bytes);
    Ok(())
}

/// A collection's header, and how many bytes follow its first one.
#[inline]
#[allow(clippy::cast_possible_truncation)] // Each is in the range of its arm.
pub(super) fn header(is_map: bool, len: u32) -> (u8, [u8; 4], usize) {
    let (short, middle, long) = if is_map { (0x80, 0xde, 0xdf) } else { (0x90, 0xdc, 0xdd) };
    match len {
        0..=15 => (short | len as u8, [0; 4], 0),
        16..=0xffff => (middle, (len << 16).to_be_bytes(), 2),
        _ => (long, len.to_be_bytes(), 4),
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
pub(super) fn sentinel(out: &mut Window<'_>, tag: &str, text: &str) -> Result<(), Fault> {
    out.push(0x82);
    string(out, tag)?;
    out.push(0xc3);
    string(out, names::VALUE)?;
    string(out, text)
}
