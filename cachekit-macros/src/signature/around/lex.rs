//! The words and brackets of a source file, without comments and literals.

/// What a token is, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Lifetime,
    Open,
    Close,
    /// One character of punctuation, or a literal.
    Other,
}

/// A token and its offset. The text of a raw identifier omits its `r#`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'s> {
    pub(super) text: &'s str,
    pub(super) at: usize,
    /// In bytes, with the `r#`.
    pub(super) length: usize,
    pub(super) kind: Kind,
}

/// All tokens, in order. Text that is not Rust gives some other list, and no error.
///
/// A long file is read with it in debug builds, so it asks each question only where the first character allows a yes.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let (kind, length) = if first.is_whitespace() {
            (None, rest.len() - rest.trim_start().len())
        } else if first == '\u{feff}' {
            (None, first.len_utf8())
        } else if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, block_comment(rest))
        } else if matches!(first, '"' | 'b' | 'c' | 'r')
            && let Some(length) = string(rest)
        {
            (Some(Kind::Other), length)
        } else if first == '\'' {
            quoted(rest)
        } else if is_word(first) {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            let length = raw + word(&rest[raw..]);
            found.push(Token { text: &rest[raw..length], at, length, kind: Kind::Word });
            (None, length)
        } else {
            let kind = match first {
                '(' | '[' | '{' => Kind::Open,
                ')' | ']' | '}' => Kind::Close,
                _ => Kind::Other,
            };
            (Some(kind), first.len_utf8())
        };
        if let Some(kind) = kind {
            found.push(Token { text: &rest[..length], at, length, kind });
        }
        at += length;
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(rest: &str) -> usize {
    rest.find(|c| !is_word(c)).unwrap_or(rest.len())
}

/// Comments nest.
fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a string literal of any kind, if one begins here.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = rest.strip_prefix(prefix).map(|after| after.trim_start_matches('#'));
        let raw = prefix.ends_with('r');
        after.is_some_and(|after| after.starts_with('"'))
            && (raw || rest[prefix.len()..].starts_with('"'))
    })?;
    let after = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = after.find('"')?;
        let end = format!("\"{}", &after[..hashes]);
        let body = prefix.len() + hashes + 1;
        return Some(rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len()));
    }
    Some(prefix.len() + until(after, '"'))
}

/// The length of something between two quotes, skipping escapes.
fn until(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// A character, or a lifetime.
fn quoted(rest: &str) -> (Option<Kind>, usize) {
    let mut after = rest.chars().skip(1);
    match (after.next(), after.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => (Some(Kind::Other), until(rest, '\'')),
        _ => (Some(Kind::Lifetime), 1 + word(&rest[1..])),
    }
}
