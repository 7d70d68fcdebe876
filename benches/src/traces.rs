//! Replays recorded traces and reports the share of look-ups that hit.
//!
//! `*.gz` is gzip text with one decimal id a line, where lines that start with `*` separate parts
//! and do not count. `*.xz` is an xz-compressed sequence of 32-bit big-endian ids.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::harness::as_f64;
use crate::options::Options;
use crate::peers::{self, Moka};
use crate::report::{OURS_STORE, REFERENCE};

/// Capacities that tell policies apart, by the name of a well-known trace.
const CAPACITIES: [(&str, &[u64]); 3] = [
    ("multi2", &[600, 1_200, 1_800, 2_400, 3_000]),
    ("loop", &[250, 500, 750]),
    ("web07", &[500, 1_000, 2_000, 5_000]),
];

pub(crate) fn run(options: &Options) -> Result<(), String> {
    for path in &options.traces {
        let ids = read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        replay_all(path, &ids, &capacities(options, path)?);
    }
    Ok(())
}

fn capacities(options: &Options, path: &Path) -> Result<Vec<u64>, String> {
    if !options.capacities.is_empty() {
        return Ok(options.capacities.clone());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    CAPACITIES
        .iter()
        .find(|(known, _)| name.starts_with(known))
        .map(|(_, capacities)| capacities.to_vec())
        .ok_or_else(|| format!("{name}: not a known trace, give --capacities 100,200"))
}

fn read(path: &Path) -> Result<Vec<u64>, Error> {
    let file = BufReader::new(File::open(path)?);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => decimal_lines(BufReader::new(MultiGzDecoder::new(file))),
        Some("xz") => {
            let mut file = file;
            let mut bytes = Vec::new();
            lzma_rs::xz_decompress(&mut file, &mut bytes)
                .map_err(|error| Error::new(ErrorKind::InvalidData, format!("{error:?}")))?;
            big_endian_words(&bytes)
        }
        _ => Err(Error::new(ErrorKind::InvalidInput, "a trace ends in .gz or .xz")),
    }
}

fn decimal_lines(lines: impl BufRead) -> Result<Vec<u64>, Error> {
    let mut ids = Vec::new();
    for line in lines.lines() {
        let line = line?;
        let line = line.trim();
        if line.is_empty() || line.starts_with('*') {
            continue;
        }
        let id = line
            .parse()
            .map_err(|_| Error::new(ErrorKind::InvalidData, format!("{line:?} is not an id")))?;
        ids.push(id);
    }
    Ok(ids)
}

fn big_endian_words(bytes: &[u8]) -> Result<Vec<u64>, Error> {
    let words = bytes.chunks_exact(4);
    if !words.remainder().is_empty() {
        return Err(Error::new(ErrorKind::InvalidData, "the ids do not fill 32 bits each"));
    }
    Ok(words
        .map(|word| u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]])))
        .collect())
}

fn replay_all(path: &Path, ids: &[u64], capacities: &[u64]) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    println!("\ntrace {name}: {} look-ups, hit ratio in percent", ids.len());
    println!(
        "  {:>9} {OURS_STORE:>15} {REFERENCE:>12} {:>9} {:>21}",
        "capacity", "moka", "ours - best peer"
    );
    for &capacity in capacities {
        let ours = ours(ids, capacity);
        let quick = quick(ids, capacity);
        let moka = moka(ids, capacity);
        println!(
            "  {capacity:>9} {ours:>15.2} {quick:>12.2} {moka:>9.2} {:>+21.2}",
            ours - quick.max(moka)
        );
    }
}

fn ours(ids: &[u64], capacity: u64) -> f64 {
    let cache = cachekit::Cache::<u64, ()>::builder().capacity(capacity).build();
    replay(ids, |id| cache.get(&id).is_some(), |id| cache.insert(id, ()))
}

fn quick(ids: &[u64], capacity: u64) -> f64 {
    let cache = peers::quick_for::<u64, ()>(capacity);
    replay(ids, |id| cache.get(&id).is_some(), |id| cache.insert(id, ()))
}

/// Moka decides about admission and eviction in batches; running them after each insert gives it
/// the result it would reach with time to spare.
fn moka(ids: &[u64], capacity: u64) -> f64 {
    let cache = Moka::<u64, ()>::new(capacity);
    let insert = |id| {
        cache.insert(id, ());
        cache.run_pending_tasks();
    };
    replay(ids, |id| cache.get(&id).is_some(), insert)
}

/// Looks every id up, inserts it on a miss, and returns the hits in percent.
fn replay(ids: &[u64], get: impl Fn(u64) -> bool, insert: impl Fn(u64)) -> f64 {
    let mut hits = 0;
    for &id in ids {
        if get(id) {
            hits += 1;
        } else {
            insert(id);
        }
    }
    100.0 * as_f64(hits) / as_f64(ids.len().max(1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_and_blank_lines_are_not_ids() {
        assert_eq!(decimal_lines(&b"3\n*\n 17 \n\n4294967296\n"[..]).unwrap(), [3, 17, 1 << 32]);
        assert!(decimal_lines(&b"12\nx\n"[..]).is_err());
    }

    #[test]
    fn words_are_big_endian_and_whole() {
        assert_eq!(big_endian_words(&[0, 0, 1, 2, 255, 0, 0, 0]).unwrap(), [258, 255 << 24]);
        assert!(big_endian_words(&[0, 0, 1]).is_err());
    }
}
