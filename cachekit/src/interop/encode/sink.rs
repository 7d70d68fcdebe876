//! What the encoder writes to: a window on the stack, and the heap for what does not fit.

/// Arguments of up to so many bytes are encoded without a heap allocation.
pub(super) const ARGUMENTS: usize = 256;
/// Values of up to so many bytes need one allocation, of just their length.
pub(super) const DOCUMENT: usize = 512;

/// Bytes that grow at their end.
pub(in crate::interop) struct Buffer<'w> {
    /// Empty once the bytes are on the heap.
    window: &'w mut [u8],
    /// How much of the window is written.
    len: usize,
    heap: Vec<u8>,
}

impl<'w> Buffer<'w> {
    pub(in crate::interop) fn new(window: &'w mut [u8]) -> Self {
        Self { window, len: 0, heap: Vec::new() }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) {
        self.extend(&[byte]);
    }

    #[inline(always)]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.window.get_mut(self.len..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len = end;
            }
            None => self.extend_heap(bytes),
        }
    }

    #[cold]
    #[inline(never)]
    fn spill(&mut self) {
        self.heap.reserve(4 * self.len);
        self.heap.extend_from_slice(&self.window[..self.len]);
        self.window = &mut [];
        self.len = 0;
    }

    #[inline(never)]
    fn extend_heap(&mut self, bytes: &[u8]) {
        if !self.window.is_empty() {
            self.spill();
        }
        self.heap.extend_from_slice(bytes);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        if self.window.is_empty() {
            self.heap.truncate(len);
        } else {
            self.len = len;
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        if self.window.is_empty() { self.heap.len() } else { self.len }
    }

    #[inline]
    pub(in crate::interop) fn written(&self) -> &[u8] {
        if self.window.is_empty() { &self.heap } else { &self.window[..self.len] }
    }

    #[inline]
    pub(super) fn written_mut(&mut self) -> &mut [u8] {
        if self.window.is_empty() { &mut self.heap } else { &mut self.window[..self.len] }
    }

    /// All of them, in an allocation of their length.
    pub(in crate::interop) fn into_vec(self) -> Vec<u8> {
        if self.window.is_empty() { self.heap } else { self.window[..self.len].to_vec() }
    }
}
