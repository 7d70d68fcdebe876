//! What the encoder writes to: for values a buffer on the heap, for arguments a window on the stack.

/// Arguments of up to so many bytes are encoded without a heap allocation.
pub(super) const ARGUMENTS: usize = 256;
/// Values of up to so many bytes need one allocation.
pub(super) const DOCUMENT: usize = 256;

/// Bytes that grow at their end, in a space that is filled before: so each write is one check and one copy.
pub(super) trait Sink {
    /// What is written, and the room behind it.
    fn space(&self) -> &[u8];

    fn space_mut(&mut self) -> &mut [u8];

    /// How much is written.
    fn len(&self) -> usize;

    /// No more than the space.
    fn set_len(&mut self, len: usize);

    /// Makes the space larger, to this at least.
    fn grow(&mut self, len: usize);

    #[inline(always)]
    fn push(&mut self, byte: u8) {
        let at = self.len();
        match self.space_mut().get_mut(at) {
            Some(place) => {
                *place = byte;
                self.set_len(at + 1);
            }
            None => grow_and_extend(self, &[byte]),
        }
    }

    /// A header of one byte, and what it is the header of.
    #[inline(always)]
    fn headed(&mut self, header: u8, bytes: &[u8]) {
        let at = self.len();
        let end = at + 1 + bytes.len();
        if let Some([first, rest @ ..]) = self.space_mut().get_mut(at..end) {
            *first = header;
            copy_short(rest, bytes);
            self.set_len(end);
        } else {
            grow_and_extend(self, &[header]);
            self.extend(bytes);
        }
    }

    /// A header of one byte and the first `len` of these bytes. All `N` of them are copied where there is room,
    /// which is quicker: the next ones are written over the rest.
    #[inline(always)]
    fn put<const N: usize>(&mut self, header: u8, bytes: [u8; N], len: usize) {
        let at = self.len();
        if let Some([first, rest @ ..]) = self.space_mut().get_mut(at..at + 1 + N) {
            *first = header;
            rest.copy_from_slice(&bytes);
            self.set_len(at + 1 + len);
        } else {
            grow_and_extend(self, &[header]);
            self.extend(&bytes[..len]);
        }
    }

    #[inline(always)]
    fn extend(&mut self, bytes: &[u8]) {
        let at = self.len();
        let end = at + bytes.len();
        match self.space_mut().get_mut(at..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.set_len(end);
            }
            None => grow_and_extend(self, bytes),
        }
    }

    /// Ends earlier.
    #[inline]
    fn truncate(&mut self, len: usize) {
        self.set_len(len.min(self.len()));
    }

    #[inline]
    fn written(&self) -> &[u8] {
        &self.space()[..self.len()]
    }

    #[inline]
    fn written_mut(&mut self) -> &mut [u8] {
        let len = self.len();
        &mut self.space_mut()[..len]
    }
}

/// Copies without a call where that is quick: the first and the last bytes, which may overlap.
#[inline(always)]
fn copy_short(to: &mut [u8], from: &[u8]) {
    if from.len() <= 16
        && let (Some(first), Some(last)) = (from.first_chunk::<8>(), from.last_chunk::<8>())
    {
        to[..8].copy_from_slice(first);
        to[from.len() - 8..].copy_from_slice(last);
    } else if from.len() < 8
        && let (Some(first), Some(last)) = (from.first_chunk::<4>(), from.last_chunk::<4>())
    {
        to[..4].copy_from_slice(first);
        to[from.len() - 4..].copy_from_slice(last);
    } else {
        to.copy_from_slice(from);
    }
}

#[cold]
#[inline(never)]
fn grow_and_extend<S: Sink + ?Sized>(out: &mut S, bytes: &[u8]) {
    let at = out.len();
    let end = at + bytes.len();
    if end > out.space().len() {
        out.grow(2 * end);
    }
    out.space_mut()[at..end].copy_from_slice(bytes);
    out.set_len(end);
}

/// For values, which are handed on.
pub(super) struct Document {
    space: Vec<u8>,
    len: usize,
}

impl Document {
    pub(super) fn new() -> Self {
        // Of zeros it would be: but memory that the allocator has to clear is slower to get.
        Self { space: vec![0xc1; DOCUMENT], len: 0 }
    }

    /// What was written.
    pub(super) fn into_vec(mut self) -> Vec<u8> {
        self.space.truncate(self.len);
        // Stored documents live long.
        if self.len < self.space.capacity() / 2 {
            self.space.shrink_to_fit();
        }
        self.space
    }
}

impl Sink for Document {
    #[inline(always)]
    fn space(&self) -> &[u8] {
        &self.space
    }

    #[inline(always)]
    fn space_mut(&mut self) -> &mut [u8] {
        &mut self.space
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    fn grow(&mut self, len: usize) {
        self.space.resize(len, 0);
    }
}

/// For arguments, of which only the hash is kept.
pub(super) struct Window<'w> {
    stack: &'w mut [u8],
    /// Takes the place of the stack once that is too small.
    heap: Vec<u8>,
    len: usize,
}

impl<'w> Window<'w> {
    pub(super) fn new(stack: &'w mut [u8]) -> Self {
        Self { stack, heap: Vec::new(), len: 0 }
    }
}

impl Sink for Window<'_> {
    #[inline(always)]
    fn space(&self) -> &[u8] {
        if self.heap.is_empty() { self.stack } else { &self.heap }
    }

    #[inline(always)]
    fn space_mut(&mut self) -> &mut [u8] {
        if self.heap.is_empty() { self.stack } else { &mut self.heap }
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    fn grow(&mut self, len: usize) {
        if self.heap.is_empty() {
            self.heap.reserve_exact(len);
            self.heap.extend_from_slice(&self.stack[..self.len]);
        }
        self.heap.resize(len, 0);
    }
}
