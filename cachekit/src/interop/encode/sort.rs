//! Entries of a finished collection, put in order where they lie.

use smallvec::SmallVec;

use super::sink::Sink;
use super::write::text_of;
use crate::interop::error::{Error, ErrorKind};

/// Where entries of the open collections start and end, innermost last. As many as 256 bytes can hold lie inline.
pub(super) type Marks = SmallVec<[(u32, u32); 256]>;

fn entry(bytes: &[u8], (start, end): (u32, u32)) -> &[u8] {
    &bytes[start as usize..end as usize]
}

/// Map entries by their keys: the order of bytes, which for UTF-8 is that of code points.
pub(super) fn map(out: &mut impl Sink, marks: &mut [(u32, u32)]) -> Result<(), Error> {
    let bytes = out.written();
    let key = |mark: &(u32, u32)| text_of(entry(bytes, *mark));
    let (Some(start), Some(end)) = (marks.first(), marks.last()) else { return Ok(()) };
    let (start, end) = (start.0 as usize, end.1 as usize);
    marks.sort_unstable_by(|left, right| key(left).cmp(key(right)));
    if marks.windows(2).any(|pair| key(&pair[0]) == key(&pair[1])) {
        return Err(duplicate_key());
    }
    arrange(out, marks, start, end);
    Ok(())
}

pub(super) fn duplicate_key() -> Error {
    Error::new(ErrorKind::DuplicateKey, "a map has the same key twice")
}

/// Elements by their encoded bytes, equal ones once. Returns how many there are.
pub(super) fn set(out: &mut impl Sink, marks: &mut [(u32, u32)]) -> usize {
    let bytes = out.written();
    let (Some(start), Some(end)) = (marks.first(), marks.last()) else { return 0 };
    let (start, end) = (start.0 as usize, end.1 as usize);
    marks.sort_unstable_by(|left, right| entry(bytes, *left).cmp(entry(bytes, *right)));
    let mut kept = 1;
    for at in 1..marks.len() {
        if entry(bytes, marks[at]) != entry(bytes, marks[kept - 1]) {
            marks[kept] = marks[at];
            kept += 1;
        }
    }
    arrange(out, &marks[..kept], start, end);
    kept
}

/// Writes the entries in the order of the marks from `start` on, and ends there.
fn arrange(out: &mut impl Sink, marks: &[(u32, u32)], start: usize, end: usize) {
    let before: SmallVec<[u8; 256]> = SmallVec::from_slice(&out.written()[start..end]);
    let mut at = start;
    for (from, to) in marks {
        let entry = &before[*from as usize - start..*to as usize - start];
        out.written_mut()[at..at + entry.len()].copy_from_slice(entry);
        at += entry.len();
    }
    out.truncate(at);
}
