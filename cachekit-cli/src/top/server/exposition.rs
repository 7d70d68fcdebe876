//! Reads Prometheus' text format, version 0.0.4.

use std::collections::BTreeMap;

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    labels: BTreeMap<&'a str, String>,
    pub(super) value: f64,
}

impl Sample<'_> {
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// All samples of a page; `None` if a line cannot be read as a sample.
pub(super) fn parse(page: &str) -> Option<Vec<Sample<'_>>> {
    let lines = page.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(sample).collect()
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    // A timestamp may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    (!name.is_empty()).then_some(Sample { name, labels, value })
}

/// The labels, and the rest after them.
fn labels(mut rest: &str) -> Option<(BTreeMap<&str, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.trim(), value);
        rest = &quoted[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn samples_are_read_as_the_format_says() {
        let page = "# HELP a b\n# TYPE a counter\n\na 1\na{x=\"1\"} 2.5 1700000000\n\
                    a{x=\"q\\\"}\\\\ \\n\",le=\"+Inf\"} +Inf\n  b_c\t3\n";
        let samples = parse(page).expect("a page");
        let read: Vec<_> =
            samples.iter().map(|sample| (sample.name, sample.label("x"), sample.value)).collect();
        assert_eq!(
            read,
            [("a", "", 1.0), ("a", "1", 2.5), ("a", "q\"}\\ \n", f64::INFINITY), ("b_c", "", 3.0)]
        );
        assert_eq!(samples[2].label("le"), "+Inf");
        for wrong in ["a", "a{", "a{x=1} 2", "a{x=\"1} 2", "a b", "{x=\"1\"} 1", "<html> </html>"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
