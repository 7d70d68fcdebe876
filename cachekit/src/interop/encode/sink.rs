//! The output of the encoder: an initialized space, so that each write is one check and one copy.

/// Arguments of up to so many bytes are encoded without a heap allocation.
pub(super) const ARGUMENTS: usize = 256;
/// Values of up to so many bytes need one allocation.
pub(super) const DOCUMENT: usize = 256;

/// The larger space that replaces one that became too small, and the one that replaces this space in turn.
#[derive(Default)]
pub(super) struct Larger(Option<Box<(Vec<u8>, Self)>>);

impl Larger {
    /// The last space that was needed.
    pub(super) fn into_last(self) -> Option<Vec<u8>> {
        let (mut last, mut next) = *self.0?;
        while let Some(larger) = next.0 {
            (last, next) = *larger;
        }
        Some(last)
    }
}

/// Bytes that grow at their end.
///
/// It borrows the space it writes to, even one that it allocated itself, so a write need not find out where the space is.
/// The bytes written so far are copied to each larger space. The smaller ones are dropped with the encoder.
pub(super) struct Window<'w> {
    /// What is written, and the room behind it.
    space: &'w mut [u8],
    /// How much is written.
    len: usize,
    /// Where the next space goes.
    larger: Option<&'w mut Larger>,
}

impl<'w> Window<'w> {
    pub(super) fn new(space: &'w mut [u8], larger: &'w mut Larger) -> Self {
        Self { space, len: 0, larger: Some(larger) }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn written(&self) -> &[u8] {
        &self.space[..self.len]
    }

    #[inline]
    pub(super) fn written_mut(&mut self) -> &mut [u8] {
        &mut self.space[..self.len]
    }

    /// What is written from here on, and the room behind it.
    #[inline]
    pub(super) fn space_mut(&mut self, start: usize) -> &mut [u8] {
        &mut self.space[start..]
    }

    /// Ends earlier.
    #[inline]
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) {
        match self.space.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
            }
            None => self.grow_and_extend(&[byte]),
        }
    }

    /// A header of one byte and the first `len` of these bytes. All `N` of them are copied where there is room,
    /// which is quicker: the next ones are written over the rest.
    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, header: u8, bytes: [u8; N], len: usize) {
        let at = self.len;
        if let Some([first, rest @ ..]) = self.space.get_mut(at..at + 1 + N) {
            *first = header;
            rest.copy_from_slice(&bytes);
            self.len = at + 1 + len;
        } else {
            self.grow_and_extend(&[header]);
            self.extend(&bytes[..len]);
        }
    }

    /// A header of one byte, and what it is the header of.
    #[inline(always)]
    pub(super) fn headed(&mut self, header: u8, bytes: &[u8]) {
        let at = self.len;
        let end = at + 1 + bytes.len();
        if let Some([first, rest @ ..]) = self.space.get_mut(at..end) {
            *first = header;
            copy_short(rest, bytes);
            self.len = end;
        } else {
            self.grow_and_extend(&[header]);
            self.extend(bytes);
        }
    }

    #[inline(always)]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.space.get_mut(self.len..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len = end;
            }
            None => self.grow_and_extend(bytes),
        }
    }

    #[cold]
    #[inline(never)]
    fn grow_and_extend(&mut self, bytes: &[u8]) {
        let at = self.len;
        let end = at + bytes.len();
        if end > self.space.len() {
            let mut space = Vec::with_capacity(2 * end);
            space.extend_from_slice(&self.space[..at]);
            space.resize(2 * end, 0);
            let larger = self.larger.take().expect("each space leaves a place for the next one");
            let (space, next) = &mut **larger.0.insert(Box::new((space, Larger::default())));
            self.space = space;
            self.larger = Some(next);
        }
        self.space[at..end].copy_from_slice(bytes);
        self.len = end;
    }
}

/// Copies without a call where that is quick: the first and the last bytes, which may overlap.
#[inline(always)]
pub(in crate::interop) fn copy_short(to: &mut [u8], from: &[u8]) {
    let len = from.len();
    if len <= 16
        && let (Some(first), Some(last)) = (from.first_chunk::<8>(), from.last_chunk::<8>())
    {
        to[..8].copy_from_slice(first);
        to[len - 8..].copy_from_slice(last);
    } else if len < 8
        && let (Some(first), Some(last)) = (from.first_chunk::<4>(), from.last_chunk::<4>())
    {
        to[..4].copy_from_slice(first);
        to[len - 4..].copy_from_slice(last);
    } else if let [first, .., last] = from
        && len < 4
    {
        to[0] = *first;
        to[1] = from[1];
        to[len - 1] = *last;
    } else {
        to.copy_from_slice(from);
    }
}
