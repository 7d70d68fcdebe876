//! `cachekit inspect`: what an entry is, from its bytes alone.

mod kind;

use self::kind::Kind;
use crate::arguments::Inspect;
use crate::failure::Failure;
use crate::frame::Frame;
use crate::output::{Style, Table, print};
use cachekit_io::envelope::{HEADER_LEN, Header, OVERHEAD, Padding, SEALED_LEN, interop};

pub(crate) fn run(options: &Inspect, style: Style) -> Result<(), Failure> {
    let bytes = options.entry.read(options.storage_key.as_deref())?;
    let mut table = Table::default();
    let verdict = describe(&bytes, &mut table);
    print(&table.bytes(style))?;
    verdict.result()
}

/// What the bytes turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Sealed, or bytes without any mark of a format.
    Opaque,
    Plaintext,
    Damaged,
}

impl Verdict {
    fn result(self) -> Result<(), Failure> {
        match self {
            Self::Opaque => Ok(()),
            Self::Plaintext => Err(Failure::refused(
                "plaintext! The entry is not sealed: every reader of the store can read the value",
            )),
            Self::Damaged => Err(Failure::refused(
                "no entry that could be opened: damaged, or of an unknown version",
            )),
        }
    }
}

fn describe(bytes: &[u8], table: &mut Table) -> Verdict {
    let verdict = match kind::of(bytes) {
        Kind::FileOfBackend { expires, entry } => {
            table.row("container", "file of the file backend");
            table.row("expires", expires.unwrap_or_else(|| "never".to_owned()));
            return describe(entry, table);
        }
        Kind::Sealed(header) => {
            table.row("format", "sealed, native");
            sealed(bytes, &header, table);
            Verdict::Opaque
        }
        Kind::SealedBadly(reason) => {
            table.row("format", format!("native, but {reason}"));
            Verdict::Damaged
        }
        Kind::Frame(frame) => {
            table.row("format", "plaintext! a frame of cachekit without a seal");
            framed(&frame, table);
            Verdict::Plaintext
        }
        Kind::FrameUnknown => {
            table.row("format", "plaintext! a frame of cachekit, of another version or damaged");
            Verdict::Plaintext
        }
        Kind::Python { serializer, is_encrypted } => {
            let sealed = if is_encrypted { "its header says: encrypted" } else { "plaintext!" };
            table.row("format", format!("frame of the Python SDK; {sealed}"));
            if let Some(serializer) = serializer {
                table.row("serializer", serializer.escape_debug());
            }
            if is_encrypted { Verdict::Opaque } else { Verdict::Plaintext }
        }
        Kind::ByteStorage => {
            table.row("format", "plaintext! a compressed value of the Python or TypeScript SDK");
            Verdict::Plaintext
        }
        Kind::MessagePack => {
            table.row(
                "format",
                "plaintext! one MessagePack document, as interop entries without a seal",
            );
            Verdict::Plaintext
        }
        Kind::Unknown => {
            table.row("format", "no mark: a sealed interop entry, or one of another program");
            let value = bytes.len().saturating_sub(interop::OVERHEAD);
            table.row("if interop", format!("{value} bytes of value; only opening can tell"));
            Verdict::Opaque
        }
        Kind::Short => {
            table.row("format", "too short for anything sealed");
            Verdict::Damaged
        }
    };
    table.row("bytes", bytes.len());
    verdict
}

fn sealed(bytes: &[u8], header: &Header, table: &mut Table) {
    let sealed = bytes.len() - OVERHEAD;
    let (padding, value) = match header.padding() {
        Padding::None => ("none", format!("{sealed} bytes")),
        Padding::Padme => ("Padmé", format!("at most {} bytes", sealed.saturating_sub(4))),
        Padding::PowerOfTwo => {
            ("powers of two", format!("at most {} bytes", sealed.saturating_sub(4)))
        }
    };
    table
        .row("version", bytes[4])
        .row("suite", format!("{} (HKDF-SHA256, HMAC-SHA256, XAES-256-GCM)", bytes[5]))
        .row("key id", header.key_id())
        .row("padding", padding)
        .row("header", format!("{HEADER_LEN} bytes, of which {SEALED_LEN} are sealed"))
        .row("value", value);
}

fn framed(frame: &Frame<'_>, table: &mut Table) {
    let packed = if frame.is_compressed { ", compressed with LZ4" } else { "" };
    table
        .row("codec", format!("{}{packed}", frame.codec.name()))
        .row("created", frame.created())
        .row("lifetime", frame.lifetime())
        .row("value", format!("{} bytes", frame.value_len));
}
