//! Entries of a finished collection, put in order where they lie.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::sink::Buffer;
use super::write::text_of;
use crate::interop::error::{Error, ErrorKind};

/// An entry of a map, or an element of a set.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// The first bytes of what is compared. Where they differ, nothing else has to be looked at.
    pub(super) prefix: u64,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Of the open collections, innermost last. As many as 256 bytes can hold lie inline.
pub(super) type Marks = SmallVec<[Mark; 256]>;

/// The first eight bytes, so that numbers compare as the bytes do. Shorter ones are filled up with zeros.
#[inline(always)]
pub(super) fn prefix(bytes: &[u8]) -> u64 {
    if let Some(chunk) = bytes.first_chunk() {
        return u64::from_be_bytes(*chunk);
    }
    let mut prefix = 0;
    for byte in bytes {
        prefix = prefix << 8 | u64::from(*byte);
    }
    // No bytes: nothing to shift.
    prefix.checked_shl(64 - 8 * u32::try_from(bytes.len()).unwrap_or(0)).unwrap_or(0)
}

impl Mark {
    fn entry(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }
}

/// By the prefix, and by all of it where that is the same.
#[inline]
fn compare<'b>(left: &Mark, right: &Mark, all: impl Fn(&Mark) -> &'b [u8]) -> Ordering {
    left.prefix.cmp(&right.prefix).then_with(|| all(left).cmp(all(right)))
}

/// The order of few is found by insertion, which for a struct's fields is the quickest.
fn sort(marks: &mut [Mark], compare: impl Fn(&Mark, &Mark) -> Ordering) {
    if marks.len() > 20 {
        marks.sort_unstable_by(compare);
        return;
    }
    for at in 1..marks.len() {
        let mark = marks[at];
        let mut to = at;
        while to > 0 && compare(&mark, &marks[to - 1]) == Ordering::Less {
            marks[to] = marks[to - 1];
            to -= 1;
        }
        marks[to] = mark;
    }
}

/// Map entries by their keys: the order of bytes, which for UTF-8 is that of code points.
pub(super) fn map(out: &mut Buffer<'_>, marks: &mut [Mark]) -> Result<(), Error> {
    let bytes = out.written();
    let (Some(start), Some(end)) = (marks.first(), marks.last()) else { return Ok(()) };
    let (start, end) = (start.start as usize, end.end as usize);
    let by_key =
        |left: &Mark, right: &Mark| compare(left, right, |mark| text_of(mark.entry(bytes)));
    sort(marks, by_key);
    if marks.windows(2).any(|pair| by_key(&pair[0], &pair[1]) == Ordering::Equal) {
        return Err(duplicate_key());
    }
    arrange(out, marks, start, end);
    Ok(())
}

pub(super) fn duplicate_key() -> Error {
    Error::new(ErrorKind::DuplicateKey, "a map has the same key twice")
}

/// Elements by their encoded bytes, equal ones once. Returns how many there are.
pub(super) fn set(out: &mut Buffer<'_>, marks: &mut [Mark]) -> usize {
    let bytes = out.written();
    let (Some(start), Some(end)) = (marks.first(), marks.last()) else { return 0 };
    let (start, end) = (start.start as usize, end.end as usize);
    sort(marks, |left, right| compare(left, right, |mark| mark.entry(bytes)));
    let mut kept = 1;
    for at in 1..marks.len() {
        if marks[at].entry(bytes) != marks[kept - 1].entry(bytes) {
            marks[kept] = marks[at];
            kept += 1;
        }
    }
    arrange(out, &marks[..kept], start, end);
    kept
}

/// Writes the entries in the order of the marks from `start` on, and ends there.
fn arrange(out: &mut Buffer<'_>, marks: &[Mark], start: usize, end: usize) {
    const STEP: usize = 32;
    let before: SmallVec<[u8; 512]> = SmallVec::from_slice(&out.written()[start..end]);
    let after = &mut out.written_mut()[start..end];
    let mut at = 0;
    for mark in marks {
        let from = mark.start as usize - start;
        let len = (mark.end - mark.start) as usize;
        // Most are short, and what is copied too much is written over by the next one.
        let short = if len <= STEP { before[from..].first_chunk::<STEP>() } else { None };
        match (short, after[at..].first_chunk_mut()) {
            (Some(short), Some(place)) => *place = *short,
            _ => after[at..at + len].copy_from_slice(&before[from..from + len]),
        }
        at += len;
    }
    out.truncate(start + at);
}
