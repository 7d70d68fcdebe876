//! Entries of a finished collection, put in order where they lie.

use std::cmp::Ordering;
use std::ops::Range;

use smallvec::SmallVec;

use super::sink::Window;
use super::write::text_of;
use crate::interop::error::{ErrorKind, Fault};

/// Where an entry of a map or an element of a set starts. It ends where the next one starts.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// The first bytes of what is compared. Where they differ, nothing else has to be looked at.
    pub(super) prefix: u64,
    pub(super) start: usize,
}

/// Of the open collections, innermost last. As many as 256 bytes can hold lie inline.
pub(super) type Marks = SmallVec<[Mark; 256]>;

/// The first eight bytes, so that numbers compare as the bytes do. Shorter ones are filled up with zeros.
#[inline(always)]
pub(super) fn prefix(bytes: &[u8]) -> u64 {
    if let Some(chunk) = bytes.first_chunk() {
        return u64::from_be_bytes(*chunk);
    }
    let len = bytes.len();
    // The first and the last four may overlap, and agree there.
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_be_bytes(*first), u32::from_be_bytes(*last));
        return u64::from(first) << 32 | u64::from(last) << (8 * (8 - len));
    }
    // Of three, the one in the middle is the second; of two it is the last, and of one the first again.
    let at = |at: usize| bytes.get(at).map_or(0, |byte| u64::from(*byte) << (56 - 8 * at));
    if len == 0 { 0 } else { at(0) | at(len / 2) | at(len - 1) }
}

/// An entry whose place is about to change.
#[derive(Clone, Copy)]
struct Entry {
    prefix: u64,
    start: usize,
    end: usize,
}

impl Entry {
    fn of<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start..self.end]
    }
}

type Entries = SmallVec<[Entry; 256]>;

fn entries(marks: &[Mark], end: usize) -> Entries {
    let ends = marks.iter().skip(1).map(|next| next.start).chain([end]);
    let entry = |(mark, end): (&Mark, usize)| Entry { prefix: mark.prefix, start: mark.start, end };
    marks.iter().zip(ends).map(entry).collect()
}

/// By the prefix, and by all of it where that is the same.
#[inline]
fn compare<'b>(left: &Entry, right: &Entry, all: impl Fn(&Entry) -> &'b [u8]) -> Ordering {
    left.prefix.cmp(&right.prefix).then_with(|| all(left).cmp(all(right)))
}

/// Map entries by their keys: the order of bytes, which for UTF-8 is that of code points.
#[inline(never)]
pub(super) fn map(out: &mut Window<'_>, marks: &[Mark]) -> Result<(), Fault> {
    if few(out, marks) {
        return Ok(());
    }
    let bytes = out.written();
    let by_key = |left: &Entry, right: &Entry| compare(left, right, |it| text_of(it.of(bytes)));
    let mut entries = entries(marks, bytes.len());
    // Keys that start alike may well be in order.
    let is_above = |pair: &[Entry]| by_key(&pair[0], &pair[1]) == Ordering::Less;
    if entries.windows(2).all(is_above) {
        return Ok(());
    }
    entries.sort_unstable_by(by_key);
    if !entries.windows(2).all(is_above) {
        return Err(Fault::new(ErrorKind::DuplicateKey, "a map has the same key twice"));
    }
    arrange(out, marks, entries.iter().map(|entry| entry.start..entry.end));
    Ok(())
}

/// How many are put in order by numbers alone.
const FEW: usize = 16;
/// How many bytes are put in order on the stack.
const NEAR: usize = 256;
/// How many bytes are copied at once. Most entries are shorter, and what is copied too much is written over by the next one.
const STEP: usize = 32;

/// A struct's fields: few, and most names differ in their first seven bytes. Then one number says what a name starts
/// with and which field it is, and the numbers are sorted. Otherwise nothing is done.
fn few(out: &mut Window<'_>, marks: &[Mark]) -> bool {
    let Some(first) = marks.first().map(|mark| mark.start) else { return false };
    let len = out.len() - first;
    if marks.len() > FEW || len > NEAR {
        return false;
    }
    // The rest of an index is taken only to show the compiler that it is one.
    let (mut numbers, mut starts) = ([0; FEW], [len; FEW + 1]);
    for (at, mark) in marks.iter().enumerate() {
        starts[at % FEW] = mark.start - first;
        let number = mark.prefix & !0xff | at as u64;
        let mut to = at;
        while to > 0 && numbers[(to - 1) % FEW] > number {
            numbers[to % FEW] = numbers[(to - 1) % FEW];
            to -= 1;
        }
        // One that starts alike was put directly before it, as it has the smaller index.
        if to > 0 && (numbers[(to - 1) % FEW] ^ number) <= 0xff {
            return false;
        }
        numbers[to % FEW] = number;
    }
    let mut before = [0; NEAR + STEP];
    let space = out.space_mut(first);
    before[..len].copy_from_slice(&space[..len]);
    let mut at = 0;
    for number in &numbers[..marks.len()] {
        let index = usize::from(number.to_le_bytes()[0]) % FEW;
        let (start, end) = (starts[index], starts[index + 1]);
        let steps =
            (before[start % NEAR..].first_chunk::<STEP>(), space[at..].first_chunk_mut::<STEP>());
        if let (true, (Some(entry), Some(place))) = (end - start <= STEP, steps) {
            *place = *entry;
        } else {
            space[at..at + end - start].copy_from_slice(&before[start..end]);
        }
        at += end - start;
    }
    true
}

/// Elements by their encoded bytes, equal ones once. Returns how many there are.
#[inline(never)]
pub(super) fn set(out: &mut Window<'_>, marks: &[Mark]) -> usize {
    let bytes = out.written();
    let mut entries = entries(marks, bytes.len());
    entries.sort_unstable_by(|left, right| compare(left, right, |it| it.of(bytes)));
    entries.dedup_by(|left, right| left.of(bytes) == right.of(bytes));
    arrange(out, marks, entries.iter().map(|entry| entry.start..entry.end));
    entries.len()
}

/// Writes what lies in these places one after the other, in place of all the entries.
fn arrange(out: &mut Window<'_>, marks: &[Mark], places: impl Iterator<Item = Range<usize>>) {
    let Some(start) = marks.first().map(|first| first.start) else { return };
    let before: SmallVec<[u8; NEAR]> = SmallVec::from_slice(&out.written()[start..]);
    out.truncate(start);
    for place in places {
        out.extend(&before[place.start - start..place.end - start]);
    }
}
