//! What a scrape says, as Prometheus's own parser reads it.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use cachekit::Stats;

/// What a scrape came to: the value of each series, by name and labels; of a histogram, its count.
pub(super) struct Scraped(pub(super) BTreeMap<String, f64>);

impl Scraped {
    /// Reads every line. What is not of the format fails the test.
    pub(super) fn read(text: &str) -> Self {
        let mut all = BTreeMap::new();
        let mut lines = 0;
        for family in parsed(text).as_array().unwrap() {
            let name = family["name"].as_str().unwrap();
            assert!(name.starts_with("cachekit_"), "{name}");
            assert!(!family["help"].as_str().unwrap().is_empty(), "no help: {name}");
            let is_histogram = match family["type"].as_str().unwrap() {
                "histogram" => true,
                "counter" | "gauge" => false,
                other => panic!("{name}: {other}"),
            };
            let mut infinite = BTreeMap::new();
            for sample in family["samples"].as_array().unwrap() {
                lines += 1;
                let (sample, labels, value) = (&sample[0], &sample[1], &sample[2]);
                let (sample, value) = (sample.as_str().unwrap(), value.as_f64().unwrap());
                assert!(value >= 0.0, "{sample} {value}");
                let mut labels = labels.as_object().unwrap().clone();
                let bound = labels.remove("le");
                let labels: Vec<_> = labels
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
                    .collect();
                let series = |name: &str| format!("{name}{{{}}}", labels.join(","));
                if !is_histogram {
                    let series = series(sample);
                    assert!(all.insert(series.clone(), value).is_none(), "twice: {series}");
                } else if let Some(bound) = bound {
                    if bound == "+Inf" {
                        infinite.insert(series(name), value);
                    }
                } else if sample.ends_with("_count") {
                    assert!(all.insert(series(name), value).is_none(), "twice: {sample}");
                }
            }
            for (series, count) in infinite {
                assert_eq!(all.get(&series), Some(&count), "{series}");
            }
        }
        let written = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(written.count(), lines, "every line is a sample");
        Self(all)
    }

    pub(super) fn number(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    #[track_caller]
    pub(super) fn count(&self, name: &str, cache: &str, labels: &[(&str, &str)]) -> u64 {
        let mut all: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        all.push(format!("cache={cache}"));
        all.sort();
        let series = format!("{name}{{{}}}", all.join(","));
        let value = self.number(&series).unwrap_or(0.0);
        assert!(value >= 0.0 && value.fract() == 0.0, "{series} {value}");
        format!("{value}").parse().unwrap()
    }

    #[track_caller]
    pub(super) fn calls(&self, cache: &str, tier: &str, result: &str) -> u64 {
        self.count("cachekit_calls_total", cache, &[("tier", tier), ("result", result)])
    }

    /// All that is there of a function, compared with its counters.
    #[track_caller]
    pub(super) fn agrees(&self, cache: &str, stats: Stats) {
        let calls = |tier, result| self.calls(cache, tier, result);
        let process =
            calls("process", "hit") + calls("process", "stale") + calls("process", "negative");
        let shared =
            calls("shared", "hit") + calls("shared", "stale") + calls("shared", "negative");
        let none = calls("none", "miss") + calls("none", "bypass");
        assert_eq!(process, stats.hits, "{cache}");
        assert_eq!(shared, stats.shared_hits, "{cache}");
        assert_eq!(shared + none, stats.misses, "{cache}");
        assert_eq!(
            calls("process", "stale") + calls("shared", "stale"),
            stats.stale_hits,
            "{cache}"
        );
        let fills: u64 = ["ok", "not_stored", "error"]
            .iter()
            .flat_map(|outcome| ["miss", "refresh", "forced"].map(|cause| (*outcome, cause)))
            .map(|(outcome, cause)| self.fills(cache, outcome, cause))
            .sum();
        assert_eq!(fills, stats.loads, "{cache}");
        let evicted = |reason| self.count("cachekit_evictions_total", cache, &[("reason", reason)]);
        assert_eq!(evicted("capacity"), stats.evictions, "{cache}");
        assert_eq!(evicted("expired"), stats.expirations, "{cache}");
        assert_eq!(self.count("cachekit_entries", cache, &[]), stats.entries, "{cache}");
        assert_eq!(self.count("cachekit_weight", cache, &[]), stats.weight, "{cache}");
        let sent = [("direction", "sent"), ("cause", "call")];
        assert_eq!(
            self.count("cachekit_invalidations_total", cache, &sent),
            stats.invalidations,
            "{cache}"
        );
    }

    pub(super) fn fills(&self, cache: &str, outcome: &str, cause: &str) -> u64 {
        self.count("cachekit_fills_total", cache, &[("outcome", outcome), ("cause", cause)])
    }
}

/// What Prometheus's own parser for Python reads.
fn parsed(text: &str) -> serde_json::Value {
    // The distribution's, which has the distribution's packages.
    let python = ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        let found = Command::new(python)
            .args(["-c", "import prometheus_client.parser"])
            .stderr(Stdio::null())
            .status();
        found.is_ok_and(|status| status.success())
    });
    let python = python.expect(
        "Prometheus's parser is not installed: `apt-get install python3-prometheus-client`, or `bash .ci/servers`",
    );
    let mut parser = Command::new(python)
        .args(["-c", include_str!("parse.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It reads all before it writes anything.
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "not of the format:\n{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}
