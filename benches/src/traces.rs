//! Replays recorded traces and reports the share of look-ups that hit.
//!
//! `*.gz` is gzip text with one decimal id a line, where lines that start with `*` separate parts
//! and do not count. `*.xz` is an xz-compressed sequence of 32-bit big-endian ids.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::harness::{as_f64, in_new_thread};
use crate::options::Options;
use crate::peers::{self, Moka};
use crate::report::{OURS_STORE, REFERENCE, Replay, Report};
use crate::zipf::reseed;

/// Capacities that tell policies apart, by the name of a well-known trace.
const CAPACITIES: [(&str, &[u64]); 3] = [
    ("multi2", &[600, 1_200, 1_800, 2_400, 3_000]),
    ("loop", &[250, 500, 750]),
    ("web07", &[500, 1_000, 2_000, 5_000]),
];

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    let seeds = options.pick(2, 20);
    for path in &options.traces {
        let ids = read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        println!(
            "\ntrace {name}: {} look-ups, hit ratio in percent, mean of {seeds} seeds; ours - best peer in points",
            ids.len()
        );
        println!(
            "  {:>9} {OURS_STORE:>15} {REFERENCE:>12} {:>9} {:>17} {:>13}",
            "capacity", "moka", "ours - best peer", "9 seeds of 10"
        );
        for capacity in capacities(options, path)? {
            report.replays.push(replay_all(&name, &ids, capacity, seeds));
        }
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

/// Replays the trace with several seeds. What one seed of the hash does to a policy is luck.
fn replay_all(name: &str, ids: &[u64], capacity: u64, seeds: u64) -> Replay {
    let (mut all_ours, mut all_quick, mut all_moka) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..seeds {
        let keys: Vec<u64> = ids.iter().map(|&id| reseed(id, seed)).collect();
        all_ours.push(in_new_thread(|| ours(&keys, capacity)));
        all_quick.push(quick(&keys, capacity));
        all_moka.push(moka(&keys, capacity));
    }
    let (quick, moka) = (mean(&all_quick), mean(&all_moka));
    let best = quick.max(moka);
    let replay = Replay {
        name: format!("{} {capacity}", name.split('.').next().unwrap_or(name)),
        mean: mean(&all_ours) - best,
        low: nine_of_ten_reach(all_ours.clone()) - best,
    };
    println!(
        "  {capacity:>9} {:>15.2} {quick:>12.2} {moka:>9.2} {:>+17.2} {:>+13.2}",
        mean(&all_ours),
        replay.mean,
        replay.low,
    );
    replay
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / as_f64(values.len() as u64)
}

/// What at least nine of ten reach: the second worst of 20, the worst of a few.
fn nine_of_ten_reach(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() / 10).saturating_sub(1)]
}

/// Asks as a cached function does.
fn ours(keys: &[u64], capacity: u64) -> f64 {
    let cache = cachekit::Cache::<u64, ()>::builder().capacity(capacity).build();
    let hits = keys.iter().filter(|&key| {
        let mut hit = true;
        cache.get_or_insert_with(key, || hit = false);
        hit
    });
    percent(hits.count(), keys)
}

fn quick(keys: &[u64], capacity: u64) -> f64 {
    let cache = peers::quick_for::<u64, ()>(capacity);
    replay(keys, |key| cache.get(&key).is_some(), |key| cache.insert(key, ()))
}

/// Moka decides about admission and eviction in batches; running them after each insert gives it
/// the result it would reach with time to spare.
fn moka(keys: &[u64], capacity: u64) -> f64 {
    let cache = Moka::<u64, ()>::new(capacity);
    let insert = |key| {
        cache.insert(key, ());
        cache.run_pending_tasks();
    };
    replay(keys, |key| cache.get(&key).is_some(), insert)
}

/// Looks every key up, inserts it on a miss, and returns the hits in percent.
fn replay(keys: &[u64], get: impl Fn(u64) -> bool, insert: impl Fn(u64)) -> f64 {
    let mut hits = 0;
    for &key in keys {
        if get(key) {
            hits += 1;
        } else {
            insert(key);
        }
    }
    percent(hits, keys)
}

fn percent(hits: usize, keys: &[u64]) -> f64 {
    100.0 * as_f64(hits as u64) / as_f64(keys.len().max(1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_reach_the_second_worst_of_twenty() {
        let values: Vec<f64> = (0..20).rev().map(f64::from).collect();
        assert!((nine_of_ten_reach(values) - 1.0).abs() < f64::EPSILON);
        assert!((nine_of_ten_reach(vec![8.0, 7.0]) - 7.0).abs() < f64::EPSILON);
    }

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
