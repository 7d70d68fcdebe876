//! Where the encoder writes to.

use smallvec::SmallVec;

/// Arguments that fit are encoded without a heap allocation.
pub(in crate::interop) type Stack = SmallVec<[u8; 256]>;

/// Bytes that grow at their end.
pub(in crate::interop) trait Sink {
    fn push(&mut self, byte: u8);
    fn extend(&mut self, bytes: &[u8]);
    fn truncate(&mut self, len: usize);
    fn written(&self) -> &[u8];
    fn written_mut(&mut self) -> &mut [u8];
}

impl Sink for Vec<u8> {
    #[inline]
    fn push(&mut self, byte: u8) {
        self.push(byte);
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }

    fn written(&self) -> &[u8] {
        self
    }

    fn written_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl Sink for Stack {
    #[inline]
    fn push(&mut self, byte: u8) {
        self.push(byte);
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }

    fn written(&self) -> &[u8] {
        self
    }

    fn written_mut(&mut self) -> &mut [u8] {
        self
    }
}
