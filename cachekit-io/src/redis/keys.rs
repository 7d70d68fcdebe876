//! The names of keys in Redis.
//!
//! Keys from the contract's alphabet are stored under their own name, after the prefix. In all others
//! `{`, `}` and `%` are escaped: braces decide the slot of a key in a Cluster, and users' keys must
//! not do that. Beside an entry `K` there are
//!
//! | what | one node, Sentinel | Cluster |
//! | --- | --- | --- |
//! | the lock | `K:lock` | `{K}:lock` |
//! | the fence | `K%fence` | `{K}%fence` |
//! | what tells the lock's holder that others changed the entry | `K%held` | `{K}%held` |
//! | what replicas get after the entry | `K%copied` | `{K}%copied` |
//!
//! No entry has such a name: `%f`, `%h` and `%c` are not escapes, and the last letter of a key that ends
//! with `:lock` is escaped.

use std::borrow::Cow;

/// The longest prefix.
pub(super) const MAX_PREFIX: usize = 128;
/// How many slots a Cluster has.
pub(super) const SLOTS: u16 = 16384;

const LOCK: &str = ":lock";

/// How keys are named.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: Box<str>,
    cluster: bool,
}

/// The names of the keys next to an entry.
pub(super) struct Beside {
    pub(super) lock: String,
    pub(super) fence: String,
    pub(super) held: String,
}

/// Whether names of keys can begin like this.
pub(super) fn is_prefix(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}' | b'%');
    text.len() <= MAX_PREFIX && text.bytes().all(fits)
}

impl Names {
    pub(super) fn new(prefix: &str, cluster: bool) -> Self {
        Self { prefix: prefix.into(), cluster }
    }

    /// Whether every key has a prefix.
    pub(super) fn has_prefix(&self) -> bool {
        !self.prefix.is_empty()
    }

    /// The name of a key's entry.
    pub(super) fn entry<'a>(&self, key: &'a str) -> Cow<'a, str> {
        let key = escaped(key);
        if self.prefix.is_empty() { key } else { Cow::Owned(format!("{}{key}", self.prefix)) }
    }

    /// The names next to this entry's.
    pub(super) fn beside(&self, entry: &str) -> Beside {
        let (open, close) = if self.cluster { ("{", "}") } else { ("", "") };
        Beside {
            lock: format!("{open}{entry}{close}{LOCK}"),
            fence: format!("{open}{entry}{close}%fence"),
            held: format!("{open}{entry}{close}%held"),
        }
    }

    /// The name next to this entry's that is written after it.
    pub(super) fn copied(&self, entry: &str) -> String {
        let (open, close) = if self.cluster { ("{", "}") } else { ("", "") };
        format!("{open}{entry}{close}%copied")
    }

    /// The slot of an entry and of all keys next to it; always 0 if there are no slots.
    pub(super) fn slot(&self, entry: &str) -> u16 {
        if self.cluster { crc16(entry.as_bytes()) % SLOTS } else { 0 }
    }

    /// The key of an entry; `None` for other names.
    pub(super) fn key(&self, entry: &str) -> Option<String> {
        let name = entry.strip_prefix(&*self.prefix)?;
        if name.is_empty() || name.ends_with(LOCK) || name.contains(['{', '}']) {
            return None;
        }
        let mut key = String::with_capacity(name.len());
        let mut rest = name;
        while let Some((before, after)) = rest.split_once('%') {
            key.push_str(before);
            let (escape, after) = after.split_at_checked(2)?;
            key.push(match escape {
                "25" => '%',
                "7B" => '{',
                "7D" => '}',
                "6B" => 'k',
                _ => return None,
            });
            rest = after;
        }
        key.push_str(rest);
        Some(key)
    }
}

fn escaped(key: &str) -> Cow<'_, str> {
    let is_lock = key.ends_with(LOCK);
    if !is_lock && memchr::memchr3(b'{', b'}', b'%', key.as_bytes()).is_none() {
        return Cow::Borrowed(key);
    }
    let mut name = String::with_capacity(key.len() + 16);
    let plain = if is_lock { &key[..key.len() - 1] } else { key };
    for c in plain.chars() {
        match c {
            '%' => name.push_str("%25"),
            '{' => name.push_str("%7B"),
            '}' => name.push_str("%7D"),
            c => name.push(c),
        }
    }
    if is_lock {
        name.push_str("%6B");
    }
    Cow::Owned(name)
}

/// CRC-16/XMODEM, which Redis Cluster uses.
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        // Below 256.
        #[allow(clippy::cast_possible_truncation)]
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

fn crc16(bytes: &[u8]) -> u16 {
    bytes
        .iter()
        .fold(0, |crc: u16, &byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) ^ u16::from(byte))])
}
