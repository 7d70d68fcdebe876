//! The layout of values in the shared tier.

use cachekit_io::SetOptions;

use crate::format::frame::{Frame, FrameContext};

/// The layout of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Behind our header.
    Framed,
    /// Unchanged: a document of the interop protocol.
    Plain,
}

impl Layout {
    pub(super) fn read<'a>(self, bytes: &'a [u8], context: FrameContext<'_>) -> Option<Frame<'a>> {
        match self {
            Self::Framed => Frame::decode(bytes, context),
            Self::Plain => Some(Frame::around(bytes)),
        }
    }

    /// How a backend stores it: a document is read by programs that do not know our layout.
    pub(super) fn options(self) -> SetOptions {
        match self {
            Self::Framed => SetOptions::new(),
            Self::Plain => SetOptions::new().verbatim(),
        }
    }

    pub(super) fn write(self, frame: &Frame<'_>, context: FrameContext<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Framed => frame.encode(context),
            Self::Plain => Some(frame.value.bytes.to_vec()),
        }
    }
}
