//! What the command line asks for.

use std::path::PathBuf;

/// One selectable part of the run; the word on the command line is in [`Part::WORDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Hits,
    Async,
    Threads,
    Zipf,
    Churn,
    Stampede,
    Capacity,
    Adapt,
    Memory,
    Seal,
    Sealed,
    Interop,
    Traces,
    Compile,
    Http,
    Redis,
}

impl Part {
    const WORDS: [(&'static str, Part); 16] = [
        ("hits", Part::Hits),
        ("async", Part::Async),
        ("threads", Part::Threads),
        ("zipf", Part::Zipf),
        ("churn", Part::Churn),
        ("stampede", Part::Stampede),
        ("capacity", Part::Capacity),
        ("adapt", Part::Adapt),
        ("memory", Part::Memory),
        ("seal", Part::Seal),
        ("sealed", Part::Sealed),
        ("interop", Part::Interop),
        ("traces", Part::Traces),
        ("compile", Part::Compile),
        ("http", Part::Http),
        ("redis", Part::Redis),
    ];
}

/// The parsed command line.
#[derive(Debug)]
pub(crate) struct Options {
    parts: Vec<Part>,
    pub(crate) quick: bool,
    pub(crate) traces: Vec<PathBuf>,
    pub(crate) capacities: Vec<u64>,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments;
        let mut options =
            Options { parts: Vec::new(), quick: false, traces: Vec::new(), capacities: Vec::new() };
        let mut under_cargo_bench = false;
        let mut full = false;
        while let Some(argument) = arguments.next() {
            let word = Part::WORDS.iter().find(|(word, _)| *word == argument);
            match argument.as_str() {
                "--bench" => under_cargo_bench = true,
                "--quick" => options.quick = true,
                "--full" => full = true,
                "--capacities" => {
                    let list = arguments.next().ok_or("--capacities needs a list: 600,1200")?;
                    options.capacities = capacities(&list)?;
                }
                _ if argument.starts_with("--") => return Err(format!("unknown flag {argument}")),
                _ => match word {
                    Some(&(_, part)) => options.parts.push(part),
                    None => options.traces.push(trace(&argument)?),
                },
            }
        }
        let brief_place = !under_cargo_bench || std::env::var_os("CI").is_some();
        options.quick |= brief_place && !full;
        if options.parts.contains(&Part::Traces) && options.traces.is_empty() {
            return Err("traces: name the trace files to replay".to_owned());
        }
        Ok(options)
    }

    /// Whether `part` runs: when named, or when nothing is named and it fits a run of everything.
    pub(crate) fn wants(&self, part: Part) -> bool {
        match part {
            Part::Traces => !self.traces.is_empty(),
            _ if !self.parts.is_empty() => self.parts.contains(&part),
            // A trace file alone asks for its replay, not for everything else as well.
            _ if !self.traces.is_empty() => false,
            Part::Compile => !self.quick,
            _ => true,
        }
    }

    /// Whether any part runs that has no program of its own, as `http` and `redis` have.
    pub(crate) fn wants_more_than_clients(&self) -> bool {
        let has_its_own = |part: &Part| matches!(part, Part::Http | Part::Redis);
        self.parts.is_empty() || !self.parts.iter().all(has_its_own)
    }

    /// `quick` in a quick run, else `full`.
    pub(crate) fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    pub(crate) fn describe(&self) -> String {
        self.pick(
            "quick run: a smoke test, quote times from a full run only",
            "full run: ns per operation, contenders interleaved",
        )
        .to_owned()
    }
}

fn capacities(list: &str) -> Result<Vec<u64>, String> {
    list.split(',')
        .map(|number| match number.trim().parse() {
            Ok(capacity) if capacity > 0 => Ok(capacity),
            _ => Err(format!("--capacities: {number:?} is not a positive number")),
        })
        .collect()
}

fn trace(argument: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(argument);
    if path.is_file() {
        return Ok(path);
    }
    let words: Vec<&str> = Part::WORDS.iter().map(|(word, _)| *word).collect();
    Err(format!("{argument}: neither a part ({}) nor a trace file", words.join(", ")))
}
